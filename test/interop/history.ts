// Owns: what the log of one session alone must show, read from contract.md and semantics.md by an outsider. It folds the
// log a second time, in its own words, and says where the services' messages differ from what the log calls for:
//
// - I2: every accepted move is in at most one action; each decision is exactly what the log up to its `through` asks for,
//   in the order of semantics.md ("What the collector emits").
// - I3: no actor has two blows in the pool for one target.
// - I4: every action has exactly one result, in emission order; `executed` and `step` count them.
// - The first `closed` stands: nothing of the session's life is left undone when it comes.
//
// It is not a model of the rules: what a blow does is taken from the results.

import {
  type Action,
  type ActionMessage,
  actionMessageOf,
  type Closed,
  closedOf,
  type LogEntry,
  type Move,
  type ResultMessage,
  resultMessageOf,
  type Signal,
  signalOf,
} from './wire.ts';

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const RANDOM_ENEMIES = /^random_enemy_[0-9]+$/;
const ALIASES = new Set(['self', 'all_enemies', 'all_allies']);
const ACTIONS_IN_MESSAGE = 256;
const BYTES_IN_MESSAGE = 256 * 1024;
const MOVE_BYTES = 2 * 1024;
const REMEMBERED_MOVES = 1_024;
const DEFAULT_TIMEOUTS_MS = [60_000, 50_000, 40_000, 30_000, 20_000];

interface AcceptedMove {
  readonly id: string;
  readonly actor: string;
  /** Of exchanges. */
  readonly target: string | undefined;
  readonly order: number;
  readonly deadlineMs: number;
  marked: boolean;
  /** The action that took it. */
  action: string | undefined;
  /** The log sequence at which it was dropped. */
  droppedAt: number | undefined;
}

/** What a decision made at some place of the log has to go by. */
interface Prefix {
  /** What is to be emitted, in order. */
  readonly due: readonly string[];
  /** Actions emitted and not executed. */
  readonly waiting: number;
  /** The teams that have someone living. */
  readonly standing: readonly string[];
}

interface Opened {
  readonly teams: Readonly<Record<string, readonly unknown[]>>;
  readonly targets?: Readonly<Record<string, readonly unknown[]>>;
  readonly move_timeouts_ms?: readonly number[];
}

/**
 * Reads the log of one session to its end.
 * @param entries every message of the session, in log order
 * @returns what is wrong with it, one line each; none when all is well
 */
export function violationsOf(entries: readonly LogEntry[]): string[] {
  const history = new History();
  const decidedOn = entries.map((entry) => (actionMessageOf(entry) ?? closedOf(entry))?.through);
  const throughs = [...new Set(decidedOn)].filter((seq) => typeof seq === 'number').sort((one, other) => one - other);
  for (const entry of entries) {
    while (throughs[0] !== undefined && throughs[0] < entry.seq) history.decideAt(throughs.shift()!);
    history.fold(entry);
  }
  return history.finish();
}

class History {
  readonly #violations: string[] = [];
  readonly #team = new Map<string, string>();
  readonly #living = new Set<string>();
  readonly #left = new Set<string>();
  readonly #queues = new Map<string, string[]>();
  readonly #afk = new Map<string, number>();
  readonly #accepted = new Map<string, AcceptedMove>();
  readonly #remembered: string[] = [];
  readonly #pool = new Set<AcceptedMove>();
  readonly #actions: Action[] = [];
  readonly #prefixes = new Map<number, Prefix>();
  #timeoutsMs: readonly number[] = DEFAULT_TIMEOUTS_MS;
  #opened = false;
  #closed: Closed | undefined;
  #closedAt = Number.POSITIVE_INFINITY;
  #executed = 0;
  #step = 0;
  #lastActionSeq = 0;

  /** Notes what a decision made on the log so far has to be. */
  decideAt(through: number): void {
    const standing = [...new Set([...this.#living].map((id) => this.#team.get(id) ?? ''))];
    this.#prefixes.set(through, { due: this.#due(), waiting: this.#actions.length - this.#executed, standing });
  }

  fold(entry: LogEntry): void {
    const { kind, seq } = entry;
    const closed = closedOf(entry);
    const actions = actionMessageOf(entry);
    const results = resultMessageOf(entry);
    const signal = signalOf(entry);
    if (closed !== undefined) this.#close(seq, closed);
    else if (kind === 'session') this.#live(seq, entry.body as Record<string, unknown> | undefined);
    else if (actions !== undefined) this.#emit(seq, actions, entry.data.length);
    else if (results !== undefined) this.#resolve(seq, results, entry.data.length);
    else if (signal !== undefined && this.#isOpen()) this.#wake(entry, signal);
  }

  finish(): string[] {
    if (!this.#opened) this.#wrong(0, 'the session never opened');
    if (this.#closed === undefined) this.#wrong(0, 'the session never closed');
    const without = this.#actions.length - this.#executed;
    if (without > 0) this.#wrong(0, `${without} of ${this.#actions.length} actions have no result`);
    for (const move of this.#accepted.values()) {
      if (move.action === undefined && move.droppedAt === undefined) this.#wrong(0, `move ${move.id} ended nowhere`);
    }
    return this.#violations;
  }

  #wrong(seq: number, what: string): void {
    this.#violations.push(seq === 0 ? what : `at ${seq}: ${what}`);
  }

  #isOpen(): boolean {
    return this.#opened && this.#closed === undefined;
  }

  // --- The session's life ---

  #live(seq: number, body: Record<string, unknown> | undefined): void {
    if (body?.type === 'opened' && !this.#opened) this.#open(body as unknown as Opened);
    else if (body?.type === 'joined' && this.#isOpen()) this.#join(String(body.actor_id), String(body.team));
    else if (body?.type === 'left' && this.#isOpen()) this.#leave(seq, String(body.actor_id));
  }

  #open(opened: Opened): void {
    this.#opened = true;
    this.#timeoutsMs = opened.move_timeouts_ms ?? DEFAULT_TIMEOUTS_MS;
    for (const team of Object.keys(opened.teams).sort()) {
      for (const id of opened.teams[team] ?? []) {
        this.#team.set(String(id), team);
        this.#living.add(String(id));
      }
    }
    for (const id of this.#living) {
      const given = opened.targets?.[id]?.map(String);
      this.#queues.set(id, given ?? [...this.#living].filter((other) => this.#areEnemies(id, other)));
    }
  }

  #join(id: string, team: string): void {
    if (this.#team.has(id)) return;
    this.#team.set(id, team);
    const enemies = [...this.#living].filter((other) => this.#areEnemies(id, other));
    this.#queues.set(id, enemies);
    for (const enemy of enemies) this.#queues.get(enemy)?.push(id);
    this.#living.add(id);
  }

  #leave(seq: number, id: string): void {
    this.#left.add(id);
    this.#remove(seq, id);
  }

  /** Death and leaving. */
  #remove(seq: number, id: string): void {
    this.#living.delete(id);
    this.#queues.set(id, []);
    for (const [owner, queue] of this.#queues) {
      const left = queue.filter((target) => target !== id);
      if (left.length < queue.length) this.#queues.set(owner, left);
    }
    for (const move of this.#pool) if (move.actor === id || move.target === id) this.#drop(seq, move);
  }

  #drop(seq: number, move: AcceptedMove): void {
    this.#pool.delete(move);
    move.droppedAt = seq;
    if (move.target !== undefined) this.#giveBack(move.actor, move.target);
  }

  #giveBack(id: string, target: string): void {
    const queue = this.#queues.get(id);
    if (queue === undefined || !this.#living.has(id) || !this.#living.has(target) || queue.includes(target)) return;
    queue.push(target);
  }

  #close(seq: number, closed: Closed): void {
    if (!this.#isOpen()) return;
    this.#closed = closed;
    this.#closedAt = seq;
    for (const move of this.#pool) this.#drop(seq, move);
    if (closed.reason !== 'victory' && closed.reason !== 'draw') return;
    // Another replica may emit between the place the close was decided on and its own: those actions are skipped.
    const { waiting, standing } = this.#prefixes.get(closed.through) ?? { waiting: 0, standing: [] };
    if (waiting > 0) this.#wrong(seq, `${closed.reason} while ${waiting} actions wait`);
    const winner = closed.reason === 'victory' ? [closed.winner] : [];
    if (closed.reason === 'draw' && closed.winner !== null) this.#wrong(seq, `a draw won by ${closed.winner}`);
    if (standing.join() !== winner.join()) this.#wrong(seq, `closed for ${closed.winner}, standing: ${standing}`);
  }

  // --- Signals ---

  #wake(entry: LogEntry, signal: Signal): void {
    if (signal.signal_type === 'check_immediate') {
      for (const move of signal.moves ?? []) this.#register(entry, move as Move);
    }
    if (signal.signal_type !== 'check_timeout') return;
    const named = signal.move_id === undefined ? undefined : String(signal.move_id);
    const owner = named === undefined && signal.char_id !== undefined ? String(signal.char_id) : undefined;
    for (const move of this.#pool) {
      if (move.target === undefined) continue;
      const due = move.deadlineMs <= entry.timeMs && (owner === undefined || owner === move.actor);
      if (move.id === named || due) move.marked ||= this.#answerTo(move) === undefined;
    }
  }

  #register(entry: LogEntry, given: Move): void {
    const move = acceptableForm(given);
    if (move === undefined || this.#isDuplicate(move.id) || !this.#living.has(move.actor)) return;
    const queue = this.#queues.get(move.actor) ?? [];
    if (move.exchange) {
      if (!this.#living.has(move.aim) || !queue.includes(move.aim)) return;
      this.#queues.set(
        move.actor,
        queue.filter((target) => target !== move.aim),
      );
    } else if (!isAlias(move.aim) && !this.#living.has(move.aim)) return;
    const accepted: AcceptedMove = {
      id: move.id,
      actor: move.actor,
      target: move.exchange ? move.aim : undefined,
      order: this.#accepted.size,
      deadlineMs: entry.timeMs + this.#patienceMs(move.aim),
      marked: false,
      action: undefined,
      droppedAt: undefined,
    };
    for (const other of this.#pool) {
      const same = other.actor === accepted.actor && other.target === accepted.target;
      if (same && accepted.target !== undefined) this.#wrong(entry.seq, `I3: ${move.id} and ${other.id} are both open`);
    }
    this.#afk.set(move.actor, 0);
    this.#accepted.set(move.id, accepted);
    this.#remembered.push(move.id);
    this.#pool.add(accepted);
  }

  #isDuplicate(id: string): boolean {
    const remembered = Math.max(REMEMBERED_MOVES, 4 * this.#team.size);
    return this.#remembered.slice(-remembered).includes(id);
  }

  #patienceMs(target: string): number {
    const level = Math.min(this.#afk.get(target) ?? 0, this.#timeoutsMs.length - 1);
    return this.#timeoutsMs[level] ?? 0;
  }

  #areEnemies(one: string, other: string): boolean {
    return this.#team.get(one) !== this.#team.get(other);
  }

  #answerTo(move: AcceptedMove): AcceptedMove | undefined {
    for (const other of this.#pool) {
      if (other.target !== undefined && other.target === move.actor && other.actor === move.target) return other;
    }
    return undefined;
  }

  // --- Decisions ---

  /** What is to be emitted now, in order. */
  #due(): readonly string[] {
    if (!this.#isOpen()) return [];
    const open = [...this.#pool].sort((one, other) => one.order - other.order);
    const instants = open.filter((move) => move.target === undefined).map((move) => `${move.id} alone`);
    const pairs: string[] = [];
    const forced: string[] = [];
    for (const move of open) {
      if (move.target === undefined) continue;
      const answer = this.#answerTo(move);
      // Listed at the later of the two: the order of the completing move's acceptance.
      if (answer !== undefined && answer.order < move.order) pairs.push(`${answer.id} with ${move.id}`);
      if (answer === undefined && move.marked) forced.push(`${move.id} forced`);
    }
    return [...instants, ...pairs, ...forced];
  }

  #emit(seq: number, message: ActionMessage, bytes: number): void {
    if (this.#closed !== undefined) return;
    if (message.through >= seq) this.#wrong(seq, `decided on ${message.through}, which is not before it`);
    if (message.through < this.#lastActionSeq) this.#wrong(seq, `decided before ${this.#lastActionSeq} was folded`);
    this.#lastActionSeq = seq;
    this.#compareWithDue(seq, message, bytes);
    for (const action of message.actions) this.#emitOne(seq, message.through, action);
  }

  #compareWithDue(seq: number, message: ActionMessage, bytes: number): void {
    const due = this.#prefixes.get(message.through)?.due ?? [];
    const emitted = message.actions.map(({ move, partner_move, is_forced, type }) => {
      if (type !== 'exchange') return `${move.move_id} alone`;
      return partner_move === null
        ? `${move.move_id} forced`
        : `${move.move_id} with ${partner_move.move_id}${is_forced ? ' forced' : ''}`;
    });
    if (emitted.length > ACTIONS_IN_MESSAGE) this.#wrong(seq, `${emitted.length} actions in one message`);
    if (bytes > BYTES_IN_MESSAGE) this.#wrong(seq, `${bytes} bytes in one action message`);
    // A message that is full may leave the rest to the next.
    const full = emitted.length === ACTIONS_IN_MESSAGE || bytes > BYTES_IN_MESSAGE - 3 * MOVE_BYTES;
    const expected = full ? due.slice(0, emitted.length) : due;
    if (expected.join('; ') !== emitted.join('; ')) {
      this.#wrong(
        seq,
        `the log to ${message.through} calls for [${expected.join('; ')}], emitted [${emitted.join('; ')}]`,
      );
    }
  }

  #emitOne(seq: number, through: number, action: Action): void {
    const ordinal = `${this.#actions.length + 1}`;
    if (action.action_id !== ordinal) this.#wrong(seq, `I4: action ${action.action_id} stands where ${ordinal} is due`);
    this.#actions.push(action);
    for (const move of [action.move, action.partner_move]) {
      if (move === null) continue;
      const accepted = this.#accepted.get(move.move_id);
      if (accepted === undefined) {
        this.#wrong(seq, `action ${ordinal} holds ${move.move_id}, which was never accepted`);
        continue;
      }
      if (accepted.action !== undefined) this.#wrong(seq, `I2: ${accepted.id} is in ${accepted.action} and ${ordinal}`);
      if ((accepted.droppedAt ?? seq) <= through)
        this.#wrong(seq, `action ${ordinal} holds the dropped ${accepted.id}`);
      accepted.action = ordinal;
      this.#pool.delete(accepted);
    }
    if (action.is_forced && action.type === 'exchange') {
      const target = String(action.move.payload.target_id);
      this.#afk.set(target, (this.#afk.get(target) ?? 0) + 1);
    }
  }

  // --- Results ---

  #resolve(seq: number, message: ResultMessage, bytes: number): void {
    if (bytes > BYTES_IN_MESSAGE) this.#wrong(seq, `${bytes} bytes in one result message`);
    const owed: string[] = [];
    for (const result of message.results) {
      const action = this.#actions[this.#executed];
      this.#executed += 1;
      if (action === undefined) {
        this.#wrong(seq, `I4: a result of ${result.action_id}, which was not emitted`);
        continue;
      }
      if (result.action_id !== action.action_id) {
        this.#wrong(seq, `I4: a result of ${result.action_id} where that of ${action.action_id} is due`);
      }
      if (result.status === 'done' && action.type === 'exchange') this.#step += 1;
      this.#checkStatus(seq, message.through, result.status, action);
      owed.push(...returnsOf(action));
    }
    if (message.executed !== this.#executed)
      this.#wrong(seq, `executed ${message.executed}, counted ${this.#executed}`);
    if (message.step !== this.#step) this.#wrong(seq, `step ${message.step}, counted ${this.#step}`);
    for (const [owner, target] of message.target_returns) this.#giveBack(owner, target);
    for (const id of message.deaths) {
      if (!this.#living.has(id)) this.#wrong(seq, `${id} dies a second time`);
      this.#remove(seq, id);
    }
    for (const [id, { dead }] of Object.entries(message.actors)) {
      if (!this.#left.has(id) && dead === this.#living.has(id))
        this.#wrong(seq, `${id} is told ${dead ? 'dead' : 'alive'} and is not`);
    }
    this.#checkReturns(seq, message, owed);
  }

  #checkStatus(seq: number, through: number, status: string, action: Action): void {
    if (through >= this.#closedAt && status !== 'skipped') {
      this.#wrong(seq, `action ${action.action_id} is ${status} after the close`);
    }
    if (this.#closed !== undefined) return;
    const actors = action.type === 'exchange' ? [action.move.char_id, String(action.move.payload.target_id)] : [];
    const gone = actors.filter((id) => !this.#living.has(id));
    if (gone.length > 0 && status !== 'skipped') {
      this.#wrong(seq, `action ${action.action_id} is ${status} although ${gone.join(' and ')} cannot fight`);
    }
  }

  /** Returned is what the batch owes to those who live at its end, in order, and nothing else. */
  #checkReturns(seq: number, message: ResultMessage, owed: readonly string[]): void {
    if (this.#closed !== undefined) return;
    const stands = (pair: string): boolean => pair.split('>').every((id) => this.#living.has(id));
    const due = owed.filter(stands);
    const returned = message.target_returns.map((pair) => pair.join('>')).filter(stands);
    if (due.join() !== returned.join()) this.#wrong(seq, `returned [${returned}] where [${due}] is owed`);
  }
}

/** The source gets its target back, the target the source only if it answered. */
function returnsOf(action: Action): string[] {
  if (action.type !== 'exchange') return [];
  const source = action.move.char_id;
  const target = String(action.move.payload.target_id);
  return action.partner_move === null ? [`${source}>${target}`] : [`${source}>${target}`, `${target}>${source}`];
}

function isAlias(aim: string): boolean {
  return ALIASES.has(aim) || RANDOM_ENEMIES.test(aim);
}

/** A move the way the contract wants it; undefined for one that is `invalid_move`. */
function acceptableForm(given: Move): { id: string; actor: string; exchange: boolean; aim: string } | undefined {
  if (typeof given !== 'object' || given === null || JSON.stringify(given).length > MOVE_BYTES) return undefined;
  const id = idOf(given.move_id);
  const actor = idOf(given.char_id);
  const aim = idOf(given.payload?.target_id);
  const exchange = given.strategy === 'exchange';
  const known = exchange || given.strategy === 'instant' || given.strategy === 'item';
  if (id === undefined || actor === undefined || aim === undefined || !known) return undefined;
  if (exchange && isAlias(aim)) return undefined;
  return { id, actor, exchange, aim };
}

function idOf(value: unknown): string | undefined {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && ID.test(text) ? text : undefined;
}
