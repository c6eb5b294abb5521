// Owns: the wire contract as an outsider writes it down: types of what stands in contract.md, and how a message of the
// log is read. Nothing here comes from the code under test.

/** A move as a game server sends it. `targets` is written by the collector when it resolves an instant or an item. */
export interface Move {
  readonly move_id: string;
  readonly char_id: string;
  readonly strategy: 'exchange' | 'instant' | 'item';
  readonly payload: Readonly<Record<string, unknown>>;
  readonly targets?: readonly string[];
}

/** What a game server may put into a signal; `moves` is unknown because tests send bad ones too. */
export interface Signal {
  readonly signal_type: 'check_immediate' | 'check_timeout' | 'heartbeat';
  readonly session_id?: unknown;
  readonly char_id?: unknown;
  readonly move_id?: unknown;
  readonly moves?: readonly unknown[];
  readonly reply_to?: string;
  readonly [extra: string]: unknown;
}

/** The answer to one move. `deadline` is in milliseconds since the epoch, of exchanges only. */
export type Verdict =
  | {
      readonly session_id: string;
      readonly move_id: string;
      readonly accepted: true;
      readonly seq: number;
      readonly deadline?: number;
    }
  | {
      readonly session_id: string;
      readonly move_id: string;
      readonly accepted: false;
      readonly seq: number;
      readonly code: string;
    };

export interface Action {
  readonly action_id: string;
  readonly type: 'exchange' | 'instant' | 'item';
  readonly move: Move;
  readonly partner_move: Move | null;
  readonly is_forced: boolean;
}

/** The body of `combat.action.<session>`. */
export interface ActionMessage {
  readonly session_id: string;
  readonly through: number;
  readonly actions: readonly Action[];
}

interface Hit {
  readonly source_id: string;
  readonly target_id: string;
  readonly wave: number;
  readonly hand: string;
  readonly outcome: string;
  readonly damage: number;
}

export interface Result {
  readonly action_id: string;
  readonly status: 'done' | 'skipped' | 'failed';
  readonly reason?: string;
  readonly hits?: readonly Hit[];
}

interface Vitals {
  readonly hp: number;
  readonly dead: boolean;
  readonly [own: string]: unknown;
}

/** The body of `combat.result.<session>`. */
export interface ResultMessage {
  readonly session_id: string;
  readonly through: number;
  readonly executed: number;
  readonly step: number;
  readonly results: readonly Result[];
  readonly actors: Readonly<Record<string, Vitals>>;
  readonly deaths: readonly string[];
  readonly target_returns: readonly (readonly [string, string])[];
}

export interface Closed {
  readonly type: 'closed';
  readonly session_id: string;
  readonly winner: string | null;
  readonly reason: string;
  readonly through: number;
}

/** The body of `ai.turn.<session>.<bot>`. */
export interface TurnRequest {
  readonly session_id: string;
  readonly bot_id: string;
  readonly missing_targets: readonly string[];
  readonly request_id: string;
}

/** The answer of `session.get.<session>` for a session that is known. */
export interface SessionState {
  readonly status: string;
  readonly winner: string | null;
  readonly step: number;
  readonly seq: number;
  readonly teams: Readonly<Record<string, readonly string[]>>;
  readonly actors: Readonly<Record<string, Vitals>>;
  readonly queue?: readonly string[];
  readonly incoming?: readonly { readonly from: string; readonly deadline: number }[];
  readonly open?: readonly { readonly move_id: string; readonly target_id: string; readonly deadline: number }[];
}

const KINDS = {
  'combat.session': 'session',
  'collector.signal': 'signal',
  'combat.action': 'action',
  'combat.result': 'result',
} as const;

type EntryKind = (typeof KINDS)[keyof typeof KINDS];

/** One message of the session log, as it stands in `COMBAT`. */
export interface LogEntry {
  readonly seq: number;
  /** Log time: the server's timestamp in whole milliseconds. */
  readonly timeMs: number;
  readonly subject: string;
  readonly kind: EntryKind;
  readonly session: string;
  readonly data: Uint8Array;
  /** The decoded JSON; undefined for bytes that are none. */
  readonly body: unknown;
}

/** The kind and session of a subject of `COMBAT`; undefined for a subject that is none. */
export function readSubject(subject: string): { kind: EntryKind; session: string } | undefined {
  const [area, word, session, ...rest] = subject.split('.');
  const kind = KINDS[`${area}.${word}` as keyof typeof KINDS];
  return kind === undefined || session === undefined || rest.length > 0 ? undefined : { kind, session };
}

/** Parsed JSON, or undefined where the bytes are none. */
export function parseJson(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch {
    return undefined;
  }
}

function record(body: unknown): Readonly<Record<string, unknown>> {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

/** The action message an entry holds; undefined for other entries and for foreign bytes. */
export function actionMessageOf(entry: LogEntry): ActionMessage | undefined {
  const body = record(entry.body);
  return entry.kind === 'action' && Array.isArray(body.actions) ? (entry.body as ActionMessage) : undefined;
}

/** The result message an entry holds; undefined for other entries and for foreign bytes. */
export function resultMessageOf(entry: LogEntry): ResultMessage | undefined {
  const body = record(entry.body);
  return entry.kind === 'result' && Array.isArray(body.results) ? (entry.body as ResultMessage) : undefined;
}

/** The `closed` message an entry holds. */
export function closedOf(entry: LogEntry): Closed | undefined {
  return entry.kind === 'session' && record(entry.body).type === 'closed' ? (entry.body as Closed) : undefined;
}

/** The signal an entry holds. */
export function signalOf(entry: LogEntry): Signal | undefined {
  return entry.kind === 'signal' && typeof record(entry.body).signal_type === 'string'
    ? (entry.body as Signal)
    : undefined;
}

/** One line for a failure message: what stands at this place in the log. */
export function describeEntry(entry: LogEntry): string {
  const text = entry.body === undefined ? `${entry.data.length} bytes that are no JSON` : JSON.stringify(entry.body);
  const cut = text.length > 400 ? `${text.slice(0, 400)}... (${text.length} characters)` : text;
  return `#${entry.seq} ${new Date(entry.timeMs).toISOString().slice(11)} ${entry.subject} ${cut}`;
}
