/**
 * Owns a model of a durable pull consumer that the replicas of a role share: explicit acknowledgements by stream sequence,
 * redelivery after ACK_WAIT or a delay, to whoever has asked. A zombie's acknowledgement counts like any other.
 */
import type { Delivery } from '#jetstream/delivery.ts';
import type { Dice } from './dice.ts';
import type { Stored } from './model-stream.ts';
import type { Network } from './network.ts';
import type { Process } from './process.ts';
import type { Planned, VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

/** What consumers share. */
export interface ConsumerWorld {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly weather: Weather;
  readonly network: Network;
  readonly ackWaitMs: number;
}

interface Pending {
  readonly message: Stored;
  count: number;
  /** When it comes again; null while nobody has asked for it. */
  again: Planned | null;
}

interface Subscriber {
  readonly process: Process;
  readonly take: (delivery: Delivery) => void;
  /** Sent to it and not taken yet: one read may bring several. */
  readonly inbox: Delivery[];
}

/** The server looks for overdue deliveries this coarsely. */
const SWEEP_MOST_MS = 200;

/** A durable consumer. */
export class ModelConsumer {
  readonly name: string;
  readonly #stream: string;
  readonly #world: ConsumerWorld;
  readonly #settled: (message: Stored) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting = new Set<Pending>();
  #subscribers: Subscriber[] = [];

  /** @param settled is told of every message that is acknowledged */
  constructor(name: string, stream: string, world: ConsumerWorld, settled: (message: Stored) => void) {
    this.name = name;
    this.#stream = stream;
    this.#world = world;
    this.#settled = settled;
  }

  /** Messages that are not acknowledged. */
  get pending(): number {
    return this.#pending.size;
  }

  /** A message for this consumer has been stored. */
  offer(message: Stored): void {
    const pending: Pending = { message, count: 0, again: null };
    this.#pending.set(message.seq, pending);
    this.#deliver(pending);
  }

  /** A process takes from it. */
  subscribe(process: Process, take: (delivery: Delivery) => void): void {
    this.#subscribers = this.#subscribers.filter((subscriber) => subscriber.process.isHeard);
    this.#subscribers.push({ process, take, inbox: [] });
    this.wake();
  }

  /** Somebody may be there again to take what waits. */
  wake(): void {
    for (const pending of [...this.#waiting]) this.#deliver(pending);
  }

  #deliver(pending: Pending): void {
    const { dice, network, time, weather, ackWaitMs } = this.#world;
    const heard = this.#subscribers.filter(({ process }) => process.isHeard);
    if (heard.length === 0) {
      this.#waiting.add(pending);
      return;
    }
    this.#waiting.delete(pending);
    const subscriber = dice.pick(heard);
    pending.count += 1;
    this.#comeAgain(pending, ackWaitMs + dice.integer(0, SWEEP_MOST_MS));
    const delivery = this.#deliveryOf(pending, subscriber.process);
    subscriber.inbox.push(delivery);
    network.send(subscriber.process, () => this.#read(subscriber, delivery));
    if (weather.strikes('delivered again early')) time.after(dice.integer(1, ackWaitMs), () => this.#early(pending));
  }

  /** One read: mostly one message, and sometimes all that is on its way. */
  #read({ inbox, take }: Subscriber, delivery: Delivery): void {
    if (!inbox.includes(delivery)) return;
    const taken = this.#world.dice.happens(0.5) ? [delivery] : [...inbox];
    for (const each of taken) {
      inbox.splice(inbox.indexOf(each), 1);
      take(each);
    }
  }

  #early(pending: Pending): void {
    if (this.#pending.get(pending.message.seq) !== pending || this.#waiting.has(pending)) return;
    if (pending.again !== null) pending.again.cancelled = true;
    this.#deliver(pending);
  }

  #comeAgain(pending: Pending, ms: number): void {
    if (pending.again !== null) pending.again.cancelled = true;
    pending.again = this.#world.time.after(ms, () => this.#deliver(pending));
  }

  #deliveryOf(pending: Pending, process: Process): Delivery {
    const { network, ackWaitMs } = this.#world;
    const { message, count } = pending;
    const tell = (what: () => void) =>
      network.tell(process, () => {
        if (this.#pending.get(message.seq) === pending) what();
      });
    return {
      stream: this.#stream,
      subject: message.subject,
      seq: message.seq,
      data: message.data,
      count,
      ack: () => tell(() => this.#settle(pending)),
      retry: (delayMs) => tell(() => this.#waiting.has(pending) || this.#comeAgain(pending, delayMs)),
      working: () => tell(() => this.#waiting.has(pending) || this.#comeAgain(pending, ackWaitMs)),
    };
  }

  #settle(pending: Pending): void {
    if (pending.again !== null) pending.again.cancelled = true;
    this.#pending.delete(pending.message.seq);
    this.#waiting.delete(pending);
    this.#settled(pending.message);
  }
}
