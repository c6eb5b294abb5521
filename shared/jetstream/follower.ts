/**
 * Owns following the log: a consumer without acknowledgements, from the end of the log on, for ever. Whoever folds sessions
 * gets every message once and in order; what came before is read by hydration (session-log.ts).
 *
 *     opening --> following --a message missing, silence, a new connection--> opening, behind the last message taken
 *         \--the log lacks what comes next, or is another--> lost
 *
 * The consumer lives in one server's memory and goes with it, so it is nothing to hold on to: at every doubt it is given up and
 * another begins at the last message taken, which it must give as it was. It pushes into an inbox of this process: nobody needs the right to pull from
 * consumers whose names are not known beforehand (docs/adr/0021-the-log-is-pushed.md). A fold must never have a hole; where
 * the log itself no longer has what comes next (it has expired, the stream was made anew, or its end was lost in a power cut and
 * others have written on from there), nobody can go on, and the owner is told, once.
 */

import { type JetStreamManager, jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import { type Msg, type NatsConnection, nuid, type Subscription } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { COMBAT } from '#contracts/streams.ts';
import { type LogKind, parseLogSubject } from '#contracts/subjects.ts';
import { type Place, placeAt } from './delivery.ts';
import { inboxOf } from './inbox.ts';
import type { Logger } from './logger.ts';
import { headerBlock, lastLine } from './raw-headers.ts';

/** A message of the log as the follower hands it on. */
export interface LogRecord {
  readonly kind: LogKind;
  readonly sessionId: string;
  readonly seq: number;
  /** Log time in milliseconds since the epoch. */
  readonly time: number;
  readonly data: Uint8Array;
}

/** What is followed, and who is told. */
export interface FollowerOptions {
  /** One filter for the server to match, or none: several are a search for every message. */
  readonly filter: string | null;
  /** The last sequence not to be handed on. */
  readonly fromSeq: number;
  /** Log time of the message at `fromSeq`, where it is known: the log must still have that one there. */
  readonly fromTime?: number;
  /** When the log was created that `fromSeq` is a place in; where it is left out, the first log that is found is the one. */
  readonly created?: string;
  /** Takes one message of the log. It should not throw. */
  take(record: LogRecord): void;
  /**
   * The log no longer has what comes next: whatever has been folded has a hole from here on. Or it is another log than the one that was
   * followed: what has been folded is not what it has. Called once.
   */
  lost(reason: string, isAnother: boolean): void;
}

/** An answer that has not come by then will not come: its server has died, or the cluster elects another. */
const API_TIMEOUT_MS = 2_000;
const RESTART_FIRST_MS = 50;
const RESTART_MOST_MS = 1_000;
/** The server says so often that it is there while it has nothing else to say... */
const HEARTBEAT_MS = 500;
/** ...and after so many beats of silence it is not. Counted, not timed: a process that was busy itself has heard nobody. */
const SILENT_BEATS_MAX = 3;
/** The server forgets a consumer to which nobody listens any more. */
const INACTIVE_MS = 5_000;
/** No leader of a cluster is behind for so long what another replica has pushed: where one seems to be, they have lost it. */
const SHORT_MOST_MS = 30_000;
const NANOS_PER_MS = 1_000_000;
/** In a heartbeat: where to say that what was pushed has been taken, if that was asked before and not answered. */
const STALLED = 'Nats-Consumer-Stalled';
const PUSHED_SO_FAR = 'Nats-Last-Consumer';

/** Follows the log. */
export class Follower {
  readonly #nc: NatsConnection;
  readonly #options: FollowerOptions;
  readonly #logger: Logger;
  #jsm: JetStreamManager | null = null;
  #position: number;
  /** Log time of the message there; null where that is not known. */
  #time: number | null;
  /** The consumer begins with the last message seen. */
  #again = false;
  /** When the log that is followed was created. */
  #created: string | null;
  #subscription: Subscription | null = null;
  /** Of the consumer that is listened to; whatever an earlier one still says is ignored. */
  #serial = 0;
  /** Messages the consumer has pushed. */
  #pushed = 0;
  #silentBeats = 0;
  readonly #beat: NodeJS.Timeout;
  #opening = true;
  /** The connection is lost: what comes by the next one may come from a server that has lost something. */
  #cutOff = false;
  /** The first that came was not the last that was seen, though the log is said to have it. */
  #unrecognized = false;
  /** Since when a log of several copies has seemed to lack what was seen of it; null while it does not. */
  #shortSince: number | null = null;
  #stopped = false;
  #restarts = 0;

  private constructor(nc: NatsConnection, options: FollowerOptions, logger: Logger) {
    this.#nc = nc;
    this.#options = options;
    this.#logger = logger;
    this.#position = options.fromSeq;
    this.#time = options.fromTime ?? null;
    this.#created = options.created ?? null;
    this.#beat = setInterval(() => this.#listen(), HEARTBEAT_MS);
    this.#beat.unref();
  }

  /** Follows the log after `fromSeq`. Rejects where the log cannot be had now. */
  static async start(nc: NatsConnection, options: FollowerOptions, logger: Logger): Promise<Follower> {
    const follower = new Follower(nc, options, logger);
    follower.#jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS });
    try {
      await follower.#open();
    } catch (error) {
      follower.stop();
      throw error;
    }
    follower.#opening = false;
    void follower.#watchConnection();
    return follower;
  }

  /** The sequence of the last message seen. */
  get position(): number {
    return this.#position;
  }

  /** Why nothing comes; null while it is fine. For readiness. */
  get fault(): string | null {
    return this.#opening || this.#cutOff || this.#again ? 'the log is not followed just now' : null;
  }

  /** True while it is not known whether what has been seen of the log up to a sequence is what the log has there. */
  isInDoubt(seq: number): boolean {
    return seq <= this.#position && this.fault !== null;
  }

  /** Stops following. The server forgets the consumer by itself. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#beat);
    this.#giveUp();
  }

  /** Makes a consumer that begins at the last message, or behind it where that is not known or has expired. */
  async #open(): Promise<void> {
    const jsm = this.#jsm!;
    const info = await jsm.streams.info(COMBAT);
    this.#requireNext(info);
    if (this.#stopped) return;
    const again = this.#time !== null && info.state.first_seq <= this.#position;
    const { filter } = this.#options;
    const inbox = inboxOf(this.#nc);
    this.#giveUp();
    const serial = this.#serial;
    this.#pushed = 0;
    this.#again = again;
    this.#subscription = this.#nc.subscribe(inbox, {
      callback: (error, msg) => {
        if (error === null && serial === this.#serial) this.#heard(msg, msg.subject === inbox);
      },
    });
    const { delivered } = await jsm.consumers.add(COMBAT, {
      name: nuid.next(),
      deliver_subject: inbox,
      ack_policy: 'none',
      deliver_policy: 'by_start_sequence',
      opt_start_seq: again ? this.#position : this.#position + 1,
      flow_control: true,
      idle_heartbeat: HEARTBEAT_MS * NANOS_PER_MS,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_MS * NANOS_PER_MS,
      ...(filter !== null && { filter_subject: filter }),
    });
    if (this.#stopped) return this.#giveUp(); // stopped meanwhile: nobody else would
    if (serial !== this.#serial) throw new Error('given up before the server had answered');
    // Where the log has gone on meanwhile, the consumer begins where the log does.
    if (delivered.consumer_seq === 0) this.#requireFrom(delivered.stream_seq + 1);
    this.#cutOff = false;
    this.#silentBeats = 0;
  }

  /** The next message must still be there, and of the same log. Of several copies the one that answers may be behind. */
  #requireNext({ created, state, config }: StreamInfo): void {
    this.#created ??= created;
    if (created !== this.#created) this.#lost('the log has been made anew', true);
    else if (this.#time !== null && state.last_seq < this.#position)
      this.#requireEnd(state.last_seq, config.num_replicas === 1);
    else {
      this.#shortSince = null;
      this.#requireFrom(state.first_seq);
    }
  }

  /** A log that ends before what has been seen of it has lost its end; one of several copies, only where it stays so. */
  #requireEnd(lastSeq: number, isSure: boolean): void {
    this.#shortSince ??= performance.now();
    if (isSure || performance.now() - this.#shortSince > SHORT_MOST_MS)
      this.#lost(`the log ends at ${lastSeq}, and the last message seen is ${this.#position}`, true);
  }

  #requireFrom(seq: number): void {
    if (seq > this.#position + 1)
      this.#lost(`the log begins at ${seq}, and the last message seen is ${this.#position}`, false);
  }

  #lost(reason: string, isAnother: boolean): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.lost(reason, isAnother);
  }

  /** Takes what the consumer says: a message of the log, under that message's own subject, or a word about itself. */
  #heard(msg: Msg, isWord: boolean): void {
    const serial = this.#serial;
    this.#silentBeats = 0;
    this.#restarts = 0;
    if (isWord) {
      this.#heed(msg);
      return;
    }
    const place = placeAt(msg.reply!);
    if (place.nth !== this.#pushed + 1) {
      this.#startAgain('messages are missing');
      return;
    }
    this.#pushed = place.nth;
    if (this.#again) this.#recognize(place);
    else if (this.#options.filter === null) this.#requireFrom(place.seq);
    if (place.seq > this.#position && serial === this.#serial) this.#given(msg, place);
  }

  /** The first that comes is the last that was seen, unless that has expired just now; or the log has another in its place. */
  #recognize({ seq, time }: Place): void {
    this.#again = false;
    if (seq === this.#position) {
      this.#unrecognized = false;
      if (time !== this.#time) this.#lost(`the log has another message at ${seq} than was seen there`, true);
    } else if (this.#unrecognized) this.#lost(`the log lacks the message at ${this.#position}, which was seen`, true);
    else {
      this.#unrecognized = true;
      this.#startAgain('the last message seen has expired');
    }
  }

  /** A heartbeat tells how much has been pushed; flow control is answered, or the server pushes no more. */
  #heed(msg: Msg): void {
    const headers = headerBlock(msg);
    const asked = msg.reply || lastLine(headers, STALLED);
    if (asked !== '' && !this.#nc.isClosed()) this.#nc.publish(asked);
    const pushed = Number(lastLine(headers, PUSHED_SO_FAR));
    if (pushed > this.#pushed) this.#startAgain('messages are missing');
    else if (this.#again && pushed === 0) this.#startAgain('the last message seen does not come again');
  }

  #given(msg: Msg, { seq, time }: Place): void {
    this.#position = seq;
    this.#time = time;
    this.#unrecognized = false;
    const parsed = parseLogSubject(msg.subject);
    if (parsed === null) return;
    const { kind, sessionId } = parsed;
    try {
      this.#options.take({ kind, sessionId, seq, time, data: msg.data });
    } catch (error) {
      this.#logger.error({ err: error, subject: msg.subject, seq }, 'following the log: a message was not taken');
    }
  }

  #listen(): void {
    this.#silentBeats += 1;
    if (this.#silentBeats >= SILENT_BEATS_MAX && !this.#opening) this.#startAgain('no sign of life');
  }

  /** What was on its way on an old connection is gone, and nothing says so. */
  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#nc.status()) {
      if (this.#stopped) return;
      if (type === 'disconnect') this.#cutOff = true;
      if (type === 'reconnect') this.#startAgain('reconnected');
    }
  }

  /** Begins again behind the last message, until that succeeds. */
  #startAgain(cause: string): void {
    if (this.#stopped || this.#nc.isClosed()) return;
    this.#giveUp();
    if (this.#opening) return; // whoever is opening sees that it has been given up
    this.#opening = true;
    this.#logger.warn({ cause, position: this.#position }, 'following the log: resuming');
    void this.#reopen();
  }

  async #reopen(): Promise<void> {
    while (!this.#stopped && !this.#nc.isClosed()) {
      try {
        await this.#open();
        break;
      } catch (error) {
        this.#logger.debug({ cause: messageOf(error) }, 'following the log: cannot resume yet');
        await new Promise((resolve) => setTimeout(resolve, this.#pause()));
      }
    }
    this.#opening = false;
  }

  /** Listens to the consumer no more; the server forgets it then. */
  #giveUp(): void {
    this.#serial += 1;
    this.#subscription?.unsubscribe();
    this.#subscription = null;
  }

  #pause(): number {
    return Math.min(RESTART_MOST_MS, RESTART_FIRST_MS * 2 ** Math.min(this.#restarts++, 10));
  }
}
