/**
 * Owns the throughput part: the roles as processes, a load process, and rounds in which every session fights as fast as it
 * gets results.
 */
import { Counting, type Counts, perExchange } from './counts.ts';
import {
  type Counted,
  type CpuTimes,
  cpuTimes,
  cpuUsed,
  type MachineTime,
  machineShares,
  machineTime,
} from './cpu-time.ts';
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
    const stage = await openStage(run);
    const roles = await castRoles(run, stage, options);
    const load = run.crew.program('duels', { profileDir });
    const argument: OpenDuels = { url: stage.server.url, sessions };
    await load.order('open', argument);
    const processes: Counted[] = [
      ...roles.map(({ role, pid }): Counted => [role, pid]),
      ['load', load.pid],
      ['server', stage.server.pid],
    ];
    return new Throughput(stage, load, processes, profileDir === null ? null : new Counting(stage.nc, roles));
  }

  /** Lets the duels go on for so long without measuring them, and measures the size of their messages. */
  async warmUp(ms: number): Promise<MessageSizes> {
    await this.#load.order('start');
    const sizes = await measureSizes(this.#stage.nc, ms);
    await this.#load.order('pause');
    return sizes;
  }

  /**
   * One round.
   * @param settleMs before the window, with the load on
   */
  async round(settleMs: number, ms: number): Promise<ThroughputRound> {
    await this.#load.order('start');
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const before = await this.#look();
    const window = await this.#load.order<DuelsWindow>('measure', { ms });
    const after = await this.#look();
    await this.#load.order('pause');
    return roundOf(window, before, after);
  }

  async #look(): Promise<Look> {
    return {
      cpu: cpuTimes(this.#processes),
      machine: machineTime(),
      persisted: await persisted(this.#stage),
      counts: (await this.#counting?.look()) ?? null,
    };
  }
}

/** Everything that is looked at before and after a window. */
interface Look {
  readonly cpu: CpuTimes;
  readonly machine: MachineTime | null;
  readonly persisted: ReadonlyMap<string, number>;
  readonly counts: Counts | null;
}

function roundOf(window: DuelsWindow, before: Look, after: Look): ThroughputRound {
  const { exchanges, notDone, resent, resultMs, ms } = window;
  const per = (amount: number | null) => (amount === null ? null : amount / exchanges);
  const cpu = Object.entries(cpuUsed(before.cpu, after.cpu));
  const stored = [...after.persisted].map(
    ([stream, seq]) => [stream, seq - (before.persisted.get(stream) ?? 0)] as const,
  );
  return {
    exchangesPerS: (exchanges / ms) * MS_PER_S,
    exchanges,
    notDone,
    resent,
    resultMs,
    cpuUs: Object.fromEntries(cpu.map(([name, us]) => [name, per(us)])),
    machine: machineShares(before.machine, after.machine),
    persisted: Object.fromEntries(stored.map(([stream, count]) => [stream, count / exchanges])),
    counts: after.counts === null ? null : perExchange(before.counts ?? new Map(), after.counts, exchanges),
  };
}
