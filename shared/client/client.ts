/**
 * Owns the client: what a game server imports to run fights. Every call is one message of docs/contract.md, checked before
 * it is sent and acknowledged by the server before it resolves; what travels keeps the contract's names (`move_id`).
 *
 *   1. Nothing is sent that the contract refuses by its shape alone.
 *   2. At most `inFlightMax` messages are unanswered at once; more wait for their turn.
 *   3. What has no answer is told as such, and to call again is safe: see each method.
 *
 * Left to the log: everything else. A client holds no state of a fight, so any number of them may speak for one.
 */
import { connect, type NatsConnection, type NodeConnectionOptions, nuid } from '@nats-io/transport-node';
import { encode, messageOf } from '#contracts/decode.ts';
import { type ActorSheet, SessionClosed, SessionJoined, SessionLeft } from '#contracts/session-message.ts';
import { CollectorSignal } from '#contracts/signal.ts';
import { logSubject } from '#contracts/subjects.ts';
import type { Verdict } from '#contracts/verdict.ts';
import { checkedActorId, checkedBytes, checkedSessionId } from './checked.ts';
import type { ActionEvent, CombatEvent, EventKind, ResultEvent } from './combat-event.ts';
import { type DurableOptions, DurableResults } from './durable-results.ts';
import { ErrorCode, invalidInput, RiposteError } from './errors.ts';
import { Following, type From } from './following.ts';
import { checkedMoveIds, type Move } from './moves.ts';
import { type NewSession, type OpenOutcome, openSession } from './new-session.ts';
import { Sender } from './sender.ts';
import { type SessionState, sessionState } from './session-state.ts';
import { type MoveOutcome, VerdictDesk } from './verdict-desk.ts';

/** What a game server may choose. */
export interface ClientOptions {
  /** Messages that may be unanswered at once; default 1,024. */
  readonly inFlightMax?: number;
  /** How long `submit` waits for verdicts, in milliseconds; default 10 s. */
  readonly verdictTimeoutMs?: number;
}

/** How one submission is to be made. */
export interface SubmitOptions {
  /** How long to wait for verdicts, in milliseconds. */
  readonly timeoutMs?: number;
  /** These very moves were submitted before and their outcome is unknown: what is there already counts as accepted. */
  readonly again?: boolean;
}

/** Whose turn is ended. */
export interface TurnEnd {
  /** Force what this actor has out and is overdue. */
  readonly charId?: string;
  /** Force this move, due or not. */
  readonly moveId?: string;
}

/** What to follow. */
export interface FollowOptions {
  /** One session; default: all. */
  readonly sessionId?: string;
  /** Default: from the session's start where one is named, else from now on. To go on after an event: its `seq` + 1. */
  readonly from?: From;
}

const DEFAULT_IN_FLIGHT_MAX = 1_024;
const DEFAULT_VERDICT_TIMEOUT_MS = 10_000;
/** A half-open connection is found in 30 s at most. */
const PING_INTERVAL_MS = 10_000;
/** Iterations open at once in one client: each is a consumer on the server. */
const FOLLOWED_MAX = 1_024;

/** A game server's hand on its fights. */
export class RiposteClient {
  readonly #nc: NatsConnection;
  readonly #ownsConnection: boolean;
  readonly #verdictTimeoutMs: number;
  readonly #sender: Sender;
  readonly #desk: VerdictDesk;
  readonly #followed = new Set<Following<CombatEvent> | DurableResults>();
  #disconnected = false;

  /**
   * A client on a connection of the caller's, which stays open when the client is disconnected.
   *
   * @throws RiposteError where an option is out of range
   */
  constructor(nc: NatsConnection, options: ClientOptions = {}, ownsConnection = false) {
    const { inFlightMax = DEFAULT_IN_FLIGHT_MAX, verdictTimeoutMs = DEFAULT_VERDICT_TIMEOUT_MS } = options;
    if (!Number.isSafeInteger(inFlightMax) || inFlightMax < 1) throw invalidInput(`inFlightMax is ${inFlightMax}`);
    this.#nc = nc;
    this.#ownsConnection = ownsConnection;
    this.#verdictTimeoutMs = checkedTimeout(verdictTimeoutMs);
    this.#sender = new Sender(nc, inFlightMax);
    this.#desk = new VerdictDesk(nc);
    void nc.closed().then((error) => this.#connectionClosed(error instanceof Error ? error.message : 'by its owner'));
  }

  /**
   * Connects and makes a client that closes its connection when it is disconnected.
   *
   * @param connection of nats.js, e.g. `{ servers: 'nats://127.0.0.1:4222' }`
   * @throws RiposteError `unavailable` where there is no server, or it refuses the login
   */
  static async connect(connection: NodeConnectionOptions, options: ClientOptions = {}): Promise<RiposteClient> {
    let nc: NatsConnection;
    try {
      nc = await connect({
        name: 'riposte-client',
        maxReconnectAttempts: -1,
        pingInterval: PING_INTERVAL_MS,
        noAsyncTraces: true,
        ...connection,
      });
    } catch (error) {
      const servers = [connection.servers ?? 'its default address'].flat().join(', ');
      const reason = `no connection to NATS at ${servers}: ${messageOf(error)}`;
      throw new RiposteError(ErrorCode.UNAVAILABLE, reason, { cause: error });
    }
    return new RiposteClient(nc, options, true);
  }

  /**
   * Opens a session, with a random seed unless one is given. A session whose stats the rules refuse is opened all the same
   * and closed at once with reason `invalid`: follow it, or look at its `state`.
   *
   * To call again after an error is safe: it says `exists` where the first call came through after all.
   */
  async open(session: NewSession): Promise<OpenOutcome> {
    this.#requireOpen();
    return await openSession(this.#nc, this.#sender, session);
  }

  /**
   * Submits moves as one signal, and resolves with what became of each, in their order.
   *
   * An outcome `unknown` is no refusal: `submit` the same moves with `again: true` until they are accepted or refused. It
   * is safe: a move counts once, however often it is sent.
   */
  async submit(sessionId: string, moves: readonly Move[], options: SubmitOptions = {}): Promise<MoveOutcome[]> {
    this.#requireOpen();
    const subject = logSubject('signal', checkedSessionId(sessionId));
    const ids = checkedMoveIds(moves);
    const timeoutMs = checkedTimeout(options.timeoutMs ?? this.#verdictTimeoutMs);
    const signal = { session_id: sessionId, signal_type: 'check_immediate', moves };
    // Its size is known before its reply_to is: an inbox of this length stands in for it.
    checkedBytes(CollectorSignal, { ...signal, reply_to: REPLY_TO_OF_ANY_LENGTH });
    return await this.#sender.slots.run(async () => {
      const waiting = this.#desk.expect(ids, timeoutMs);
      const body = encode({ ...signal, reply_to: waiting.replyTo });
      const until = performance.now() + timeoutMs;
      const sent = { seq: null as number | null, reason: 'no verdict in time' };
      const attempt = this.#sender.attempt(subject, body, nuid.next(), { until }).then(
        (stored) => {
          if (stored.kind === 'stored') sent.seq = stored.seq;
        },
        (error: unknown) => {
          if (!(error instanceof RiposteError) || error.code !== ErrorCode.UNKNOWN_OUTCOME) throw error;
          sent.reason = error.message;
        },
      );
      // A verdict is proof enough that the signal was stored: only an error of the publish ends the wait before it.
      const failed = attempt.then(() => waiting.verdicts);
      const verdicts = await Promise.race([waiting.verdicts, failed]).finally(waiting.end);
      return ids.map((id) => outcomeOf(id, verdicts.get(id), sent, options.again === true));
    });
  }

  /** Wakes the collector without a move. Resolves with the signal's log sequence; to call again is safe. */
  async nudge(sessionId: string): Promise<number> {
    return await this.#send('signal', sessionId, CollectorSignal, { signal_type: 'check_immediate' });
  }

  /**
   * Ends a turn early, or as it is due: what is overdue goes out forced, and the move named goes out due or not. Resolves
   * with the signal's log sequence; to call again is safe.
   */
  async endTurn(sessionId: string, { charId, moveId }: TurnEnd = {}): Promise<number> {
    return await this.#send('signal', sessionId, CollectorSignal, {
      signal_type: 'check_timeout',
      ...(charId !== undefined && { char_id: checkedActorId(charId) }),
      ...(moveId !== undefined && { move_id: moveId }),
    });
  }

  /**
   * Lets somebody join a running fight. Resolves with the message's log sequence, before anybody has judged it: one that
   * is invalid (an id the session has known) is a dead letter. To call again is safe: the second is such a one.
   */
  async join(sessionId: string, actorId: string, team: string, actor: ActorSheet): Promise<number> {
    return await this.#send('session', sessionId, SessionJoined, { type: 'joined', actor_id: actorId, team, actor });
  }

  /** Takes somebody out of a fight, alive. Resolves with the message's log sequence; to call again is safe. */
  async leave(sessionId: string, actorId: string, reason?: string): Promise<number> {
    return await this.#send('session', sessionId, SessionLeft, {
      type: 'left',
      actor_id: actorId,
      ...(reason !== undefined && { reason }),
    });
  }

  /** Calls a fight off: `closed`, without a winner, reason `cancelled`. To call again changes nothing. */
  async close(sessionId: string): Promise<number> {
    return await this.#send('session', sessionId, SessionClosed, { type: 'closed', winner: null, reason: 'cancelled' });
  }

  /**
   * Where a fight stands, and for an actor its queue, its open blows and who waits for its answer. Null where there is no
   * such session. Whoever has just had a verdict reads its own move.
   */
  async state(sessionId: string, actorId?: string): Promise<SessionState | null> {
    this.#requireOpen();
    const actor = actorId === undefined ? undefined : checkedActorId(actorId);
    return await sessionState(this.#nc, checkedSessionId(sessionId), actor);
  }

  /** Follows actions, in the log's order and each once. Resolves when the following has begun. */
  async followActions(options: FollowOptions = {}): Promise<Following<ActionEvent>> {
    return await this.#follow<ActionEvent>(['action'], options);
  }

  /** Follows results, in the log's order and each once. Resolves when the following has begun. */
  async followResults(options: FollowOptions = {}): Promise<Following<ResultEvent>> {
    return await this.#follow<ResultEvent>(['result'], options);
  }

  /** Follows several kinds of message in one order: `session` is who opens, joins, leaves, and how it ends. */
  async follow<Kind extends EventKind>(
    kinds: readonly Kind[],
    options: FollowOptions = {},
  ): Promise<Following<Extract<CombatEvent, { kind: Kind }>>> {
    if (kinds.length === 0) throw invalidInput('no kinds of message to follow');
    return await this.#follow<Extract<CombatEvent, { kind: Kind }>>([...new Set(kinds)], options);
  }

  /**
   * Takes the results of all sessions through a durable consumer of this name, at least once each: acknowledge a result
   * when it is dealt with. Several processes that use one name share the work.
   */
  async durableResults(name: string, options: DurableOptions = {}): Promise<DurableResults> {
    this.#requireRoom();
    const results = await DurableResults.start(this.#nc, name, options, (stopped) => this.#followed.delete(stopped));
    return await this.#admit(results);
  }

  /** Waits for what is in flight, ends every iteration, and closes the connection where the client has made it. */
  async disconnect(): Promise<void> {
    if (this.#disconnected) return;
    this.#disconnected = true;
    await Promise.all([...this.#followed].map((followed) => followed.stop()));
    await this.#sender.close();
    this.#desk.close();
    if (this.#ownsConnection && !this.#nc.isClosed()) await this.#nc.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  async #send(
    kind: 'session' | 'signal',
    sessionId: string,
    schema: typeof CollectorSignal | typeof SessionJoined | typeof SessionLeft | typeof SessionClosed,
    message: object,
  ): Promise<number> {
    this.#requireOpen();
    const subject = logSubject(kind, checkedSessionId(sessionId));
    return await this.#sender.send(subject, checkedBytes(schema, { session_id: sessionId, ...message }));
  }

  async #follow<Event extends CombatEvent>(
    kinds: readonly EventKind[],
    { sessionId, from = sessionId === undefined ? 'now' : 'start' }: FollowOptions,
  ): Promise<Following<Event>> {
    this.#requireRoom();
    if (typeof from === 'number' && !Number.isSafeInteger(from)) throw invalidInput(`from is ${from}`);
    const following = await Following.start<Event>(
      this.#nc,
      { kinds, sessionId: sessionId === undefined ? null : checkedSessionId(sessionId), from },
      (stopped) => this.#followed.delete(stopped as unknown as Following<CombatEvent>),
    );
    return await this.#admit(following as unknown as Following<CombatEvent> & Following<Event>);
  }

  /** Counts an iteration in, unless the client has gone while it began. */
  async #admit<Followed extends Following<CombatEvent> | DurableResults>(followed: Followed): Promise<Followed> {
    this.#followed.add(followed);
    if (!this.#disconnected) return followed;
    await followed.stop();
    throw closed();
  }

  #requireOpen(): void {
    if (this.#disconnected || this.#nc.isClosed()) throw closed();
  }

  #requireRoom(): void {
    this.#requireOpen();
    if (this.#followed.size >= FOLLOWED_MAX) {
      throw new RiposteError(ErrorCode.BUSY, `${FOLLOWED_MAX} iterations are open`);
    }
  }

  #connectionClosed(reason: string): void {
    if (this.#disconnected) return;
    this.#desk.close();
    const lost = new RiposteError(ErrorCode.CLOSED, `the connection has closed: ${reason}`);
    for (const followed of [...this.#followed]) followed.fail(lost);
  }
}

const closed = (): RiposteError => new RiposteError(ErrorCode.CLOSED, 'the client or its connection is closed');

/** No inbox is longer: the contract's collector obeys none that is. */
const REPLY_TO_OF_ANY_LENGTH = '_'.repeat(256);
const TIMEOUT_MAX_MS = 2 ** 31 - 1;

function checkedTimeout(timeoutMs: number): number {
  if (timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS) return timeoutMs;
  throw invalidInput(`a timeout of ${timeoutMs} ms, expected 1 to ${TIMEOUT_MAX_MS}`);
}

function outcomeOf(
  moveId: string,
  verdict: Verdict | undefined,
  sent: { readonly seq: number | null; readonly reason: string },
  again: boolean,
): MoveOutcome {
  if (verdict === undefined) return { outcome: 'unknown', move_id: moveId, ...sent };
  const { seq } = verdict;
  if (verdict.accepted) return { outcome: 'accepted', move_id: moveId, seq, deadline: verdict.deadline ?? null };
  if (again && verdict.code === 'duplicate_move') {
    return { outcome: 'accepted', move_id: moveId, seq: null, deadline: null };
  }
  return { outcome: 'refused', move_id: moveId, seq, code: verdict.code };
}
