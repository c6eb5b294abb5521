/**
 * Owns the throughput part: the roles as processes, a load process, and rounds in which every session fights as fast as it
 * gets results.
 */
import { Counting, type Counts, perExchange } from './counts.ts';
import { type Counted, cpuTimes, cpuUsed, machineShares, machineTime } from './cpu-time.ts';
import type { Program } from './crew.ts';
import type { Percentiles } from './distribution.ts';
import { type MessageSizes, measureSizes } from './message-sizes.ts';
import type { BenchOptions } from './options.ts';
import type { DuelsWindow, OpenDuels } from './programs/duels.ts';
import { castRoles, openStage, persisted, type Run, type Stage } from './stage.ts';

/** What one round came to. */
export interface ThroughputRound {
  readonly exchangesPerS: number;
  readonly exchanges: number;
  readonly notDone: number;
  readonly resent: number;
  readonly resultMs: Percentiles;
  /** CPU time per exchange by process, in microseconds; null where the system does not tell. */
  readonly cpuUs: Readonly<Record<string, number | null>>;
  /** Shares of the whole machine's time, from 0 to 1. */
  readonly machine: { readonly idle: number; readonly steal: number } | null;
  /** Messages persisted per exchange, by stream. */
  readonly persisted: Readonly<Record<string, number>>;
  /** What roles and server did per exchange; null where nothing was counted. */
  readonly counts: Readonly<Record<string, number>> | null;
}

const MS_PER_S = 1000;
/** The last heartbeats and their passes; snapshots may come later and then count for the next round. */
const TAIL_MS = 500;
/** Hundreds of exchanges, on the slowest machine. */
const SIZES_MS = 1_000;

/** A running throughput part: paused at first. */
export class Throughput {
  readonly #stage: Stage;
  readonly #load: Program;
  readonly #processes: readonly Counted[];
  readonly #counting: Counting | null;

  private constructor(stage: Stage, load: Program, processes: readonly Counted[], counting: Counting | null) {
    this.#stage = stage;
    this.#load = load;
    this.#processes = processes;
    this.#counting = counting;
  }

  /** Starts server, roles and load, and opens the sessions. */
  static async open(run: Run, options: BenchOptions): Promise<Throughput> {
    const { profileDir, sessions } = options;
    const stage = await openStage(run, options);
    const roles = await castRoles(run, stage, options);
    const load = run.crew.program('duels', { profileDir });
    const argument: OpenDuels = { url: stage.url, sessions };
    await load.order('open', argument);
    const processes: Counted[] = [
      ...roles.map(({ role, pid }): Counted => [role, pid]),
      ['load', load.pid],
      ...stage.servers.map(({ pid }): Counted => ['server', pid]),
    ];
    return new Throughput(stage, load, processes, profileDir === null ? null : new Counting(stage.nc, roles));
  }

  /** Lets the duels go on for so long without measuring them; in the end measures the size of their messages. */
  async warmUp(ms: number): Promise<MessageSizes> {
    await this.#load.order('start');
    await new Promise((resolve) => setTimeout(resolve, ms));
    const sizes = await measureSizes(this.#stage.nc, SIZES_MS);
    await this.#load.order('pause');
    return sizes;
  }

  /**
   * One round.
   * @param settleMs before the window, with the load on
   */
  async round(settleMs: number, ms: number): Promise<ThroughputRound> {
    const before = await this.#look();
    await this.#load.order('start');
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const cpuBefore = { times: cpuTimes(this.#processes), machine: machineTime() };
    const window = await this.#load.order<DuelsWindow>('measure', { ms });
    const cpuAfter = { times: cpuTimes(this.#processes), machine: machineTime() };
    const all = await this.#load.order<number>('pause');
    await new Promise((resolve) => setTimeout(resolve, TAIL_MS));
    const after = await this.#look();

    const { exchanges, notDone, resent, resultMs } = window;
    const cpu = Object.entries(cpuUsed(cpuBefore.times, cpuAfter.times));
    return {
      exchangesPerS: (exchanges / window.ms) * MS_PER_S,
      exchanges,
      notDone,
      resent,
      resultMs,
      cpuUs: Object.fromEntries(cpu.map(([name, us]) => [name, us === null ? null : us / exchanges])),
      machine: machineShares(cpuBefore.machine, cpuAfter.machine),
      persisted: perExchange(before.persisted, after.persisted, all),
      counts: after.counts === null ? null : perExchange(before.counts ?? new Map(), after.counts, all),
    };
  }

  async #look(): Promise<Look> {
    return { persisted: await persisted(this.#stage), counts: (await this.#counting?.look()) ?? null };
  }
}

/** What is looked at before the load is on and after it is off, so that it all belongs to the exchanges between. */
interface Look {
  readonly persisted: Counts;
  readonly counts: Counts | null;
}
