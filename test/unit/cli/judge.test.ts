// Proves what the judge does about many sessions, and about those it cannot judge: what is over is folded away and a late writer
// is told all the same; what began before the log does, or is fought by rules nobody knows here, is no breach.

import { describe, expect, test } from 'vitest';
import { Judge, type Read } from '#cli/audit/judge.ts';
import { ruleBook } from '#combat/rules.ts';
import { encode } from '#contracts/decode.ts';
import { logSubject, parseLogSubject } from '#contracts/subjects.ts';
import { exchange, LogBench } from '#test/unit/combat/log-bench.ts';
import { PLAIN_BOOK } from '#test/unit/combat/plain-rules.ts';
import { logOf, type Stored, spoil, stored, told } from './record.ts';

/** More than are kept. */
const SESSIONS = 1_050;

const asRead = ({ headers: _, ...message }: Stored): Read => ({ ...message, header: () => '' });

/** A duel of one exchange, fought to the end. */
function duel(id: string): LogBench {
  const bench = new LogBench(PLAIN_BOOK, id);
  bench.open({ teams: { red: ['a'], blue: ['x'] }, actors: { x: { stats: { hp: 5 } } } });
  bench.declare(exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a'));
  bench.settle();
  return bench;
}

/** The logs of many sessions as one, each after the other. */
function oneAfterTheOther(benches: readonly LogBench[]): Stored[] {
  const log: Stored[] = [];
  for (const bench of benches) {
    const before = log.length;
    for (const message of logOf(bench)) {
      const moved = { ...message, seq: message.seq + before };
      const kind = parseLogSubject(moved.subject)!.kind;
      if (kind !== 'signal' && JSON.parse(new TextDecoder().decode(moved.data)).through !== undefined) {
        spoil(moved, (body) => Object.assign(body, { through: body.through + before }));
      }
      log.push(moved);
    }
  }
  return log;
}

/** Messages of one duel: opened, signal, action, result, heartbeat, closed. */
const MESSAGES = 6;

describe('sessions that are over', () => {
  const benches = Array.from({ length: SESSIONS }, (_, at) => duel(`s${at}`));
  const log = oneAfterTheOther(benches);

  test('are folded away, and counted', () => {
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 1, isWhole: true });
    for (const message of log) judge.take(asRead(message));
    expect(judge.held().length).toBeLessThanOrEqual(1_000);
    const { breaches, sums } = judge.finish(log.length, 0, false);
    expect(told(breaches)).toEqual([]);
    expect(sums).toEqual({
      sessions: SESSIONS,
      closed: SESSIONS,
      moves: 2 * SESSIONS,
      actions: SESSIONS,
      results: SESSIONS,
      unjudged: 0,
    });
  });

  test('are remembered well enough to tell a late writer, and what deserves a letter', () => {
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 1, isWhole: true });
    for (const message of log) judge.take(asRead(message));
    let seq = log.length;
    const late = (kind: 'action' | 'result' | 'session' | 'signal', data: Uint8Array): void => {
      seq += 1;
      judge.take(asRead(stored(seq, 0, logSubject(kind, 's0'), data)));
    };
    const first = (kind: 'action' | 'result') => log.find(({ subject }) => subject === logSubject(kind, 's0'))!.data;
    late('action', first('action'));
    late('result', first('result'));
    late('session', encode({ type: 'closed', session_id: 's0', winner: 'red', reason: 'victory', through: 2 }));
    late('session', encode({ type: 'left', session_id: 's0', actor_id: 'a' }));
    late('signal', new Uint8Array([0xff]));
    late('signal', encode({ session_id: 's0', signal_type: 'heartbeat' }));
    const { breaches } = judge.finish(seq, 0, false);
    expect(told(breaches)).toEqual([
      `${log.length + 1} I5 a stale writer: decided on 2, and 3 stands before it`,
      `${log.length + 2} I4 a result of action 1, and all had theirs`,
      `${log.length + 3} I5 a stale writer: closed on 2, and ${MESSAGES} stands before it`,
      `${log.length + 4} I10 refused (the session is closed), and not in DEAD`,
      `${log.length + 5} I10 refused (not UTF-8), and not in DEAD`,
    ]);
  });
});

describe('what cannot be judged', () => {
  test('a session that began before the log does', () => {
    const bench = duel('s1');
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 3, isWhole: true });
    for (const message of logOf(bench).filter(({ seq }) => seq >= 3)) judge.take(asRead(message));
    const { breaches, sums } = judge.finish(bench.seq, 0, true);
    // ACTIONS has lost nothing: nobody has read it here.
    expect(told(breaches)).toEqual(['3 I1 ACTIONS has stopped before it, 1 messages behind']);
    expect(sums).toMatchObject({ sessions: 1, closed: 0, unjudged: 1 });
  });

  test('signals to nobody, and a session that opens after them', () => {
    const bench = new LogBench(PLAIN_BOOK, 's1');
    bench.nudge();
    bench.open({ teams: { red: ['a'], blue: ['x'] } });
    bench.close();
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 8, isWhole: false });
    for (const message of logOf(bench)) judge.take(asRead({ ...message, seq: message.seq + 7 }));
    expect(judge.finish(20, 0, false)).toEqual({
      breaches: [],
      sums: { sessions: 1, closed: 1, moves: 0, actions: 0, results: 0, unjudged: 0 },
    });
  });

  test('outcomes by rules that are not known; everything else is', () => {
    const bench = duel('s1');
    const judgeWith = (change: (log: Stored[]) => void) => {
      const judge = new Judge(ruleBook([]), { firstSeq: 1, isWhole: true });
      const log = logOf(bench);
      change(log);
      for (const message of log) judge.take(asRead(message));
      return judge.finish(bench.seq, 0, false);
    };
    expect(judgeWith(() => {})).toEqual({
      breaches: [],
      sums: { sessions: 1, closed: 1, moves: 2, actions: 1, results: 1, unjudged: 1 },
    });
    const result = (log: Stored[]) => log.find(({ subject }) => subject === logSubject('result', 's1'))!;
    const untold = judgeWith((log) =>
      spoil(result(log), ({ results }) => Object.assign(results[0].hits[0], { damage: 1 })),
    );
    expect(told(untold.breaches)).toEqual([]);
    const dead = judgeWith((log) => spoil(result(log), (body) => Object.assign(body, { deaths: [] })));
    expect(told(dead.breaches)[0]).toBe('4 I4 x is told to be dead, and is not');
  });

  test('rules that hang are not tried where they were given up on', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    bench.declare(exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a'));
    bench.collect();
    bench.execute({ giveUpOnFirst: 'begun 5 times and never finished' });
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 1, isWhole: true });
    for (const message of logOf(bench)) judge.take(asRead(message));
    expect(told(judge.finish(bench.seq, 0, false).breaches)).toEqual([]);
  });
});

test('a log with a hole is named, whatever the sessions say', () => {
  const bench = duel('s1');
  const judge = new Judge(PLAIN_BOOK, { firstSeq: 1, isWhole: true });
  for (const message of logOf(bench).filter(({ seq }) => seq !== 5)) judge.take(asRead(message));
  expect(told(judge.finish(bench.seq, 0, false).breaches)).toEqual(['6 I1 the log has nothing from 5 to 5']);
});
