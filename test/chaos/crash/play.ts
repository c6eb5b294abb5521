// Owns: one play as it goes: who has died, what is to become of whoever comes next, and how long it took until the session
// went on.

import type { RoleName } from '#tools/roles/role-process.ts';
import type { Session } from '../../interop/outsider.ts';
import type { MortalRole, ToldCall } from './mortal-role.ts';
import { NO_ORDER, type Order, type Point } from './order.ts';
import { isOfRoles } from './outcome.ts';
import type { Scenario } from './scenarios.ts';

/** A session that does not go on by then never does; whoever waits for its rest says so. */
const RECOVERY_LIMIT_MS = 60_000;

/** Who dies, and where: a second point is for the process that takes the place of the first to die. */
export interface Deaths {
  readonly role: RoleName;
  readonly points: readonly Point[];
}

/** One play as it goes: who has died, and what is to become of whoever comes next. */
export class Play {
  readonly id: string;
  readonly scenario: Scenario;
  readonly deaths: Deaths | null;
  readonly faults: string[] = [];
  readonly recoveriesMs: number[] = [];
  over = false;
  deathsLeft: number;
  readonly #ended: MortalRole[] = [];
  #waiting: { event: 'death' | 'replacement'; done: () => void }[] = [];

  constructor(id: string, scenario: Scenario, deaths: Deaths | null) {
    this.id = id;
    this.scenario = scenario;
    this.deaths = deaths;
    this.deathsLeft = deaths?.points.length ?? 0;
  }

  /** What the process of a role is told that takes its place after so many others. */
  order(role: RoleName, livesBefore: number): Order {
    const die = role === this.deaths?.role ? (this.deaths.points[livesBefore] ?? null) : null;
    const mishaps = livesBefore === 0 ? this.scenario.mishaps?.[role] : undefined;
    return { ...NO_ORDER, sessions: [this.id, `${this.id}-none`, `${this.id}!`], die, ...mishaps };
  }

  livesOf(role: RoleName): number {
    return this.#ended.filter(({ name }) => name === role).length;
  }

  ended(process: MortalRole, code: number | null): void {
    this.#ended.push(process);
    if (process.diedAt !== null) {
      this.deathsLeft -= 1;
      this.#happened('death');
    } else if (code !== 0) this.faults.push(`the ${process.name} ended by itself with ${code}\n${process.print()}`);
  }

  replaced(): void {
    this.#happened('replacement');
  }

  /** True when a process has died, or false after a while. */
  death(limitMs: number): Promise<boolean> {
    return Promise.race([this.#next('death').then(() => true), late(limitMs)]);
  }

  /** Resolves when a process has taken another's place. */
  replacement(): Promise<void> {
    return this.#next('replacement');
  }

  /** The calls made in this play: by those who have ended, and those who live. */
  calls(living: Readonly<Record<RoleName, MortalRole>>): Record<RoleName, ToldCall[][]> {
    const of = (role: RoleName) =>
      [...this.#ended.filter(({ name }) => name === role), living[role]].map(({ calls }) => [...calls]);
    return { collector: of('collector'), executor: of('executor'), ai: of('ai') };
  }

  awaitRecovery(session: Session, diedAt: number): void {
    const progress = () => session.entries.filter(isOfRoles).length;
    const before = progress();
    const look = () => (this.over || progress() > before ? performance.now() : undefined);
    session.until('progress', look, RECOVERY_LIMIT_MS).then(
      (at) => !this.over && this.recoveriesMs.push(Math.round(at - diedAt)),
      () => {},
    );
  }

  #next(event: 'death' | 'replacement'): Promise<void> {
    return new Promise((done) => this.#waiting.push({ event, done }));
  }

  #happened(event: 'death' | 'replacement'): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((waiter) => waiter.event !== event);
    for (const { done } of waiting.filter((waiter) => waiter.event === event)) done();
  }
}

async function late(ms: number): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return false;
}
