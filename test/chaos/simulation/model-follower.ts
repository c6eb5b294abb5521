/**
 * Owns a model of following the log: every message once and in order, as late as the replica it comes from. Where the consumer
 * behind it is made anew, it may go back a little.
 */
import { type LogKind, parseLogSubject } from '#contracts/subjects.ts';
import type { LogRecord } from '#jetstream/follower.ts';
import type { Dice } from './dice.ts';
import type { ModelServer } from './model-server.ts';
import type { Stored } from './model-stream.ts';
import type { Process } from './process.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

const PROMPT_MOST_MS = 4;
const LAG_MOST_MS = 4_000;
const BACK_BY_MOST = 5;

/** What a follower needs. */
export interface FollowerWorld {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly weather: Weather;
  readonly server: ModelServer;
}

/** Follows the log for one process, from its end on. */
export class ModelFollower {
  readonly #world: FollowerWorld;
  readonly #process: Process;
  readonly #filter: (kind: LogKind) => boolean;
  readonly #take: (record: LogRecord) => void;
  #next: number;
  #underWay = false;

  constructor(
    world: FollowerWorld,
    process: Process,
    filter: (kind: LogKind) => boolean,
    take: (record: LogRecord) => void,
  ) {
    this.#world = world;
    this.#process = process;
    this.#filter = filter;
    this.#take = take;
    this.#next = world.server.whole.length;
  }

  /** There is more in the log. */
  wake(): void {
    if (this.#underWay || this.#next >= this.#world.server.whole.length) return;
    this.#underWay = true;
    const { time, dice, weather } = this.#world;
    const lag = weather.strikes('follower lagged')
      ? dice.magnitude(PROMPT_MOST_MS, LAG_MOST_MS)
      : dice.integer(0, PROMPT_MOST_MS);
    time.after(lag, () => this.#read(), this.#process);
  }

  /** One read brings some of what there is. */
  #read(): void {
    const { dice, weather, server } = this.#world;
    this.#underWay = false;
    if (weather.strikes('follower went back')) this.#next = Math.max(0, this.#next - dice.integer(1, BACK_BY_MOST));
    const end = dice.happens(0.7) ? server.whole.length : dice.integer(this.#next + 1, server.whole.length);
    while (this.#next < end) this.#give(server.whole[this.#next++]!);
    this.wake();
  }

  #give({ subject, seq, time, data }: Stored): void {
    const { kind, sessionId } = parseLogSubject(subject)!;
    if (this.#filter(kind)) this.#take({ kind, sessionId, seq, time, data });
  }
}
