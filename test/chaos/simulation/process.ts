/**
 * Owns the life of a simulated process: it runs, is frozen for a while and goes on with its old beliefs (a zombie), or is
 * killed at whichever await it stands: nothing of it ever happens again.
 *
 *     running --freeze--> frozen --thaw--> running --kill--> dead
 *
 * What happens to a frozen process waits in its order: on the thaw its overdue timers come first, then what has arrived.
 */
import type { Dice } from './dice.ts';
import type { Owner, Planned, VirtualTime } from './virtual-time.ts';

/** Clocks differ by up to this much. */
const SKEW_MOST_MS = 1_000;
/** A server sends a silent process what it had asked for until that request expires. */
const PULL_EXPIRES_MS = 5_000;
/** A process that dies with its machine is missed only after this long, at the most. */
const UNNOTICED_MOST_MS = 3_000;

/** One process of a role. */
export class Process implements Owner {
  readonly name: string;
  /** By how much its clock is wrong. */
  readonly skewMs: number;
  readonly #time: VirtualTime;
  readonly #unnoticedMs: number;
  readonly #kept: Planned[] = [];
  #state: 'running' | 'frozen' | 'dead' = 'running';
  #silentSince = 0;
  #takesNoMore = false;
  #names = 0;

  constructor(name: string, time: VirtualTime, dice: Dice) {
    this.name = name;
    this.#time = time;
    this.skewMs = dice.happens(0.5) ? 0 : dice.integer(-SKEW_MOST_MS, SKEW_MOST_MS);
    this.#unnoticedMs = dice.happens(0.8) ? 0 : dice.integer(0, UNNOTICED_MOST_MS);
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** True where the server would still send to it. */
  get isHeard(): boolean {
    if (this.#takesNoMore) return false;
    if (this.#state === 'running') return true;
    const silentMs = this.#time.now - this.#silentSince;
    return silentMs < (this.#state === 'frozen' ? PULL_EXPIRES_MS : this.#unnoticedMs);
  }

  /** A name that nobody else gives to anything. */
  newName(): string {
    this.#names += 1;
    return `${this.name}-${this.#names}`;
  }

  admit(event: Planned): boolean {
    if (this.#state === 'frozen') this.#kept.push(event);
    return this.#state === 'running';
  }

  /** It asks the server for nothing more, and goes on with what it has. */
  takeNoMore(): void {
    this.#takesNoMore = true;
  }

  kill(): void {
    if (this.#state === 'dead') return;
    if (this.#state === 'running') this.#silentSince = this.#time.now;
    this.#state = 'dead';
    this.#kept.length = 0;
  }

  freeze(): void {
    if (this.#state !== 'running') return;
    this.#state = 'frozen';
    this.#silentSince = this.#time.now;
  }

  thaw(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'running';
    const kept = this.#kept.splice(0).filter(({ cancelled }) => !cancelled);
    this.#time.resume([...kept.filter(({ isTimer }) => isTimer), ...kept.filter(({ isTimer }) => !isTimer)]);
  }
}
