// Owns: a game server as a stranger would write it, on the npm package `nats` 2.x and contract.md alone. It opens
// sessions, publishes moves, collects verdicts, follows the log, reads the buckets and, where a case asks for it, plays
// the AI by hand.
//
// Everything here waits for messages, never for time. Every wait is bounded, and one that runs out says what it waited
// for and prints the session's log.

import { setTimeout as pause } from 'node:timers/promises';
import {
  AckPolicy,
  type ConsumerMessages,
  connect,
  createInbox,
  headers,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  type KV,
  type MsgHdrs,
  type NatsConnection,
  type Subscription,
} from 'nats';
import {
  type Action,
  type ActionMessage,
  actionMessageOf,
  type Closed,
  closedOf,
  describeEntry,
  type LogEntry,
  type Move,
  parseJson,
  type Result,
  type ResultMessage,
  readSubject,
  resultMessageOf,
  type SessionState,
  type Signal,
  signalOf,
  type TurnRequest,
  type Verdict,
} from './wire.ts';

/** Nothing in the suite takes this long on a healthy system; a wait that does has been waiting for nothing. */
const WAIT_LIMIT_MS = 120_000;
const LOOK_MS = 20;

/** Enough of a log to see what went wrong, little enough to read. */
const PRINTED_ENTRIES = 60;

const encoder = new TextEncoder();

/** A message of the stream `DEAD`. */
export interface DeadLetter {
  readonly subject: string;
  readonly reason: string;
  readonly origin: string;
  readonly data: Uint8Array;
}

/** What the log says of a signal, and the verdicts that came for its moves, in order of arrival. */
interface Reply {
  readonly seq: number;
  readonly verdicts: readonly Verdict[];
}

/** What a session is opened with. Everything has a default but the teams. */
interface Opening {
  readonly teams: Readonly<Record<string, readonly string[]>>;
  /** Stats of every actor that has none of its own in `statsOf`. */
  readonly stats?: Readonly<Record<string, unknown>>;
  readonly statsOf?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The actors that are of kind `ai`; the others are players. */
  readonly bots?: readonly string[];
  /** Anything else of the `opened` message: rules, seed, timeouts, targets. */
  readonly also?: Readonly<Record<string, unknown>>;
}

let lastMove = 0;

/** A move id that no other move of this process has. */
export function freshMoveId(): string {
  lastMove += 1;
  return `m${lastMove}`;
}

/** An exchange move with a fresh id; `payload` is added to its target. */
export function strike(from: string, to: string, payload: Readonly<Record<string, unknown>> = {}): Move {
  return { move_id: freshMoveId(), char_id: from, strategy: 'exchange', payload: { target_id: to, ...payload } };
}

/** An instant move with a fresh id. */
export function cast(from: string, to: string, payload: Readonly<Record<string, unknown>> = {}): Move {
  const skill = { target_id: to, skill_id: 'fireball', ...payload };
  return { move_id: freshMoveId(), char_id: from, strategy: 'instant', payload: skill };
}

/** An item move with a fresh id. */
export function use(from: string, to: string, payload: Readonly<Record<string, unknown>> = {}): Move {
  const item = { target_id: to, item_id: 'potion', ...payload };
  return { move_id: freshMoveId(), char_id: from, strategy: 'item', payload: item };
}

/** The actors of an `opened` message, from its teams. */
export function openedBody(sessionId: string, opening: Opening): Record<string, unknown> {
  const bots = new Set(opening.bots);
  const actors = Object.values(opening.teams)
    .flat()
    .map((id) => {
      const stats = opening.statsOf?.[id] ?? opening.stats ?? { hp: 100 };
      return [id, { kind: bots.has(id) ? 'ai' : 'player', name: `Name of ${id}`, stats }] as const;
    });
  return {
    type: 'opened',
    session_id: sessionId,
    teams: opening.teams,
    actors: Object.fromEntries(actors),
    rules: { name: 'plain', version: 1 },
    ...opening.also,
  };
}

interface Waiter {
  readonly look: () => boolean;
  readonly done: () => void;
}

/** Those who wait for something to become true, asked again at every message that may have made it so. */
class Waiters {
  readonly #waiting = new Set<Waiter>();

  ask(): void {
    for (const waiter of this.#waiting) {
      if (!waiter.look()) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
  }

  /** Resolves with the first value of `look` that is not undefined; rejects after the limit with `late()`. */
  async until<T>(look: () => T | undefined, late: () => string, limitMs = WAIT_LIMIT_MS): Promise<T> {
    const early = look();
    if (early !== undefined) return early;
    return await new Promise<T>((resolve, reject) => {
      let found: T | undefined;
      const waiter: Waiter = {
        look: () => {
          found = look();
          return found !== undefined;
        },
        done: () => {
          clearTimeout(timer);
          resolve(found as T);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        reject(new Error(late()));
      }, limitMs);
      this.#waiting.add(waiter);
    });
  }
}

/** A connection of a game server, with the whole log in view. */
export class Outsider {
  readonly nc: NatsConnection;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly #sessions = new Map<string, Session>();
  readonly #changed = new Waiters();
  readonly #following: ConsumerMessages[] = [];
  readonly #inbox = createInbox('_INBOX.outsider');
  readonly #replies = new Map<string, (verdict: Verdict) => void>();
  #results = 0;
  #closed = 0;

  private constructor(nc: NatsConnection, jsm: JetStreamManager) {
    this.nc = nc;
    this.js = nc.jetstream({ timeout: WAIT_LIMIT_MS });
    this.jsm = jsm;
  }

  /**
   * Connects and follows the log and the dead letters from their beginning. The streams must be there.
   * @param url of the server
   */
  static async connect(url: string): Promise<Outsider> {
    const nc = await connect({ servers: url, name: 'outsider', maxReconnectAttempts: -1, reconnectTimeWait: 250 });
    const outsider = new Outsider(nc, await nc.jetstreamManager({ timeout: WAIT_LIMIT_MS }));
    outsider.#takeVerdicts(nc.subscribe(`${outsider.#inbox}.*`));
    await outsider.#follow('COMBAT', (message) => outsider.#takeEntry(message));
    await outsider.#follow('DEAD', (message) => outsider.#takeDeadLetter(message));
    return outsider;
  }

  /** A handle on a session, which need not exist. Without an id it gets one that no other test has. */
  session(id?: string): Session {
    const name = id ?? `s${this.#sessions.size + 1}-${Math.random().toString(36).slice(2, 8)}`;
    const known = this.#sessions.get(name);
    if (known !== undefined) return known;
    const session = new Session(this, name);
    this.#sessions.set(name, session);
    return session;
  }

  /** How many results of actions stand in the whole log so far. */
  get results(): number {
    return this.#results;
  }

  /** How many sessions of the whole log are closed so far. */
  get closed(): number {
    return this.#closed;
  }

  /** Waits for something that the whole log decides. */
  async until<T>(what: string, look: () => T | undefined, limitMs = WAIT_LIMIT_MS): Promise<T> {
    return await this.#changed.until(look, () => `waited in vain for ${what}\n${this.#overview()}`, limitMs);
  }

  /** Publishes to a stream and resolves with the sequence the message got. */
  async publish(subject: string, body: unknown, set: Readonly<Record<string, string>> = {}): Promise<number> {
    const data = body instanceof Uint8Array ? body : encoder.encode(JSON.stringify(body));
    const ack = await this.js.publish(subject, data, { headers: headersOf(set) });
    return ack.seq;
  }

  /** A fresh reply subject; the verdicts that come to it go to `take`. */
  replyTo(take: (verdict: Verdict) => void): string {
    const token = `${this.#replies.size + 1}`;
    this.#replies.set(token, take);
    return `${this.#inbox}.${token}`;
  }

  /** A core NATS request, answered in JSON. */
  async request(subject: string, body: unknown): Promise<{ text: string; body: unknown }> {
    const answer = await this.nc.request(subject, encoder.encode(JSON.stringify(body)), { timeout: WAIT_LIMIT_MS });
    return { text: answer.string(), body: parseJson(answer.data) };
  }

  /** A bucket, opened but never created. */
  async bucket(name: string): Promise<KV> {
    return await this.js.views.kv(name, { bindOnly: true });
  }

  /** How many messages a stream holds on a subject. */
  async held(stream: string, subject: string): Promise<number> {
    const info = await this.jsm.streams.info(stream, { subjects_filter: subject });
    return info.state.subjects?.[subject] ?? 0;
  }

  /** Waits until a stream holds so many messages on a subject. */
  async untilHeld(stream: string, subject: string, count: number): Promise<void> {
    const until = Date.now() + WAIT_LIMIT_MS;
    for (;;) {
      const held = await this.held(stream, subject);
      if (held === count) return;
      if (Date.now() > until) throw new Error(`${stream} holds ${held} messages on ${subject}, not ${count}`);
      await pause(LOOK_MS);
    }
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    for (const messages of this.#following) messages.stop();
    await this.nc.close();
  }

  async #follow(stream: string, take: (message: JsMsg) => void): Promise<void> {
    const consumer = await this.js.consumers.get(stream);
    this.#following.push(await consumer.consume({ callback: take, max_messages: 5_000 }));
  }

  #takeEntry(message: JsMsg): void {
    const place = readSubject(message.subject);
    if (place === undefined) return;
    const data = message.data.slice();
    const timeMs = logTimeMs(message);
    const entry: LogEntry = {
      seq: message.seq,
      timeMs,
      subject: message.subject,
      ...place,
      data,
      body: parseJson(data),
    };
    this.#results += resultMessageOf(entry)?.results.length ?? 0;
    const session = this.session(place.session);
    if (closedOf(entry) !== undefined && session.closed() === undefined) this.#closed += 1;
    session.take(entry);
    this.#changed.ask();
  }

  #takeDeadLetter(message: JsMsg): void {
    const letter: DeadLetter = {
      subject: message.subject,
      reason: message.headers?.get('Riposte-Reason') ?? '',
      origin: message.headers?.get('Riposte-Origin') ?? '',
      data: message.data.slice(),
    };
    this.session(message.subject.split('.').at(-1)).takeDeadLetter(letter);
    this.#changed.ask();
  }

  #takeVerdicts(verdicts: Subscription): void {
    void (async () => {
      for await (const message of verdicts) {
        const token = message.subject.slice(this.#inbox.length + 1);
        this.#replies.get(token)?.(parseJson(message.data) as Verdict);
      }
    })();
  }

  #overview(): string {
    const open = [...this.#sessions.values()].filter((session) => session.entries.length > 0 && !session.closed());
    const first = open[0] === undefined ? '' : `\nthe first of them:\n${open[0].print()}`;
    return `${this.#results} results, ${this.#closed} sessions closed, ${open.length} open${first}`;
  }
}

/** One session, seen from outside. */
export class Session {
  readonly id: string;
  readonly entries: LogEntry[] = [];
  readonly deadLetters: DeadLetter[] = [];
  readonly #outsider: Outsider;
  readonly #changed = new Waiters();
  #timedOut = false;

  constructor(outsider: Outsider, id: string) {
    this.#outsider = outsider;
    this.id = id;
  }

  take(entry: LogEntry): void {
    this.entries.push(entry);
    this.#timedOut ||= signalOf(entry)?.signal_type === 'check_timeout';
    this.#changed.ask();
  }

  takeDeadLetter(letter: DeadLetter): void {
    this.deadLetters.push(letter);
    this.#changed.ask();
  }

  // --- What a game server publishes ---

  /** Publishes `opened` as the contract asks, with the expectation that the session is new. */
  async open(opening: Opening): Promise<number> {
    return await this.life(openedBody(this.id, opening), { 'Nats-Expected-Last-Subject-Sequence': '0' });
  }

  /** Publishes on `combat.session.<session>`. */
  async life(body: unknown, set: Readonly<Record<string, string>> = {}): Promise<number> {
    return await this.#outsider.publish(`combat.session.${this.id}`, body, set);
  }

  /** Publishes a signal and waits for nothing but its place in the log. */
  async send(signal: Signal, set: Readonly<Record<string, string>> = {}): Promise<number> {
    const body = { session_id: this.id, ...signal };
    return await this.#outsider.publish(`collector.signal.${this.id}`, body, set);
  }

  /** Publishes anything at all as a signal. */
  async sendBytes(data: Uint8Array): Promise<number> {
    return await this.#outsider.publish(`collector.signal.${this.id}`, data);
  }

  /** Publishes moves in one signal and waits for a verdict on each. */
  async submit(...moves: readonly unknown[]): Promise<Reply> {
    const verdicts: Verdict[] = [];
    const replyTo = this.#outsider.replyTo((verdict) => {
      verdicts.push(verdict);
      this.#changed.ask();
    });
    const seq = await this.send({ signal_type: 'check_immediate', moves, reply_to: replyTo });
    const all = () => (verdicts.length >= moves.length ? true : undefined);
    await this.until(`${moves.length} verdicts on the signal at ${seq}`, all);
    return { seq, verdicts };
  }

  /** Submits moves that must all be accepted. */
  async accept(...moves: readonly Move[]): Promise<Reply> {
    const reply = await this.submit(...moves);
    const refused = reply.verdicts.filter((verdict) => !verdict.accepted);
    if (refused.length > 0) throw new Error(`refused: ${JSON.stringify(refused)}\n${this.print()}`);
    return reply;
  }

  /** Submits one move that must be refused, and resolves with the code. */
  async refusal(move: unknown): Promise<string> {
    const { verdicts } = await this.submit(move);
    const verdict = verdicts[0];
    if (verdict === undefined || verdict.accepted)
      throw new Error(`accepted: ${JSON.stringify(move)}\n${this.print()}`);
    return verdict.code;
  }

  /** Two blows at each other in one signal, and the result of the exchange they make. */
  async pair(one: Move, other: Move): Promise<void> {
    await this.accept(one, other);
    await this.resultOf(one);
  }

  /** Forces a move, due or not. */
  async force(move: Move): Promise<number> {
    return await this.send({ signal_type: 'check_timeout', char_id: move.char_id, move_id: move.move_id });
  }

  // --- What the log says ---

  /** The action messages that count: those after the first `closed` are ignored by every fold, and here. */
  actionMessages(): ActionMessage[] {
    const end = this.entries.findIndex((entry) => closedOf(entry) !== undefined);
    const counted = end === -1 ? this.entries : this.entries.slice(0, end);
    return counted.map(actionMessageOf).filter((message) => message !== undefined);
  }

  actions(): Action[] {
    return this.actionMessages().flatMap((message) => message.actions);
  }

  resultMessages(): ResultMessage[] {
    return this.entries.map(resultMessageOf).filter((message) => message !== undefined);
  }

  results(): Result[] {
    return this.resultMessages().flatMap((message) => message.results);
  }

  signals(): { readonly entry: LogEntry; readonly signal: Signal }[] {
    return this.entries.flatMap((entry) => {
      const signal = signalOf(entry);
      return signal === undefined ? [] : [{ entry, signal }];
    });
  }

  /** Whether a check_timeout stands in the log. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** The first `closed` of the log. */
  closed(): Closed | undefined {
    for (const entry of this.entries) {
      const closed = closedOf(entry);
      if (closed !== undefined) return closed;
    }
    return undefined;
  }

  /** The action that holds a move, as its own or as the partner's. */
  actionOf(move: Move): Action | undefined {
    return this.actions().find((action) => action.move.move_id === move.move_id || isPartner(action, move));
  }

  /**
   * The emitted actions and then the closings, one line each: what the collector decided. `1 exchange m1 m2` is a pair,
   * `2 exchange m3 forced` a blow that found no answer, `3 instant m4 at x,z` what a skill was resolved to.
   */
  decisions(): string[] {
    const closings = this.entries.map(closedOf).filter((closed) => closed !== undefined);
    const ends = closings.map((closed) => `closed ${closed.reason}, winner ${closed.winner}`);
    return [...this.actions().map(describeAction), ...ends];
  }

  /** The results, one line each: `1 done`, `2 skipped target_dead`, `3 failed` (the error's text is the rules' own). */
  outcomes(): string[] {
    return this.results().map(({ action_id, status, reason }) =>
      status === 'skipped' ? `${action_id} ${status} ${reason}` : `${action_id} ${status}`,
    );
  }

  /** Waits for something that this session's log, verdicts or dead letters decide. */
  async until<T>(what: string, look: () => T | undefined, limitMs = WAIT_LIMIT_MS): Promise<T> {
    return await this.#changed.until(look, () => `waited in vain for ${what}\n${this.print()}`, limitMs);
  }

  /** Waits for the message of the log at a sequence. */
  async reached(seq: number): Promise<LogEntry> {
    return await this.until(`message ${seq}`, () => this.entries.find((entry) => entry.seq === seq));
  }

  /** Waits for the action that holds a move. */
  async actionWith(move: Move): Promise<Action> {
    return await this.until(`an action with ${move.move_id}`, () => this.actionOf(move));
  }

  /** Waits for the result of the action that holds a move. */
  async resultOf(move: Move): Promise<Result> {
    return await this.until(`the result of ${move.move_id}`, () => {
      const id = this.actionOf(move)?.action_id;
      return this.results().find((result) => result.action_id === id);
    });
  }

  /** Waits for so many results. */
  async resolved(count: number): Promise<void> {
    await this.until(`${count} results`, () => (this.results().length >= count ? true : undefined));
  }

  /** Waits for the session to be closed. */
  async ended(limitMs = WAIT_LIMIT_MS): Promise<Closed> {
    return await this.until('closed', () => this.closed(), limitMs);
  }

  /** Waits for the dead letter of the message at a sequence of `COMBAT`. */
  async deadLetterOf(seq: number): Promise<DeadLetter> {
    const origin = `COMBAT:${seq}`;
    return await this.until(`the dead letter of ${origin}`, () =>
      this.deadLetters.find((letter) => letter.origin === origin),
    );
  }

  // --- What can be asked ---

  /**
   * The answer of `session.get`, asked again until it speaks of everything this side has seen of the session.
   * @param actorId whose queue and open blows to ask for
   */
  async state(actorId?: string): Promise<SessionState> {
    const seen = this.#lastThatCounts();
    const until = Date.now() + WAIT_LIMIT_MS;
    for (;;) {
      const { text, body } = await this.ask(actorId === undefined ? {} : { actor_id: actorId });
      const state = body as SessionState;
      if (typeof state.seq === 'number' && state.seq >= seen) return state;
      if (Date.now() > until) throw new Error(`session.get stays behind ${seen}: ${text}\n${this.print()}`);
    }
  }

  /** The place of the last message that can change the session; after the first `closed` none can. */
  #lastThatCounts(): number {
    const end = this.entries.find((entry) => closedOf(entry) !== undefined);
    const counts = (entry: LogEntry): boolean => entry.kind !== 'signal' || isMoves(entry);
    return (end ?? this.entries.findLast(counts))?.seq ?? 0;
  }

  /** One request to `session.get`, whatever it answers. */
  async ask(body: unknown): Promise<{ text: string; body: unknown }> {
    return await this.#outsider.request(`session.get.${this.id}`, body);
  }

  /** The queue of an actor. */
  async queue(actorId: string): Promise<readonly string[]> {
    return (await this.state(actorId)).queue ?? [];
  }

  /**
   * Waits for a snapshot in a bucket that fits.
   * @returns the snapshot's JSON
   */
  async snapshot(
    bucket: 'sessions' | 'battles',
    what: string,
    fits: (value: Readonly<Record<string, unknown>>) => boolean,
  ): Promise<Readonly<Record<string, unknown>>> {
    const kv = await this.#outsider.bucket(bucket);
    const watch = await kv.watch({ key: this.id });
    const timer = setTimeout(() => watch.stop(), WAIT_LIMIT_MS);
    let last = 'none';
    try {
      for await (const entry of watch) {
        if (entry.operation !== 'PUT') continue;
        last = entry.string();
        const value = entry.json<Readonly<Record<string, unknown>>>();
        if (fits(value)) return value;
      }
    } finally {
      clearTimeout(timer);
      watch.stop();
    }
    throw new Error(`waited in vain for a snapshot in ${bucket} with ${what}; the last was ${last}\n${this.print()}`);
  }

  /** Plays the AI of this session by hand: takes every AiTurnRequest and acknowledges it. */
  async turns(): Promise<Turns> {
    const name = `hand-${this.id}`;
    const filter = `ai.turn.${this.id}.*`;
    const { js, jsm } = this.#outsider;
    await jsm.consumers.add('TASKS', { durable_name: name, filter_subject: filter, ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get('TASKS', name);
    const turns = new Turns(this);
    await consumer.consume({
      callback: (message) => {
        turns.take(message.subject, parseJson(message.data) as TurnRequest);
        message.ack();
        this.#changed.ask();
      },
    });
    return turns;
  }

  /** The session's log, for a failure message. */
  print(): string {
    const shown = this.entries.slice(-PRINTED_ENTRIES);
    const cut = this.entries.length - shown.length;
    return [
      `session ${this.id}, ${this.entries.length} messages:`,
      ...(cut > 0 ? [`  (${cut} more before)`] : []),
      ...shown.map((entry) => `  ${describeEntry(entry)}`),
      ...this.deadLetters.map((letter) => `  dead letter ${letter.subject} of ${letter.origin}: ${letter.reason}`),
    ].join('\n');
  }
}

/** The AiTurnRequests of a session whose AI is played by hand, in the order of the stream. */
export class Turns {
  readonly requests: TurnRequest[] = [];
  readonly subjects: string[] = [];
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  take(subject: string, request: TurnRequest): void {
    this.subjects.push(subject);
    this.requests.push(request);
  }

  /** Waits for the request with this ordinal, counted from 1. */
  async nth(ordinal: number, limitMs = WAIT_LIMIT_MS): Promise<TurnRequest> {
    return await this.#session.until(`AiTurnRequest ${ordinal}`, () => this.requests[ordinal - 1], limitMs);
  }

  /** One line each: `r@12: x y`. */
  lines(): string[] {
    return this.requests.map((request) => `${request.request_id}: ${request.missing_targets.join(' ')}`);
  }
}

function describeAction(action: Action): string {
  const { action_id, type, move, partner_move, is_forced } = action;
  const partner = partner_move === null ? '' : ` ${partner_move.move_id}`;
  const targets = type === 'exchange' ? '' : ` at ${move.targets?.join(',')}`;
  return `${action_id} ${type} ${move.move_id}${partner}${targets}${is_forced ? ' forced' : ''}`;
}

function isPartner(action: Action, move: Move): boolean {
  return action.partner_move?.move_id === move.move_id;
}

function isMoves(entry: LogEntry): boolean {
  return (signalOf(entry)?.moves?.length ?? 0) > 0;
}

function headersOf(set: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers();
  for (const [name, value] of Object.entries(set)) made.set(name, value);
  return made;
}

/** Nanoseconds divided as integers: as doubles, one in ten thousand is a millisecond off. */
function logTimeMs(message: JsMsg): number {
  // $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>, or with a domain and an
  // account hash after ACK: counted from the front either way.
  const { reply } = message as JsMsg & { readonly reply: string };
  const tokens = reply.split('.');
  const nanos = tokens.length === 9 ? tokens[7] : tokens[9];
  return Number(BigInt(nanos ?? '0') / 1_000_000n);
}
