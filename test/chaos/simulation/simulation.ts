/**
 * Owns a run: one seed, one scheduler, several replicas of each role over a model of the server, players, and faults. Faults strike
 * for a while; then they stop, whoever is dead is started again, and every session must come to its end.
 */
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { evolveBattle, initialBattle } from '#combat/battle.ts';
import { snapshotBattle } from '#combat/battle-snapshot.ts';
import { evolve, initialSession } from '#combat/session.ts';
import { snapshotSession } from '#combat/session-snapshot.ts';
import { timerSetSubject } from '#contracts/subjects.ts';
import type { Logger } from '#process/logging.ts';
import { PLAIN_BOOK } from '#test/unit/combat/plain-rules.ts';
import { Crew } from './crew.ts';
import { Dice } from './dice.ts';
import { type Guard, weaken } from './guards.ts';
import { breachesOf } from './history.ts';
import { Breach, Judge } from './judge.ts';
import { ModelServer } from './model-server.ts';
import { Network } from './network.ts';
import { Players } from './players.ts';
import type { RoleWorld } from './roles.ts';
import { VirtualTime } from './virtual-time.ts';
import { type Fault, Weather } from './weather.ts';

/** What came of a run. */
export interface Outcome {
  readonly seed: number;
  /** The first thing that must not have happened; null where all was well. */
  readonly breach: string | null;
  /** Stands for the whole run: two runs of a seed have the same. */
  readonly hash: string;
  readonly replicas: 1 | 3;
  readonly steps: number;
  readonly virtualMs: number;
  /** In the log. */
  readonly messages: number;
  readonly actions: number;
  readonly sessions: number;
  /** Actions that have no result in the end. */
  readonly lost: number;
  readonly faults: ReadonlyMap<Fault, number>;
  /** From the end of the faults until each session that was there had caught up: nobody awake, no action without a result. */
  readonly recoveryMs: number;
}

/** How a run is to go. */
export interface RunOptions {
  /** A guard to run without. */
  readonly guard?: Guard | null;
  /** Is told of everything. */
  readonly trace?: ((line: string) => void) | null;
}

/** The crash clocks, at their lowest. */
const LOCK_TTL_MS = 2_000;
const ACK_WAIT_MS = 2_000;
/** Faults strike for so long, at the most. */
const STORMY_LEAST_MS = 5_000;
const STORMY_MOST_MS = 40_000;
const EVERY_MS = 1_000;
/** After the faults: bots are asked again after 30 s, a session idles for up to 20 s, blows time out after 9 s. */
const RECOVERY_MOST_MS = 900_000;
/** More than any run takes; a run that spins is stopped. */
const STEPS_MOST = 200_000;

/** Runs a seed. */
export async function simulate(seed: number, options: RunOptions = {}): Promise<Outcome> {
  return await new Simulation(seed, options).run();
}

class Simulation {
  readonly #seed: number;
  readonly #trace: ((line: string) => void) | null;
  readonly #dice: Dice;
  readonly #time: VirtualTime;
  readonly #weather: Weather;
  readonly #replicas: 1 | 3;
  readonly #judge: Judge;
  readonly #server: ModelServer;
  readonly #players: Players;
  readonly #world: RoleWorld;
  readonly #crew: Crew;
  readonly #breaches: string[] = [];

  constructor(seed: number, { guard = null, trace = null }: RunOptions) {
    this.#seed = seed;
    this.#trace = trace;
    const dice = new Dice(seed);
    const time = new VirtualTime(dice);
    const weather = new Weather(dice);
    this.#dice = dice;
    this.#time = time;
    this.#weather = weather;
    this.#replicas = dice.pick([1, 3] as const);
    this.#crew = new Crew({ time, dice, weather, say: (line) => this.#say(line) });
    this.#judge = new Judge(PLAIN_BOOK, time, LOCK_TTL_MS);
    const network = new Network(time, dice, weather, {
      called: (process, what) => this.#say(() => `${process.name}: ${what}`),
      kill: (process, why) => this.#crew.kill(process, why),
      freeze: (process, ms, why) => this.#crew.freeze(process, ms, why),
    });
    const base = {
      time,
      dice,
      weather,
      network,
      replicas: this.#replicas,
      ackWaitMs: ACK_WAIT_MS,
      lockTtlMs: LOCK_TTL_MS,
    };
    this.#server = new ModelServer(base, {
      stored: (stream, message) => {
        this.#say(() => `${stream} ${message.seq}: ${message.subject} ${Buffer.from(message.data).toString()}`);
        this.#time.mix(crc32(message.data));
        this.#judged(() => this.#judge.stored(stream, message));
        if (stream === 'COMBAT') this.#crew.follow();
      },
      settled: (consumer, message) => {
        this.#say(() => `${consumer}: acknowledged ${message.subject} ${message.seq}`);
        this.#judged(() => this.#judge.settled(consumer, message));
      },
      purged: (sessionId) => {
        this.#say(() => `timer of ${sessionId} purged`);
        this.#judged(() => this.#judge.purged(sessionId));
      },
    });
    this.#judge.server = this.#server;
    weaken(guard, this.#server);
    const verdict = (said: Parameters<Judge['verdict']>[0]) => this.#judged(() => this.#judge.verdict(said));
    this.#world = { ...base, server: this.#server, rules: PLAIN_BOOK, logger: this.#logger(), guard, verdict };
    this.#players = new Players({ ...base, server: this.#server, judge: this.#judge });
  }

  async run(): Promise<Outcome> {
    using _ = this.#time.install();
    const unhandled = (error: unknown) => void this.#breaches.push(`an unhandled rejection: ${String(error)}`);
    process.on('unhandledRejection', unhandled);
    try {
      return await this.#play();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  }

  async #play(): Promise<Outcome> {
    const time = this.#time;
    this.#crew.begin(this.#world);
    this.#players.begin();
    const stormyMs = this.#dice.integer(STORMY_LEAST_MS, STORMY_MOST_MS);
    time.after(EVERY_MS, () => this.#strikeServer());
    time.after(stormyMs, () => this.#clearUp());
    const endMs = stormyMs + RECOVERY_MOST_MS;
    while (this.#breaches.length === 0 && !this.#isOver()) {
      if (time.now > endMs || time.steps > STEPS_MOST || !(await time.step())) {
        this.#breaches.push(`not over ${time.now - stormyMs} ms after the faults: ${this.#unfinished()}`);
      }
    }
    if (this.#breaches.length === 0) {
      this.#compareFolds();
      this.#breaches.push(...breachesOf(this.#server.whole, this.#server.letters, PLAIN_BOOK));
    }
    return this.#outcome();
  }

  #outcome(): Outcome {
    const { steps, now, hash } = this.#time;
    const trials = [...this.#judge.trials.values()];
    return {
      seed: this.#seed,
      breach: this.#breaches[0] ?? null,
      hash: hash.toString(16).padStart(8, '0'),
      replicas: this.#replicas,
      steps,
      virtualMs: now,
      messages: this.#server.log.seq,
      actions: trials.reduce((sum, { emitted }) => sum + emitted, 0),
      sessions: trials.length,
      lost: trials.reduce((sum, { emitted, executed }) => sum + emitted - executed, 0),
      faults: this.#weather.struck,
      recoveryMs: this.#judge.recoveryMs,
    };
  }

  /** Every session is closed, every action has its result, and nobody has anything left to do. */
  #isOver(): boolean {
    if (!this.#weather.calm || this.#server.pending > 0) return false;
    const trials = [...this.#judge.trials.values()].filter(({ session }) => session.status !== 'absent');
    return trials.every(
      (trial) => this.#judge.isOver(trial) && this.#server.timers.last(timerSetSubject(trial.id)) === undefined,
    );
  }

  #unfinished(): string {
    const states = [...this.#judge.trials.values()].map(
      ({ id, session, emitted, executed, awake }) =>
        `${id} is ${session.status} with ${executed} of ${emitted} executed, ${awake} deliveries and ` +
        `${this.#server.timers.last(timerSetSubject(id)) === undefined ? 'no' : 'a'} timer`,
    );
    return `${states.join('; ')}; ${this.#server.pending} deliveries in all`;
  }

  /** I1, and the exact prefix: what is cached is what a fold of the log from its first message is. */
  #compareFolds(): void {
    for (const { role, process, running } of this.#crew.seats) {
      if (process === null || running === null || role === 'ai') continue;
      for (const { id, entries } of this.#judge.trials.values()) {
        const cached = running.fold(id);
        if (cached === null) continue;
        const session = initialSession(id);
        const battle = initialBattle(id);
        for (const entry of entries.filter(({ seq }) => seq <= cached.position)) {
          if (role === 'collector') evolve(session, entry, PLAIN_BOOK);
          else if (entry.message.kind !== 'signal') evolveBattle(battle, entry, PLAIN_BOOK);
        }
        const fresh = role === 'collector' ? snapshotSession(session) : snapshotBattle(battle);
        if (!isDeepStrictEqual(fresh, cached.snapshot))
          this.#breaches.push(
            `I1 ${process.name} folds ${id} to ${JSON.stringify(cached.snapshot)}, not ${JSON.stringify(fresh)}`,
          );
      }
    }
  }

  /** What may strike the server at any time. */
  #strikeServer(): void {
    if (this.#weather.calm) return;
    this.#time.after(EVERY_MS, () => this.#strikeServer());
    if (this.#weather.strikes('buckets lost')) {
      this.#say(() => 'the buckets are lost');
      this.#server.loseBuckets();
    }
    if (this.#replicas === 3 && this.#weather.strikes('leader changed')) {
      const stream = this.#dice.pick(this.#server.streams);
      this.#say(() => `${stream.name} loses its leader`);
      stream.loseLeader();
    }
    if (this.#replicas === 3 && this.#weather.strikes('leader stays behind')) {
      const stream = this.#dice.pick(this.#server.streams);
      this.#say(() => `a leader of ${stream.name} stays behind`);
      stream.stayBehind();
    }
  }

  /** The faults stop: whoever is frozen goes on, whoever is dead is started again. */
  #clearUp(): void {
    this.#say(() => 'the faults stop');
    this.#weather.becomeCalm();
    this.#judge.becomeCalm();
    this.#crew.thawAll();
  }

  #judged(judge: () => void): void {
    try {
      judge();
    } catch (error) {
      const text = error instanceof Breach ? error.message : `the judge failed: ${(error as Error).stack}`;
      this.#breaches.push(text);
      this.#say(() => `BREACH ${text}`);
    }
  }

  /** What a process writes as an error is nothing it had expected, and a breach. */
  #logger(): Logger {
    const say = (about: unknown, text?: string) => this.#say(() => `log: ${text ?? about}`);
    const error = (about: { err?: unknown } | string, text?: string) => {
      const cause = typeof about === 'string' ? about : about.err;
      this.#breaches.push(`an error was logged: ${text}: ${cause instanceof Error ? cause.stack : String(cause)}`);
    };
    return { debug: say, info: say, warn: say, error, fatal: error } as unknown as Logger;
  }

  #say(line: () => string): void {
    if (this.#trace !== null) this.#trace(`${String(this.#time.now).padStart(7)} ${line()}`);
  }
}
