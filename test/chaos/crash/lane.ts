// Owns: one server with one process of each role on it, and playing a script there while processes die: each that dies is
// replaced at once, and the play ends when the session is at rest: closed, and nothing unacknowledged anywhere.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { ROLES, type RoleName } from '#tools/roles/role-process.ts';
import { FAST_CLOCKS } from '../../harness/roles.ts';
import { startTestServer, type TestServer } from '../../harness/server.ts';
import { Outsider, type Session } from '../../interop/outsider.ts';
import { PLAIN_RULES } from '../../interop/roles.ts';
import { breachesOf } from './breaches.ts';
import { MortalRole, type ToldCall } from './mortal-role.ts';
import { NO_ORDER, type Order } from './order.ts';
import { outcomeOf } from './outcome.ts';
import { type Deaths, Play } from './play.ts';
import type { Scenario } from './scenarios.ts';
import type { Scene } from './scripts.ts';

/** Redeliveries, delays that grow and locks that expire included. */
const REST_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 20;
/** Once a session is at rest a snapshot is all that is still to come: within a sweep, or two seconds after the last. */
const LATE_DEATH_LIMIT_MS = 3_000;
/** So long no call is made by anybody when a play is over: a settled session is snapshotted by the next sweep. */
const QUIET_MS = 1_000;

/** What a play came to. */
export interface Played {
  readonly session: Session;
  /** False where a point was not come by: the process did not die there. */
  readonly reached: boolean;
  readonly outcome: readonly string[];
  /** What is wrong, one line each. */
  readonly breaches: readonly string[];
  /** The calls of each role, process after process. */
  readonly calls: Readonly<Record<RoleName, readonly (readonly ToldCall[])[]>>;
  /** From each death to the next message that a role put into the session's log; fewer where there was nothing to be done. */
  readonly recoveriesMs: readonly number[];
}

/** A server, its roles, and who plays there. */
export class Lane {
  readonly #name: string;
  readonly #server: TestServer;
  readonly #outsider: Outsider;
  /** For whoever reads the streams to judge them. */
  readonly #nc: NatsConnection;
  readonly #roles: Record<RoleName, MortalRole>;
  readonly #sites: (role: RoleName, call: ToldCall) => void;
  #plays = 0;

  private constructor(
    name: string,
    server: TestServer,
    outsider: Outsider,
    nc: NatsConnection,
    roles: Record<RoleName, MortalRole>,
    sites: (role: RoleName, call: ToldCall) => void,
  ) {
    this.#name = name;
    this.#server = server;
    this.#outsider = outsider;
    this.#nc = nc;
    this.#roles = roles;
    this.#sites = sites;
  }

  /**
   * Starts everything.
   * @param sites takes every call that a role makes
   */
  static async open(name: string, sites: (role: RoleName, call: ToldCall) => void): Promise<Lane> {
    const server = await startTestServer();
    const started = ROLES.map(
      (role) => new MortalRole(role, environment(server), NO_ORDER, (call) => sites(role, call)),
    );
    try {
      await Promise.all(started.map(({ ready }) => ready));
      const roles = Object.fromEntries(started.map((role) => [role.name, role])) as Record<RoleName, MortalRole>;
      const [outsider, nc] = await Promise.all([Outsider.connect(server.url), connect({ servers: server.url })]);
      return new Lane(name, server, outsider, nc, roles, sites);
    } catch (error) {
      await Promise.all(started.map((role) => role.kill()));
      await server.stop();
      throw error;
    }
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all([this.#outsider.close(), this.#nc.close()]);
    await Promise.all(Object.values(this.#roles).map((role) => role.kill()));
    await this.#server.stop();
  }

  /** Plays a script; with nobody to die, until all has gone quiet. Rejects where the session does not come to rest. */
  async play(scenario: Scenario, deaths: Deaths | null): Promise<Played> {
    this.#plays += 1;
    const play = new Play(`${scenario.name}-${this.#name}${this.#plays}`, scenario, deaths);
    const session = this.#outsider.session(play.id);
    await this.#perform(play, session);
    const calls = play.calls(this.#roles);
    const reached = play.deathsLeft === 0;
    if (!reached) await Promise.all(ROLES.map((role) => this.#disarm(role)));
    play.over = true;
    return {
      session,
      reached,
      outcome: outcomeOf(session),
      breaches: [...play.faults, ...(await breachesOf(this.#nc, session))],
      calls,
      recoveriesMs: play.recoveriesMs,
    };
  }

  async #perform(play: Play, session: Session): Promise<void> {
    const { scenario } = play;
    const scene: Scene = { outsider: this.#outsider, session, drain: () => this.#drain(play) };
    await scenario.before?.(scene);
    if (scenario.before !== undefined) await this.#rest(play, session, []);
    await Promise.all(ROLES.map((role) => this.#prepare(role, play)));
    for (const role of ROLES) void this.#replaceWhenDead(role, play, session);
    try {
      const origins = await scenario.play(scene);
      await this.#rest(play, session, origins);
      if (play.deaths === null) await this.#quiet();
      else if (play.deathsLeft > 0 && (await play.death(LATE_DEATH_LIMIT_MS))) await this.#rest(play, session, origins);
    } catch (error) {
      play.over = true;
      throw new Error(`${(error as Error).message}\n${Object.values(this.#roles).map((role) => role.print())}`);
    }
  }

  /** Brings a role to where its calls are counted: as it runs, or in a new process where the scenario wants one. */
  async #prepare(role: RoleName, play: Play): Promise<void> {
    const { scenario } = play;
    const order = play.order(role, 0);
    await this.#roles[role].ready;
    const anew = scenario.ignorant === role || (scenario.before !== undefined && scenario.victims.includes(role));
    if (!anew) return await this.#roles[role].arm(order);
    await this.#roles[role].kill();
    if (scenario.ignorant !== role) return await this.#start(role, environment(this.#server), order);
    const { RULES_MODULES: _, ...ignorant } = environment(this.#server);
    await this.#start(role, ignorant, order, ({ name, call }) => {
      if (name === 'retry' && call !== null) this.#roles[role].terminate();
    });
  }

  /** Sees to it that nothing is left of an order that was not come by. */
  async #disarm(role: RoleName): Promise<void> {
    for (;;) {
      const armed = this.#roles[role];
      await armed.ready.catch(() => {}); // then it has died, too
      const died = armed.exited.then(() => true);
      if (!(await Promise.race([armed.arm(NO_ORDER).then(() => false), died]))) return;
    }
  }

  /** Sees to it that a role lives on in another process when it has died, or drained, in a play. */
  async #replaceWhenDead(role: RoleName, play: Play, session: Session): Promise<void> {
    for (;;) {
      const died = this.#roles[role];
      const exit = await died.exited;
      if (play.over) return;
      play.ended(died, exit.code);
      if (died.diedAt !== null) play.awaitRecovery(session, died.diedAt);
      await this.#start(role, environment(this.#server), play.order(role, play.livesOf(role))).catch((error: Error) => {
        play.faults.push(error.message);
      });
      play.replaced();
    }
  }

  async #start(
    role: RoleName,
    env: Readonly<Record<string, string>>,
    order: Order,
    watch: (call: ToldCall) => void = () => {},
  ): Promise<void> {
    const started = new MortalRole(role, env, order, (call) => {
      this.#sites(role, call);
      watch(call);
    });
    this.#roles[role] = started;
    // It may die, as it was told to, before it is ready.
    await started.ready.catch((error: unknown) => {
      if (started.diedAt === null) throw error;
    });
  }

  async #drain(play: Play): Promise<void> {
    const drained = play.deaths === null ? play.scenario.victims : [play.deaths.role];
    await Promise.all(
      drained.map((role) => {
        const replaced = play.replacement();
        this.#roles[role].terminate();
        return replaced;
      }),
    );
  }

  /** Waits until nothing is left to be done: no wake, task or due timer unacknowledged, no dead letter missing. */
  async #rest(play: Play, session: Session, origins: readonly string[]): Promise<void> {
    const end = performance.now() + REST_LIMIT_MS;
    for (let busy = ''; ; ) {
      const lettersOf = (id: string) => this.#outsider.session(id).deadLetters;
      const letters = [...session.deadLetters, ...lettersOf(`${session.id}!`)].map(({ origin }) => origin);
      const missing = origins.filter((origin) => !letters.includes(origin));
      busy = missing.length > 0 ? `no dead letter of ${missing}` : await this.#busy();
      if (busy === '') {
        if (letters.length > origins.length) play.faults.push(`dead letters ${letters}, expected ${origins}`);
        return;
      }
      if (performance.now() > end) throw new Error(`not at rest: ${busy}\n${session.print()}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** What a consumer has still to do; empty for nothing. */
  async #busy(): Promise<string> {
    for (const [name, { stream }] of Object.entries(CONSUMERS) as [ConsumerName, { stream: string }][]) {
      const { num_pending, num_ack_pending } = await this.#outsider.jsm.consumers.info(stream, name);
      if (num_pending + num_ack_pending > 0) return `${name} has ${num_pending} to come and ${num_ack_pending} in hand`;
    }
    return '';
  }

  /** Waits until what is written behind has been written. */
  async #quiet(): Promise<void> {
    const calls = () => Object.values(this.#roles).reduce((sum, role) => sum + role.calls.length, 0);
    for (let before = -1; before !== calls(); ) {
      before = calls();
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    }
  }
}

function environment(server: TestServer): Readonly<Record<string, string>> {
  return { NATS_URL: server.url, ...FAST_CLOCKS, ...PLAIN_RULES } as Record<string, string>;
}
