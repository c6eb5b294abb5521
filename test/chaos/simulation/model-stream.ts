/**
 * Owns a model of a stream: sequences, the expected last sequence of a subject, Msg-Ids, and what the server answers, in its
 * own words, so that the product's own reading of an answer decides what it means (shared/jetstream/receipt.ts).
 *
 * One replica (R1) compares the expected sequence before it looks for the Msg-Id, and stores at once. Three (R3) look for
 * the Msg-Id first, and propose: what is proposed is stored a little later, in order, or lost with its leader; meanwhile
 * the same Msg-Id is answered 10158 and the same subject 10164.
 */
import { ServerCode } from '#jetstream/receipt.ts';
import type { Dice } from './dice.ts';
import { EPOCH_MS, type Planned, type VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

/** A message in a stream. */
export interface Stored {
  readonly subject: string;
  readonly seq: number;
  /** The server's time, in milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
  readonly publish: Publish;
}

/** What is to be stored. */
export interface Publish {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly expected?: number;
  readonly msgId?: string;
  readonly ttlMs?: number;
  /** Of a schedule: when it fires. */
  readonly atMs?: number;
}

/** A publish acknowledgement as the wire has it; null where nobody is there to answer. */
export type PubAnswer = string | null;

interface Proposal {
  readonly publish: Publish;
  readonly reply: (answer: PubAnswer) => void;
  readonly time: number;
  readonly applied: Planned;
}

const DUPLICATE_WINDOW_MS = 120_000;
const COMMIT_MOST_MS = 4;
const SLOW_COMMIT_MOST_MS = 400;
const ELECTION_MOST_MS = 3_000;
const BEHIND_LEAST_MS = 50;
const BEHIND_MOST_MS = 15_000;
/** A lagging replica lacks up to so many messages. */
export const STALE_BY_MOST = 6;
/** Leaders' clocks differ by up to this much. */
const LEADER_SKEW_MOST_MS = 50;
/** Server codes that only the model has to know. */
const TEMPORARILY_UNAVAILABLE = 10008;
const STORAGE_FULL = 10077;

/** What streams share. */
export interface StreamWorld {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly weather: Weather;
  readonly replicas: 1 | 3;
}

/** A stream. */
export class ModelStream {
  readonly name: string;
  readonly #world: StreamWorld;
  readonly #stored: (message: Stored) => void;
  /** The last message of each subject. */
  readonly #last = new Map<string, Stored>();
  /** The one before it; undefined where there was none. */
  readonly #before = new Map<string, Stored | undefined>();
  readonly #msgIds = new Map<string, { readonly seq: number; readonly at: number }>();
  readonly #proposals: Proposal[] = [];
  /** False where the expected sequence is not looked at: a guard taken away. */
  fenced = true;
  #seq = 0;
  #committedAt = 0;
  #leaderless = 0;
  #skewMs = 0;
  /** What a leader still tells that stays behind: one that is cut off, and does not know yet that it leads no more. */
  #behind: { readonly until: number; readonly seq: number; readonly last: ReadonlyMap<string, Stored> } | null = null;

  /** @param stored is told of every message that is stored */
  constructor(name: string, world: StreamWorld, stored: (message: Stored) => void) {
    this.name = name;
    this.#world = world;
    this.#stored = stored;
  }

  /** The sequence of the last message taken. */
  get seq(): number {
    return this.#seq;
  }

  /** False while there is no leader. */
  get hasLeader(): boolean {
    return this.#leaderless <= this.#world.time.now;
  }

  /** The last message on a subject. */
  last(subject: string): Stored | undefined {
    return this.#last.get(subject);
  }

  /** Where a replica stands that stays behind; null while there is none. */
  get behind(): number | null {
    if (this.#behind === null || this.#behind.until <= this.#world.time.now || this.#world.weather.calm) return null;
    return this.#behind.seq;
  }

  /** The leader that is asked tells for a while what there is now. */
  stayBehind(): void {
    const { time, dice } = this.#world;
    const until = time.now + dice.magnitude(BEHIND_LEAST_MS, BEHIND_MOST_MS);
    this.#behind = { until, seq: this.#seq, last: new Map(this.#last) };
  }

  /** The last sequence as a leader tells it that has just been elected, or stays behind. */
  toldSeq(): number {
    const { replicas, weather, dice } = this.#world;
    if (this.behind !== null) return this.behind;
    const isStale = replicas === 3 && weather.strikes('stale leader');
    return isStale ? Math.max(0, this.#seq - dice.integer(1, STALE_BY_MOST)) : this.#seq;
  }

  /** The last message on a subject as such a leader tells it. */
  toldLast(subject: string): Stored | undefined {
    const { replicas, weather } = this.#world;
    if (this.behind !== null) return this.#behind!.last.get(subject);
    if (replicas === 3 && weather.strikes('stale leader')) return this.#before.get(subject);
    return this.#last.get(subject);
  }

  /** Takes the last message of a subject away: it has expired, or was purged. */
  drop(subject: string): void {
    this.#before.set(subject, this.#last.get(subject));
    this.#last.delete(subject);
  }

  /** The stream is made anew, and empty. */
  reset(): void {
    this.#last.clear();
    this.#before.clear();
    this.#msgIds.clear();
    this.#seq = 0;
    this.#behind = null;
  }

  /** A client's message. `reply` is called where somebody is there to answer, now or later. */
  publish(publish: Publish, reply: (answer: PubAnswer) => void): void {
    const { dice, weather, replicas } = this.#world;
    if (!this.hasLeader) {
      if (dice.happens(0.5)) reply(null);
    } else if (weather.strikes('server unavailable')) {
      reply(errorAnswer(503, TEMPORARILY_UNAVAILABLE, 'unavailable'));
    } else if (weather.strikes('no storage left')) {
      reply(errorAnswer(400, STORAGE_FULL, 'maximum bytes exceeded'));
    } else if (replicas === 1) {
      reply(this.#conflict(publish) ?? this.#duplicate(publish) ?? this.#store(publish, this.#serverTime()));
    } else {
      const answer = this.#duplicate(publish) ?? this.#conflict(publish);
      if (answer !== null) reply(answer);
      else this.#propose(publish, reply);
    }
  }

  /** The server's own message: a due timer. */
  store(publish: Publish): void {
    this.#store(publish, this.#serverTime());
  }

  /** The leader is gone: some of what it has proposed is stored all the same, and nobody is told. */
  loseLeader(): void {
    const { time, dice, weather } = this.#world;
    const survive = dice.integer(0, this.#proposals.length);
    for (const [index, { applied, publish, time: proposedAt }] of this.#proposals.splice(0).entries()) {
      applied.cancelled = true;
      if (index < survive) this.#store(publish, proposedAt);
      else weather.note('proposal lost');
    }
    this.#leaderless = time.now + dice.magnitude(50, ELECTION_MOST_MS);
    this.#skewMs = dice.integer(-LEADER_SKEW_MOST_MS, LEADER_SKEW_MOST_MS);
  }

  #serverTime(): number {
    return EPOCH_MS + this.#world.time.now + this.#skewMs;
  }

  #conflict({ subject, expected }: Publish): PubAnswer {
    if (expected === undefined || !this.fenced) return null;
    const { dice, weather, replicas } = this.#world;
    const last = this.#last.get(subject)?.seq ?? 0;
    const underWay = this.#proposals.some(({ publish }) => publish.subject === subject);
    if (!underWay && last === expected) return null;
    weather.note('conflict');
    if (underWay || (replicas === 3 && dice.happens(0.3))) {
      return errorAnswer(400, ServerCode.WRONG_LAST_SEQUENCE_CONSTANT, 'wrong last sequence');
    }
    return errorAnswer(400, ServerCode.WRONG_LAST_SEQUENCE, `wrong last sequence: ${last}`);
  }

  #duplicate({ msgId }: Publish): PubAnswer {
    if (msgId === undefined) return null;
    if (this.#proposals.some(({ publish }) => publish.msgId === msgId)) {
      return errorAnswer(400, ServerCode.DUPLICATE_IN_FLIGHT, 'duplicate message id is in process');
    }
    const known = this.#msgIds.get(msgId);
    if (known === undefined || this.#world.time.now - known.at > DUPLICATE_WINDOW_MS) return null;
    return JSON.stringify({ stream: this.name, seq: known.seq, duplicate: true });
  }

  #propose(publish: Publish, reply: (answer: PubAnswer) => void): void {
    const { time, dice, weather } = this.#world;
    const slow = weather.strikes('slow commit');
    const commitMs = slow ? dice.magnitude(COMMIT_MOST_MS, SLOW_COMMIT_MOST_MS) : dice.integer(1, COMMIT_MOST_MS);
    this.#committedAt = Math.max(this.#committedAt, time.now) + commitMs;
    const applied = time.after(this.#committedAt - time.now, () => this.#apply());
    this.#proposals.push({ publish, reply, time: this.#serverTime(), applied });
    if (weather.strikes('leader lost with a proposal')) time.after(dice.integer(0, commitMs), () => this.loseLeader());
  }

  /** Proposals are stored in the order in which they were made: no two at the same millisecond. */
  #apply(): void {
    const { publish, reply, time } = this.#proposals.shift()!;
    reply(this.#store(publish, time));
  }

  #store(publish: Publish, time: number): string {
    this.#seq += 1;
    const { subject, data, msgId } = publish;
    const stored: Stored = { subject, seq: this.#seq, time, data, publish };
    this.#before.set(subject, this.#last.get(subject));
    this.#last.set(subject, stored);
    if (msgId !== undefined) this.#msgIds.set(msgId, { seq: this.#seq, at: this.#world.time.now });
    this.#stored(stored);
    return JSON.stringify({ stream: this.name, seq: stored.seq });
  }
}

const errorAnswer = (code: number, errCode: number, description: string): string =>
  JSON.stringify({ error: { code, err_code: errCode, description } });
