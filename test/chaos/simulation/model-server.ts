/**
 * Owns a model of the server that the roles share: the log, the task queue, the timers, the locks with their time to live, the
 * snapshots, and the durable consumers. What of it a process gets to see, and when, is model-effects.ts and network.ts.
 */
import {
  type BucketName,
  bucketStream,
  COMBAT,
  CONSUMERS,
  type ConsumerName,
  DEAD,
  LOCKS_BUCKET,
  TASKS,
  TIMERS,
} from '#contracts/streams.ts';
import { sessionOfSubject, timerDueSubject } from '#contracts/subjects.ts';
import type { Dice } from './dice.ts';
import { ModelConsumer } from './model-consumer.ts';
import { ModelStream, type Stored, type StreamWorld } from './model-stream.ts';
import type { Network } from './network.ts';
import { EPOCH_MS, type VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

/** What the server tells of itself. */
export interface ServerEvents {
  /** A message is in a stream. */
  stored(stream: string, message: Stored): void;
  /** A delivery is acknowledged. */
  settled(consumer: ConsumerName, message: Stored): void;
  /** A session's schedule is gone. */
  purged(sessionId: string): void;
}

export interface ServerWorld extends StreamWorld {
  readonly network: Network;
  readonly ackWaitMs: number;
}

/** Schedules fire up to so late, or a little early. */
const TIMER_EARLY_MOST_MS = 50;
const TIMER_LATE_MOST_MS = 1_000;
/** Between the choice of a schedule to fire and its due message. */
const PURGE_MOST_MS = 40;
const FIRED_TWICE_MOST_MS = 3_000;
const LOCK_LATE_MOST_MS = 1_000;
const SNAPSHOTS_KEPT = 4;

/** The server. */
export class ModelServer {
  readonly log: ModelStream;
  readonly tasks: ModelStream;
  readonly timers: ModelStream;
  readonly locks: ModelStream;
  readonly dead: ModelStream;
  readonly consumers: Record<ConsumerName, ModelConsumer>;
  /** Every message of the log. */
  readonly whole: Stored[] = [];
  /** Every dead letter. */
  readonly letters: Stored[] = [];
  /** Every message of the log, by session. */
  readonly bySession = new Map<string, Stored[]>();
  /** Guards may be taken away here: locks that live for ever. */
  locksExpire = true;
  readonly #world: ServerWorld;
  readonly #events: ServerEvents;
  readonly #snapshots = new Map<string, Uint8Array[]>();
  readonly #time: VirtualTime;
  readonly #dice: Dice;
  readonly #weather: Weather;

  constructor(world: ServerWorld, events: ServerEvents) {
    this.#world = world;
    this.#events = events;
    this.#time = world.time;
    this.#dice = world.dice;
    this.#weather = world.weather;
    const stream = (name: string, stored: (message: Stored) => void) =>
      new ModelStream(name, world, (message) => {
        events.stored(name, message);
        stored(message);
      });
    this.log = stream(COMBAT, (message) => this.#logged(message));
    this.tasks = stream(TASKS, (message) => this.consumers[taskConsumer(message)].offer(message));
    this.timers = stream(TIMERS, (message) => this.#timed(message));
    this.locks = stream(bucketStream(LOCKS_BUCKET), (message) => this.#locked(message));
    this.dead = stream(DEAD, (message) => this.letters.push(message));
    const consumer = (name: ConsumerName) =>
      new ModelConsumer(name, CONSUMERS[name].stream, world, (message) => events.settled(name, message));
    this.consumers = {
      collector: consumer('collector'),
      timers: consumer('timers'),
      executor: consumer('executor'),
      ai: consumer('ai'),
    };
  }

  /** Streams, in the order in which a leader may be lost. */
  get streams(): readonly ModelStream[] {
    return [this.log, this.tasks, this.timers, this.locks, this.dead];
  }

  /** Deliveries that nobody has acknowledged. */
  get pending(): number {
    return Object.values(this.consumers).reduce((sum, { pending }) => sum + pending, 0);
  }

  /** The session's messages that a filter takes. */
  range(filter: string): { readonly messages: readonly Stored[]; takes(subject: string): boolean } {
    const [kind, what, sessionId] = filter.split('.') as [string, string, string];
    const prefix = kind === '*' ? '' : what === '*' ? `${kind}.` : filter;
    return { messages: this.bySession.get(sessionId) ?? [], takes: (subject) => subject.startsWith(prefix) };
  }

  /** The snapshot of a session as a replica has it: the newest, or, where it lags, an older one or none. */
  snapshot(bucket: BucketName, sessionId: string): Uint8Array | null {
    const versions = this.#snapshots.get(`${bucket} ${sessionId}`) ?? [];
    if (this.#world.replicas === 3 && this.#weather.strikes('stale snapshot')) {
      return versions[this.#dice.integer(0, versions.length)] ?? null;
    }
    return versions.at(-1) ?? null;
  }

  writeSnapshot(bucket: BucketName, sessionId: string, value: Uint8Array): void {
    const key = `${bucket} ${sessionId}`;
    const versions = this.#snapshots.get(key) ?? [];
    this.#snapshots.set(key, [...versions, value].slice(-SNAPSHOTS_KEPT));
  }

  /** Every bucket is gone, and made anew by whoever finds it missing: revisions begin at 1 again. */
  loseBuckets(): void {
    this.#snapshots.clear();
    this.locks.reset();
  }

  #logged(message: Stored): void {
    const sessionId = sessionOfSubject(message.subject);
    const messages = this.bySession.get(sessionId) ?? [];
    this.bySession.set(sessionId, messages);
    messages.push(message);
    this.whole.push(message);
    if (!message.subject.startsWith('combat.action.') && !message.subject.startsWith('combat.result.')) {
      this.consumers.collector.offer(message);
    }
  }

  #locked({ subject, seq, publish }: Stored): void {
    if (publish.ttlMs === undefined || !this.locksExpire) return;
    const early = this.#weather.strikes('lock expired early');
    const ms = early ? this.#dice.integer(1, publish.ttlMs) : publish.ttlMs + this.#dice.integer(0, LOCK_LATE_MOST_MS);
    this.#time.after(ms, () => {
      if (this.locks.last(subject)?.seq === seq) this.locks.drop(subject);
    });
  }

  #timed(message: Stored): void {
    const { subject, seq, publish } = message;
    if (publish.atMs === undefined) {
      this.consumers.timers.offer(message);
      return;
    }
    const late = this.#weather.strikes('timer late') ? TIMER_LATE_MOST_MS : TIMER_EARLY_MOST_MS;
    const inMs = publish.atMs - EPOCH_MS - this.#time.now + this.#dice.integer(-TIMER_EARLY_MOST_MS, late);
    this.#time.after(inMs, () => {
      if (this.timers.last(subject)?.seq === seq) this.#fire(message);
    });
  }

  /**
   * A schedule that fires is taken in hand first. What stands on its subject a moment later, when the due message is stored,
   * goes with it: a newer schedule too, that has been acknowledged in between.
   */
  #fire({ subject, seq, data }: Stored): void {
    const sessionId = sessionOfSubject(subject);
    const store = () => {
      const standing = this.timers.last(subject);
      if (standing !== undefined && standing.seq !== seq) this.#weather.note('newer timer purged');
      this.timers.store({ subject: timerDueSubject(sessionId), data });
      this.timers.drop(subject);
      this.#events.purged(sessionId);
    };
    this.#time.after(this.#dice.integer(0, PURGE_MOST_MS), store);
    if (this.#weather.strikes('timer fired twice')) {
      this.#time.after(this.#dice.integer(PURGE_MOST_MS, FIRED_TWICE_MOST_MS), store);
    }
  }
}

const taskConsumer = ({ subject }: Stored): 'executor' | 'ai' => (subject.startsWith('executor.') ? 'executor' : 'ai');
