// Owns: what a game server has been promised, and whether the streams keep it: the log sequence of every signal whose publish
// was acknowledged, by the move it carries; held in the end against the whole log, read once, as an outsider reads it
// (test/interop/wire.ts, test/interop/history.ts).

import { connect } from 'nats';
import { violationsOf } from '../../interop/history.ts';
import {
  actionMessageOf,
  type LogEntry,
  parseJson,
  readSubject,
  resultMessageOf,
  signalOf,
} from '../../interop/wire.ts';

/** One move that was declared. */
interface DeclaredMove {
  readonly sessionId: string;
  readonly moveId: string;
  /** Log sequences that publishes of it were acknowledged at: a move is sent again while there is no verdict. */
  readonly acknowledged: Set<number>;
  /** `accepted`, or the code of the refusal; null while there is none that tells what became of it. */
  verdict: string | null;
}

/** Everything that has been declared. */
export class Ledger {
  readonly #moves: DeclaredMove[] = [];

  declare(sessionId: string, moveId: string): DeclaredMove {
    const move: DeclaredMove = { sessionId, moveId, acknowledged: new Set(), verdict: null };
    this.#moves.push(move);
    return move;
  }

  /** The moves of which at least one publish was acknowledged. */
  get acknowledged(): readonly DeclaredMove[] {
    return this.#moves.filter(({ acknowledged }) => acknowledged.size > 0);
  }
}

/** What became of a load. */
export interface Judgement {
  readonly messages: number;
  readonly sessions: number;
  readonly acknowledged: number;
  /** Acknowledged moves that are not where they were acknowledged, or have not ended; one line each. */
  readonly lost: readonly string[];
  /** Moves in two actions and actions with two results; one line each. */
  readonly doubled: readonly string[];
  /** Whatever else is wrong with a session's history; one line each. */
  readonly wrong: readonly string[];
  /** Actions whose result says that they failed. */
  readonly failed: number;
  /** Log times of results, ascending. */
  readonly resultTimes: readonly number[];
}

/** Reads the log and holds a ledger against it. */
export async function judge(url: string, ledger: Ledger): Promise<Judgement> {
  const log = await readLog(url);
  const bySession = Map.groupBy(log, ({ session }) => session);
  const wrong = [...bySession].flatMap(([id, entries]) => violationsOf(entries).map((what) => `${id}: ${what}`));
  const lost: string[] = [];
  const doubled: string[] = [];
  const endsOf = new Map([...bySession].map(([id, entries]) => [id, new Ends(entries)]));
  for (const ends of endsOf.values()) doubled.push(...ends.doubled);
  for (const { sessionId, moveId, acknowledged, verdict } of ledger.acknowledged) {
    const ends = endsOf.get(sessionId);
    for (const seq of acknowledged) {
      if (!ends?.declaredAt.get(moveId)?.has(seq))
        lost.push(`${sessionId}: ${moveId}, acknowledged at ${seq}, is not there`);
    }
    const isResolved = ends?.resolved.has(moveId) === true;
    if (verdict === 'accepted' && !isResolved) lost.push(`${sessionId}: ${moveId} was accepted and has no result`);
    if (verdict !== null && verdict !== 'accepted' && isResolved) {
      wrong.push(`${sessionId}: ${moveId} was refused, ${verdict}, and has a result`);
    }
  }
  const resultTimes = log.filter(({ kind }) => kind === 'result').map(({ timeMs }) => timeMs);
  const { length: acknowledged } = ledger.acknowledged;
  const results = log.flatMap((entry) => resultMessageOf(entry)?.results ?? []);
  const failed = results.filter(({ status }) => status === 'failed').length;
  return { messages: log.length, sessions: bySession.size, acknowledged, lost, doubled, wrong, failed, resultTimes };
}

/** How the moves of one session ended. */
class Ends {
  /** Sequences of the signals that declare a move. */
  readonly declaredAt = new Map<string, Set<number>>();
  /** Moves whose action has a result. */
  readonly resolved = new Set<string>();
  readonly doubled: string[] = [];

  constructor(entries: readonly LogEntry[]) {
    const actionOf = new Map<string, string[]>();
    const results = new Map<string, number>();
    for (const entry of entries) {
      for (const { move_id: id } of (signalOf(entry)?.moves ?? []) as { move_id: string }[]) {
        const known = this.declaredAt.get(id);
        if (known === undefined) this.declaredAt.set(id, new Set([entry.seq]));
        else known.add(entry.seq);
      }
      for (const { action_id: action, move, partner_move: partner } of actionMessageOf(entry)?.actions ?? []) {
        for (const one of [move, partner]) {
          if (one !== null) actionOf.set(one.move_id, [...(actionOf.get(one.move_id) ?? []), action]);
        }
      }
      for (const { action_id: action } of resultMessageOf(entry)?.results ?? []) {
        results.set(action, (results.get(action) ?? 0) + 1);
      }
    }
    const session = entries[0]?.session;
    for (const [move, actions] of actionOf) {
      if (actions.length > 1) this.doubled.push(`${session}: ${move} is in the actions ${actions.join(' and ')}`);
      if (actions.some((action) => results.has(action))) this.resolved.add(move);
    }
    for (const [action, times] of results) {
      if (times > 1) this.doubled.push(`${session}: action ${action} has ${times} results`);
    }
  }
}

async function readLog(url: string): Promise<LogEntry[]> {
  const nc = await connect({ servers: url });
  try {
    const { state } = await (await nc.jetstreamManager()).streams.info('COMBAT');
    const entries: LogEntry[] = [];
    if (state.messages === 0) return entries;
    const consumer = await nc.jetstream().consumers.get('COMBAT');
    for await (const msg of await consumer.consume({ max_messages: 5_000 })) {
      const { seq, subject, data } = msg;
      const { kind, session } = readSubject(subject)!;
      const timeMs = Number(BigInt(msg.info.timestampNanos) / 1_000_000n);
      entries.push({ seq, timeMs, subject, kind, session, data, body: parseJson(data) });
      if (seq >= state.last_seq) break;
    }
    return entries;
  } finally {
    await nc.close();
  }
}
