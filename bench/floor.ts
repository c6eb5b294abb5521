/**
 * Owns the floor part: the persisted messages of an exchange, published and consumed with acknowledgements and without any
 * logic, by as many processes as the throughput part has. No design that persists these messages can be faster.
 */
import { AckPolicy, DeliverPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { type Counted, cpuTimes, cpuUsed } from './cpu-time.ts';
import type { Program } from './crew.ts';
import type { MessageSizes } from './message-sizes.ts';
import type { BenchOptions } from './options.ts';
import type { FloorWindow, OpenFloor } from './programs/floor.ts';
import { openStage, type Run, type Stage } from './stage.ts';

/** What one round came to. */
export interface FloorRound {
  /** Messages per second, divided by the messages of an exchange. */
  readonly exchangesPerS: number;
  readonly messagesPerS: number;
  readonly refused: number;
  /** CPU time per exchange by kind of process, in microseconds; null where the system does not tell. */
  readonly cpuUs: Readonly<Record<string, number | null>>;
}

const MS_PER_S = 1000;
const STREAM = 'FLOOR';
const ACK_WAIT_MS = 10_000;
const ACK_PENDING_MAX = 50_000;

/** A running floor part: paused at first. */
export class Floor {
  readonly #stage: Stage;
  readonly #programs: readonly Program[];
  readonly #messagesPerExchange: number;

  private constructor(stage: Stage, programs: readonly Program[], messagesPerExchange: number) {
    this.#stage = stage;
    this.#programs = programs;
    this.#messagesPerExchange = messagesPerExchange;
  }

  /** Starts server and programs: one for each process that the throughput part has beside its server. */
  static async open(run: Run, options: BenchOptions, sizes: MessageSizes): Promise<Floor> {
    const stage = await openStage(run, options);
    const manager = await jetstreamManager(stage.nc);
    await manager.streams.add({
      name: STREAM,
      subjects: ['floor.>'],
      storage: StorageType.File,
      num_replicas: stage.replicas,
      retention: RetentionPolicy.Limits,
      allow_direct: true,
    });
    const count = options.collectors + options.executors + 1;
    const programs: Program[] = [];
    for (let part = 0; part < count; part++) {
      const consumer = `part-${part}`;
      await manager.consumers.add(STREAM, {
        durable_name: consumer,
        filter_subject: `floor.${part}.>`,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: nanos(ACK_WAIT_MS),
        max_ack_pending: ACK_PENDING_MAX,
      });
      const program = run.crew.program('floor', { profileDir: null });
      const argument: OpenFloor = {
        url: stage.url,
        stream: STREAM,
        consumer,
        prefix: `floor.${part}`,
        sessions: Math.ceil(options.sessions / count),
        kinds: sizes,
      };
      await program.order('open', argument);
      programs.push(program);
    }
    return new Floor(stage, programs, sizes.length);
  }

  /**
   * One round.
   * @param settleMs before the window, with the load on
   */
  async round(settleMs: number, ms: number): Promise<FloorRound> {
    const all = <Result>(order: string, argument?: unknown) =>
      Promise.all(this.#programs.map((program) => program.order<Result>(order, argument)));
    await all('start');
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const processes: Counted[] = [
      ...this.#programs.map(({ pid }): Counted => ['clients', pid]),
      ...this.#stage.servers.map(({ pid }): Counted => ['server', pid]),
    ];
    const before = cpuTimes(processes);
    const windows = await all<FloorWindow>('measure', { ms });
    const used = Object.entries(cpuUsed(before, cpuTimes(processes)));
    await all('pause');
    // What has been consumed is of no more use, and a long run would fill the disk.
    await (await jetstreamManager(this.#stage.nc, { checkAPI: false })).streams.purge(STREAM);

    const sum = (figure: (window: FloorWindow) => number) => windows.reduce((all, window) => all + figure(window), 0);
    const messagesPerS = sum((window) => (window.messages / window.ms) * MS_PER_S);
    const exchanges = sum((window) => window.messages) / this.#messagesPerExchange;
    return {
      exchangesPerS: messagesPerS / this.#messagesPerExchange,
      messagesPerS,
      refused: sum((window) => window.refused),
      cpuUs: Object.fromEntries(used.map(([name, us]) => [name, us === null ? null : us / exchanges])),
    };
  }
}
