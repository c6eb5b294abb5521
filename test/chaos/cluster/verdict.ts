// Owns: what the streams show after a load has come to rest: the whole log read once, each session judged as an outsider
// reads it (test/interop/history.ts), the ledger held against it, and how long results were missing.

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
import type { Account } from './load.ts';

/** What became of a load. */
export interface Judgement {
  /** Messages of the log. */
  readonly messages: number;
  readonly sessions: number;
  readonly exchanges: number;
  readonly acknowledged: number;
  /** Acknowledged moves that are not in the log, or ended nowhere: one line each. */
  readonly lost: readonly string[];
  /** Moves in two actions, and actions with two results: one line each. */
  readonly doubled: readonly string[];
  /** Everything else that is wrong with a session. */
  readonly wrong: readonly string[];
  /** Log times of results, ascending. */
  readonly resultTimes: readonly number[];
  /** Of each session, likewise. */
  readonly timesOf: ReadonlyMap<string, readonly number[]>;
}

/** Reads the log and judges it. */
export async function judge(url: string, accounts: readonly Account[]): Promise<Judgement> {
  const log = await readLog(url);
  const sessions = new Map<string, LogEntry[]>();
  for (const entry of log) {
    const known = sessions.get(entry.session);
    if (known === undefined) sessions.set(entry.session, [entry]);
    else known.push(entry);
  }
  const lost: string[] = [];
  const doubled: string[] = [];
  const wrong: string[] = [];
  let exchanges = 0;
  const timesOf = new Map<string, number[]>();
  for (const [session, entries] of sessions) {
    for (const violation of violationsOf(entries)) wrong.push(`${session}: ${violation}`);
    const count = countOf(entries);
    exchanges += count.results.size;
    timesOf.set(session, count.times);
    for (const [move, times] of count.moves)
      if (times > 1) doubled.push(`${session}: move ${move} in ${times} actions`);
    for (const [action, times] of count.results)
      if (times > 1) doubled.push(`${session}: action ${action} has ${times} results`);
  }
  for (const { sessionId, moves } of accounts) {
    const signalled = signalledBy(sessions.get(sessionId) ?? []);
    for (const [move, seq] of moves) {
      const at = signalled.get(move);
      if (at === undefined) lost.push(`${sessionId}: move ${move}, acknowledged at ${seq}`);
      else if (at.length > 1) doubled.push(`${sessionId}: the signal of move ${move} stands at ${at.join(' and ')}`);
      else if (at[0] !== seq)
        wrong.push(`${sessionId}: move ${move} was acknowledged at ${seq} and stands at ${at[0]}`);
    }
  }
  for (const line of wrong) if (/ended nowhere|have no result/.test(line)) lost.push(line);
  const acknowledged = accounts.reduce((sum, { moves }) => sum + moves.size, 0);
  const resultTimes = log.filter((entry) => entry.kind === 'result').map(({ timeMs }) => timeMs);
  return {
    messages: log.length,
    sessions: sessions.size,
    exchanges,
    acknowledged,
    lost,
    doubled,
    wrong,
    resultTimes,
    timesOf,
  };
}

/** The longest time without a result in (from, to], in ms; with the times of all sessions or of one. */
export function longestGap(times: readonly number[], from: number, to: number): number {
  const within = times.filter((time) => time > from && time <= to);
  let longest = 0;
  let last = from;
  for (const time of [...within, to]) {
    longest = Math.max(longest, time - last);
    last = time;
  }
  return longest;
}

function countOf(entries: readonly LogEntry[]): {
  moves: Map<string, number>;
  results: Map<string, number>;
  times: number[];
} {
  const moves = new Map<string, number>();
  const results = new Map<string, number>();
  const times: number[] = [];
  const add = (to: Map<string, number>, id: string): void => void to.set(id, (to.get(id) ?? 0) + 1);
  for (const entry of entries) {
    for (const { move, partner_move: partner } of actionMessageOf(entry)?.actions ?? []) {
      add(moves, move.move_id);
      if (partner !== null) add(moves, partner.move_id);
    }
    const result = resultMessageOf(entry);
    if (result === undefined) continue;
    times.push(entry.timeMs);
    for (const { action_id: id } of result.results) add(results, id);
  }
  return { moves, results, times };
}

function signalledBy(entries: readonly LogEntry[]): Map<string, number[]> {
  const at = new Map<string, number[]>();
  for (const entry of entries) {
    for (const move of (signalOf(entry)?.moves ?? []) as { move_id: string }[]) {
      const known = at.get(move.move_id);
      if (known === undefined) at.set(move.move_id, [entry.seq]);
      else known.push(entry.seq);
    }
  }
  return at;
}

async function readLog(url: string): Promise<LogEntry[]> {
  const nc = await connect({ servers: url.split(',') });
  try {
    const { state } = await (await nc.jetstreamManager()).streams.info('COMBAT');
    const entries: LogEntry[] = [];
    if (state.messages === 0) return entries;
    const consumer = await nc.jetstream().consumers.get('COMBAT');
    for await (const msg of await consumer.consume({ max_messages: 5_000 })) {
      const { kind, session } = readSubject(msg.subject)!;
      const timeMs = Number(BigInt(msg.info.timestampNanos) / 1_000_000n);
      const { seq, subject, data } = msg;
      entries.push({ seq, timeMs, subject, kind, session, data, body: parseJson(data) });
      if (seq >= state.last_seq) break;
    }
    return entries;
  } finally {
    await nc.close();
  }
}
