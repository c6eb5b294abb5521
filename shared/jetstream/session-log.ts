/**
 * Owns the sessions in use: a bounded cache of folds that follow the log. Keeps I1 (a fold can always be made again from
 * snapshot and log), I7 (`foldTo`: never below the position that woke you, from whatever source) and the exact prefix:
 * a fold never has a hole. What is folded, and what is decided about it, is the aggregate's and its service's.
 *
 *     absent --session()--> hydrating --caught up--> live --evicted--> absent
 *
 * Hydrating: the follower's messages for the session are buffered first; then the log is asked for the session's last
 * sequence, by an answer that lacks nothing of what the follower has passed by already; then snapshot, where the log still has the
 * message it ends with (docs/adr/0029-a-log-is-known-by-its-last-message.md), then log until that sequence; then the buffer. What the follower delivers from then on comes after all of it, and what it delivers twice the
 * fold ignores.
 */

import { type Decoded, encode } from '#contracts/decode.ts';
import { type LogEntry, type LogMessage, readLogMessage } from '#contracts/log-message.ts';
import type { BucketName } from '#contracts/streams.ts';
import { parseLogSubject } from '#contracts/subjects.ts';
import type { Effects } from './effects.ts';
import type { LogRecord } from './follower.ts';
import type { Logger } from './logger.ts';
import { PassingMap, PassingSet } from './passing.ts';
import { EffectFailed } from './receipt.ts';

/** What a cache folds: an aggregate of shared/combat, and where its snapshots are. */
export interface Folding<State, Memo = null> {
  /** The session's log, as far as this fold reads it. */
  filter(sessionId: string): string;
  readonly bucket: BucketName;
  initial(sessionId: string): State;
  /** Folds one entry. `live` is false while the session is hydrated: what it says is old. It must not throw. */
  evolve(state: State, entry: LogEntry, memo: Memo, live: boolean, record: LogRecord): void;
  /** Log sequence the state is folded through. */
  position(state: State): number;
  /** What to keep of it; null for nothing. */
  snapshot(state: State): object | null;
  restore(sessionId: string, value: unknown): Decoded<State>;
  /** Closed, and nothing left to do: its snapshot is the last. */
  isSettled(state: State): boolean;
  /** What the service remembers of a session for as long as it is cached. */
  memo(sessionId: string): Memo;
}

/** A session in the cache. */
export interface Cached<State, Memo = null> {
  readonly sessionId: string;
  readonly memo: Memo;
  state: State;
  /** The fold is known to lack nothing up to here. */
  through: number;
  /** Log time of the last message that was folded; 0 where none was in this process. */
  lastAt: number;
  /** Log sequence of the snapshot it was started from: what is above was folded in this process, one by one. */
  foldedFrom: number;
  phase: 'hydrating' | 'live';
  /** Passes that work on it: it is not evicted while there are any. */
  users: number;
  /** What this process last tried to append: read already, if the log delivers these very bytes. */
  own: OwnMessage | null;
  readonly buffer: LogRecord[];
  readonly waiters: Waiter[];
  hydration: Promise<void> | null;
  snapshotDueAt: number;
}

/** A message of this process on its way into the log. */
export interface OwnMessage {
  readonly bytes: Uint8Array;
  /** As `readLogMessage` would read the bytes. */
  readonly message: LogMessage;
}

/** What stands in a bucket: a snapshot, and the log time of the message it ends with. */
interface Kept {
  readonly at: number;
}

interface Waiter {
  readonly seq: number;
  readonly since: number;
  readonly resolve: () => void;
}

/** Sessions a process keeps folded: some hundred megabytes of ordinary ones. */
const SESSIONS_MAX = 10_000;
/** Messages of one session that may arrive while it is hydrated. */
const BUFFER_MAX = 20_000;
/** A follower that lags for so long is overtaken by reading the log. */
const PATIENCE_MS = 1_000;
/**
 * Sessions hydrated at once, and sessions for which a follower is overtaken at once; the others wait for their turn. A server
 * that is asked for thousands at a time answers none of them in time, and the follower waits behind the questions
 * (docs/adr/0012-reading-in-turns.md).
 */
const HYDRATIONS_MAX = 128;
const CATCH_UPS_MAX = 32;
const SWEEP_EVERY_MS = 250;
/** A dirty session is snapshotted at most this often... */
const SNAPSHOT_EVERY_MS = 2_000;
/** ...large ones less often, so that a session costs its bucket no more than this... */
const SNAPSHOT_BYTES_PER_MS = 1;
/** ...and all of them together no more than this, oldest first: snapshots save reading, and reading the log is cheap. */
const SNAPSHOT_BYTES_PER_SWEEP = 64 * 1024;
const SNAPSHOTS_IN_FLIGHT_MAX = 256;
/** Reads in a row that bring nothing new while there is known to be more. */
const STALE_READS_MAX = 20;
const STALE_READ_PAUSE_MS = 50;
/** No replica lags for so long behind what others have had of it. */
const DOUBT_MOST_MS = 60_000;
const DOUBTED_MAX = 10_000;

/** By the global timer, which the simulation has in hand. */
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The cache of folds. */
export class SessionLog<State, Memo = null> {
  readonly #folding: Folding<State, Memo>;
  readonly #effects: Effects;
  readonly #logger: Logger;
  /** In order of use, oldest first. */
  readonly #sessions = new PassingMap<string, Cached<State, Memo>>();
  readonly #dirty = new PassingSet<Cached<State, Memo>>();
  readonly #waiting = new PassingSet<Cached<State, Memo>>();
  readonly #sweeper: NodeJS.Timeout;
  /** Hydrations under way, and those that wait for their turn. */
  #hydrating = 0;
  readonly #hydrateNext: (() => void)[] = [];
  #catchingUp = 0;
  /** Up to here the follower has brought all that it ever will: whoever enters the cache has missed it. */
  #followed: number;
  /** Sessions whose snapshots no replica has been seen to reach, and since when. */
  readonly #doubted = new Map<string, number>();
  #snapshotsInFlight = 0;
  #snapshotBudget = SNAPSHOT_BYTES_PER_SWEEP;
  #folded = 0;

  /** @param followedFrom the log sequence after which the follower begins to bring messages */
  constructor(folding: Folding<State, Memo>, effects: Effects, logger: Logger, followedFrom: number) {
    this.#folding = folding;
    this.#effects = effects;
    this.#logger = logger;
    this.#followed = followedFrom;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
    this.#sweeper.unref();
  }

  /** Sessions in the cache. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Messages folded so far. */
  get folded(): number {
    return this.#folded;
  }

  /** Takes the next message from the follower. */
  take(record: LogRecord): void {
    if (record.seq > this.#followed) this.#followed = record.seq;
    const session = this.#sessions.get(record.sessionId);
    if (session === undefined) return;
    if (session.phase === 'live') this.#fold(session, record, true);
    else if (session.buffer.length < BUFFER_MAX) session.buffer.push(record);
  }

  /** The session in the cache; where it is not there, it enters and its hydration begins. */
  session(sessionId: string): Cached<State, Memo> {
    return this.#sessions.get(sessionId) ?? this.#enter(sessionId);
  }

  /**
   * Runs `work` on a session once it is hydrated, and keeps it in the cache meanwhile. Rejects with EffectFailed where the
   * log cannot be read.
   */
  async use<Result>(session: Cached<State, Memo>, work: () => Promise<Result>): Promise<Result> {
    session.users += 1;
    try {
      if (session.hydration !== null) await session.hydration;
      return await work();
    } finally {
      session.users -= 1;
      this.#touch(session);
    }
  }

  /**
   * Resolves when the session is folded through `seq` (I7): by the follower, or, where that lags, by reading the log. A place
   * that the log has not even reached is waited for no longer than it takes to find that out.
   */
  foldTo(session: Cached<State, Memo>, seq: number): Promise<void> {
    if (session.through >= seq) return Promise.resolve();
    return new Promise((resolve) => {
      session.waiters.push({ seq, since: performance.now(), resolve });
      this.#waiting.add(session);
    });
  }

  /** Folds the session at least to where the leader says that the log ends: after a conflict or an unknown outcome. */
  async catchUp(session: Cached<State, Memo>): Promise<void> {
    const askedAt = performance.now();
    const end = await this.#effects.endOfLog();
    const { last, through } = await this.#effects.readTail(this.#folding.filter(session.sessionId), end);
    await this.#readTo(session, last, session.phase === 'live');
    this.#completeTo(session, through);
    this.#giveUpBeyond(session, Math.max(end, through), askedAt);
  }

  /** Writes what is dirty and stops. */
  async close(): Promise<void> {
    clearInterval(this.#sweeper);
    await Promise.all([...this.#dirty].map((session) => this.#keep(session)));
  }

  #enter(sessionId: string): Cached<State, Memo> {
    const session: Cached<State, Memo> = {
      sessionId,
      memo: this.#folding.memo(sessionId),
      state: this.#folding.initial(sessionId),
      through: 0,
      lastAt: 0,
      foldedFrom: 0,
      phase: 'hydrating',
      users: 0,
      own: null,
      buffer: [],
      waiters: [],
      hydration: null,
      snapshotDueAt: 0,
    };
    this.#sessions.set(sessionId, session);
    const missed = this.#followed;
    session.hydration = this.#inTurn(() => this.#hydrate(session, missed));
    session.hydration.catch(() => {
      if (this.#sessions.get(sessionId) === session) this.#sessions.delete(sessionId);
    });
    this.#evict();
    return session;
  }

  async #inTurn(hydrate: () => Promise<void>): Promise<void> {
    if (this.#hydrating < HYDRATIONS_MAX) this.#hydrating += 1;
    else await new Promise<void>((resolve) => this.#hydrateNext.push(resolve));
    try {
      await hydrate();
    } finally {
      // The turn goes to the next in line without becoming free in between.
      const next = this.#hydrateNext.shift();
      if (next === undefined) this.#hydrating -= 1;
      else next();
    }
  }

  async #hydrate(session: Cached<State, Memo>, missed: number): Promise<void> {
    const { sessionId } = session;
    const [{ last, through }, value] = await Promise.all([
      this.#effects.readTail(this.#folding.filter(sessionId), missed),
      this.#effects.readSnapshot(this.#folding.bucket, sessionId),
    ]);
    if (value !== null) await this.#restore(session, value);
    await this.#readTo(session, last, false);
    if (session.buffer.length >= BUFFER_MAX)
      throw new EffectFailed(`hydrating ${sessionId}: ${BUFFER_MAX} messages came meanwhile`);
    session.phase = 'live';
    session.hydration = null;
    this.#completeTo(session, Math.max(through, this.#folding.position(session.state)));
    for (const record of session.buffer.splice(0)) this.#fold(session, record, true);
  }

  /** Starts from a snapshot, unless it cannot be read, or is of another log than the one that is there. */
  async #restore(session: Cached<State, Memo>, value: unknown): Promise<void> {
    const restored = this.#folding.restore(session.sessionId, value);
    if (!restored.ok) {
      this.#logger.warn(
        { session: session.sessionId, reason: restored.reason },
        'a snapshot cannot be read: folding the log',
      );
      return;
    }
    const position = this.#folding.position(restored.value);
    const { at: lastAt } = value as Partial<Kept>;
    if (!(await this.#isOfThisLog(session.sessionId, position, lastAt))) return;
    session.state = restored.value;
    session.foldedFrom = position;
    session.lastAt = lastAt ?? 0;
  }

  /**
   * Whether the log has at a snapshot's place the message that the snapshot ends with. It has not where the stream has been made
   * anew while its snapshots stayed, and where a power cut has taken its end and others have written on from there. A session that
   * is older than the log rests on its snapshot, unless that is older than the stream itself.
   *
   * @param lastAt log time of the message; undefined in snapshots of versions that did not note it
   */
  async #isOfThisLog(sessionId: string, position: number, lastAt: number | undefined): Promise<boolean> {
    const last = { seq: position, filter: this.#folding.filter(sessionId), time: lastAt };
    const recognized = await this.#effects.readRemembered(last);
    if (recognized === 'unknown') this.#doubt(sessionId, position);
    this.#doubted.delete(sessionId);
    if (recognized === 'same') return true;
    this.#logger.warn({ session: sessionId, position }, 'a snapshot is of another log: folding this one');
    return false;
  }

  /** Puts a session off whose snapshot no replica reaches: they lag. Where they do so for long, they have lost what it ends with. */
  #doubt(sessionId: string, position: number): void {
    const since = this.#doubted.get(sessionId);
    if (since !== undefined && performance.now() - since > DOUBT_MOST_MS) return;
    if (since === undefined) this.#doubted.set(sessionId, performance.now());
    for (const oldest of this.#doubted.keys()) {
      if (this.#doubted.size <= DOUBTED_MAX) break;
      this.#doubted.delete(oldest);
    }
    throw new EffectFailed(`hydrating ${sessionId}: replicas lag behind its snapshot, which ends at ${position}`);
  }

  /** Reads the log on until `last` is folded, whatever a lagging replica calls the end. */
  async #readTo(session: Cached<State, Memo>, last: number, live: boolean): Promise<void> {
    const filter = this.#folding.filter(session.sessionId);
    for (let stale = 0; this.#folding.position(session.state) < last; ) {
      const from = this.#folding.position(session.state) + 1;
      const count = await this.#effects.readLog(filter, from, (message) => {
        const parsed = parseLogSubject(message.subject);
        if (parsed === null) return;
        const { seq, time, data } = message;
        this.#fold(session, { kind: parsed.kind, sessionId: session.sessionId, seq, time, data }, live);
      });
      if (count > 0) continue;
      stale += 1;
      if (stale > STALE_READS_MAX) throw new EffectFailed(`reading ${filter}: a replica lags behind ${last}`);
      await pause(STALE_READ_PAUSE_MS);
    }
  }

  #fold(session: Cached<State, Memo>, record: LogRecord, live: boolean): void {
    if (record.seq <= this.#folding.position(session.state)) return;
    const own = ownMessage(session, record);
    if (own !== null) session.own = null;
    const message = own ?? readLogMessage(record.kind, record.sessionId, record.data);
    const entry: LogEntry = { seq: record.seq, time: record.time, message };
    this.#folding.evolve(session.state, entry, session.memo, live, record);
    session.lastAt = record.time;
    this.#folded += 1;
    this.#soil(session);
    this.#completeTo(session, record.seq);
  }

  /** A place the log has not reached was named by somebody who is wrong about it: what there is, is folded. */
  #giveUpBeyond(session: Cached<State, Memo>, end: number, askedAt: number): void {
    for (const waiter of session.waiters.splice(0)) {
      // Whoever came since may wait for what has been stored since.
      if (waiter.seq > end && waiter.since <= askedAt) waiter.resolve();
      else session.waiters.push(waiter);
    }
  }

  #completeTo(session: Cached<State, Memo>, seq: number): void {
    if (seq > session.through) session.through = seq;
    if (session.phase !== 'live' || session.waiters.length === 0) return;
    for (const waiter of session.waiters.splice(0)) {
      if (waiter.seq <= session.through) waiter.resolve();
      else session.waiters.push(waiter);
    }
    if (session.waiters.length === 0) this.#waiting.delete(session);
  }

  #soil(session: Cached<State, Memo>): void {
    if (session.phase !== 'live' || this.#dirty.has(session)) return;
    this.#dirty.add(session);
    session.snapshotDueAt = Math.max(session.snapshotDueAt, performance.now() + SNAPSHOT_EVERY_MS);
  }

  /** Snapshots that are due, and waits that have lasted too long. */
  #sweep(): void {
    const now = performance.now();
    this.#snapshotBudget = Math.min(SNAPSHOT_BYTES_PER_SWEEP, this.#snapshotBudget + SNAPSHOT_BYTES_PER_SWEEP);
    for (const session of this.#dirty) {
      if (this.#snapshotBudget <= 0 || this.#snapshotsInFlight >= SNAPSHOTS_IN_FLIGHT_MAX) break;
      if (session.snapshotDueAt <= now || this.#folding.isSettled(session.state)) void this.#keep(session);
    }
    for (const session of this.#waiting) {
      if (this.#catchingUp >= CATCH_UPS_MAX) break;
      if (session.waiters.every((waiter) => now - waiter.since < PATIENCE_MS)) continue;
      this.#waiting.delete(session);
      this.#catchingUp += 1;
      this.catchUp(session)
        .catch((error: unknown) =>
          this.#logger.warn({ err: error, session: session.sessionId }, 'catching up with the log failed'),
        )
        .finally(() => {
          this.#catchingUp -= 1;
          if (session.waiters.length > 0) this.#waiting.add(session);
        });
    }
  }

  /** Writes a snapshot: never on the path of a blow, and never fatal. */
  async #keep(session: Cached<State, Memo>): Promise<void> {
    this.#dirty.delete(session);
    const value = this.#folding.snapshot(session.state);
    if (value === null) return;
    const kept: Kept = { ...value, at: session.lastAt };
    const bytes = encode(kept);
    this.#snapshotBudget -= bytes.length;
    session.snapshotDueAt = performance.now() + bytes.length / SNAPSHOT_BYTES_PER_MS;
    const { sessionId } = session;
    this.#snapshotsInFlight += 1;
    const settled = this.#folding.isSettled(session.state);
    const receipt = await this.#effects.writeSnapshot(this.#folding.bucket, sessionId, bytes, settled);
    this.#snapshotsInFlight -= 1;
    if (receipt.kind === 'stored') return;
    if (receipt.kind === 'refused') {
      this.#logger.warn(
        { session: sessionId, bytes: bytes.length, reason: receipt.reason },
        'a snapshot was refused: skipped',
      );
    } else this.#soil(session);
  }

  #touch(session: Cached<State, Memo>): void {
    if (this.#sessions.get(session.sessionId) !== session) return;
    this.#sessions.delete(session.sessionId);
    this.#sessions.set(session.sessionId, session);
  }

  #evict(): void {
    if (this.#sessions.size <= SESSIONS_MAX) return;
    for (const session of this.#sessions.values()) {
      if (session.users > 0 || session.phase !== 'live') continue;
      this.#sessions.delete(session.sessionId);
      if (this.#dirty.has(session)) void this.#keep(session);
      if (this.#sessions.size <= SESSIONS_MAX) return;
    }
  }
}

/** The message this process has just appended, where the log delivers it: reading it again would tell nothing new. */
function ownMessage<State, Memo>({ own }: Cached<State, Memo>, record: LogRecord): LogMessage | null {
  if (own === null || own.message.kind !== record.kind || own.bytes.length !== record.data.length) return null;
  return Buffer.compare(own.bytes, record.data) === 0 ? own.message : null;
}
