// Proves what the judge says about how sessions end and about what comes after: a close that is late, early or objected to, results
// that a close makes impossible, and sessions that have been folded away.

import { describe, expect, test } from 'vitest';
import { Judge, type Read } from '#cli/audit/judge.ts';
import { encode } from '#contracts/decode.ts';
import { logSubject } from '#contracts/subjects.ts';
import { exchange, instant, LogBench } from '#test/unit/combat/log-bench.ts';
import { PLAIN_BOOK } from '#test/unit/combat/plain-rules.ts';
import { bodyOf, judged, logOf, type Stored, spoil, stored, streamsOf, told } from './record.ts';

/** What the judge says of a bench's log. What the log refused has become dead letters. */
const verdictOn = (bench: LogBench, log: Stored[] = logOf(bench), atRest = false): string[] =>
  told(judged(bench, streamsOf(bench, log), atRest).breaches);

/** A duel that ends with the first exchange: 1 opened, 2 signal, 3 action, 4 result, 5 heartbeat, 6 closed. */
function duel(id = 's1'): LogBench {
  const bench = new LogBench(PLAIN_BOOK, id);
  bench.open({ teams: { red: ['a'], blue: ['x'] }, actors: { x: { stats: { hp: 5 } } } });
  bench.declare(exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a'));
  return bench.settle();
}

/** Two against one, with one action in the log that has no result. */
function struck(): LogBench {
  const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] } });
  bench.declare(exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a'));
  bench.collect();
  return bench;
}

describe('a close', () => {
  test('is missed at rest where the fight is over, and not before its results are in', () => {
    const bench = duel();
    const log = logOf(bench);
    expect(verdictOn(bench, log.slice(0, 5), true)).toEqual(['0 I6 it is over (victory) and not closed']);
    expect(verdictOn(bench, log.slice(0, 5))).toEqual([]);
  });

  test('is not decided on what comes after it', () => {
    const bench = duel();
    const log = logOf(bench);
    spoil(log[5]!, (body) => Object.assign(body, { through: 6 }));
    expect(verdictOn(bench, log)).toEqual(['6 I5 closed on 6, which is not before it']);
  });

  test('of a deployment that objects to a session is no breach before its first action, and neither is its dead letter', () => {
    const objection = { type: 'closed', session_id: 's1', winner: null, reason: 'invalid' };
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    bench.append('session', { ...objection, through: 1 });
    const { dead, ...rest } = streamsOf(bench);
    const [opened] = rest.combat;
    const headers = { 'Riposte-Reason': 'idle_close_ms is too long', 'Riposte-Origin': 'COMBAT:1' };
    dead.push(stored(1, 0, `dead.${opened!.subject}`, opened!.data, headers));
    expect(told(judged(bench, { ...rest, dead }, true).breaches)).toEqual([]);

    const late = struck();
    late.append('session', { ...objection, through: 3 });
    expect(verdictOn(late)).toEqual(['4 I5 closed for invalid of null, where the log to 3 calls for no close']);
  });

  test('is due once more after many chances to close have passed by', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] }, idle_close_ms: 60_000 });
    for (let chance = 0; chance < 70; chance++) {
      bench.wait(60_000).timeout();
      bench.nudge();
    }
    bench.wait(60_000).timeout();
    expect(bench.collect().close?.reason).toBe('abandoned');
    expect(verdictOn(bench, logOf(bench), true)).toEqual([]);
  });
});

describe('after the close', () => {
  test('nothing is decided, by whoever knows the session', () => {
    const bench = duel();
    const { move } = bodyOf(logOf(bench)[2]!).actions[0];
    const action = { action_id: '2', type: 'exchange', move, partner_move: null, is_forced: true };
    bench.append('action', { session_id: 's1', through: 6, actions: [action] });
    expect(verdictOn(bench)).toEqual(['7 I5 decided on 6, where the session was closed']);
  });

  test('what waits is skipped, and nothing else', () => {
    const bench = struck();
    bench.close();
    bench.execute();
    const log = logOf(bench);
    expect(verdictOn(bench, log)).toEqual([]);
    spoil(log[4]!, ({ results }) => Object.assign(results[0], { status: 'done', reason: undefined }));
    expect(verdictOn(bench, log)).toContain('5 I4 action 1 is done after the close');
  });
});

describe('results', () => {
  /** Action 1 kills x, action 2 of b at x comes too late; y stands. 3 both actions, 4 and 6 their results. */
  function twoResults(): LogBench {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x', 'y'] }, actors: { x: { stats: { hp: 5 } } } });
    bench.declare(
      ...[exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a')],
      ...[exchange('bx', 'b', 'x'), exchange('xb', 'x', 'b')],
    );
    bench.collect();
    bench.execute({ size: 1 });
    bench.execute({ size: 1 });
    return bench;
  }
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into bodies of every kind to spoil them.
  function spoiled(seq: number, change: (body: any) => void): string[] {
    const bench = twoResults();
    const log = logOf(bench);
    spoil(log[seq - 1]!, change);
    return verdictOn(bench, log);
  }

  test('of a blow at the dead are skipped', () => {
    expect(verdictOn(twoResults())).toEqual([]);
    const done = spoiled(6, ({ results }) => Object.assign(results[0], { status: 'failed', reason: 'boom' }));
    expect(done).toContain('6 I4 action 2 is failed, and x was dead');
  });

  test('let nobody die twice, or live on, or die who is not there', () => {
    expect(spoiled(6, ({ deaths }) => deaths.push('x'))).toContain('6 I4 x dies a second time');
    expect(spoiled(4, ({ actors }) => Object.assign(actors.x, { dead: false }))).toContain(
      '4 I4 x is told to be alive, and is not',
    );
    expect(spoiled(6, ({ deaths }) => deaths.push('nobody'))).toEqual([
      '6 I5 it is not what the log to 5 gives: deaths is ["nobody"], not []',
    ]);
  });

  test('that say of an action something else than before are nobody’s of ours, and refused', () => {
    const bench = struck();
    bench.execute();
    const second = bodyOf(logOf(bench)[3]!);
    second.results[0].hits = [];
    bench.append('result', { ...second, through: bench.seq });
    expect(verdictOn(bench)).toEqual([]);
    const { dead: _, ...rest } = streamsOf(bench);
    expect(told(judged(bench, { ...rest, dead: [] }).breaches)).toEqual([
      '6 I4 a second result of action 1, and another one',
    ]);
  });
});

describe('a message of actions', () => {
  test('that is full leaves the rest to the next, in order', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    for (const part of [0, 1])
      bench.declare(...Array.from({ length: 200 }, (_, at) => instant(`${part}m${at}`, 'a', 'x')));
    expect(bench.collect().more).toBe(true);
    bench.settle();
    expect(judged(bench, streamsOf(bench), true)).toMatchObject({ breaches: [], sums: { moves: 400, actions: 400 } });
    const log = logOf(bench);
    spoil(log.find(({ subject }) => subject === logSubject('action', 's1'))!, ({ actions }) => actions.shift());
    expect(verdictOn(bench, log)[0]).toMatch(/^4 I2 the log to 3 calls for \[0m0, /);
  });

  test('that names a prefix from long ago is not judged by it', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    bench.declare(instant('one', 'a', 'x'));
    const { actions, through } = bench.decision();
    for (let beat = 0; beat < 10_002; beat++) bench.heartbeat();
    bench.append('action', { session_id: 's1', through, actions });
    const { breaches, sums } = judged(bench, streamsOf(bench));
    expect(told(breaches)).toEqual([]);
    expect(sums).toMatchObject({ actions: 1, unjudged: 1 });
  });

  test('may hold a move whose id was taken, if that was long ago', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    for (let round = 0; round < 5; round++) {
      bench.declare(...Array.from({ length: 250 }, (_, at) => instant(`${round}m${at}`, 'a', 'x')));
      bench.settle();
    }
    expect(bench.declare(instant('0m0', 'a', 'x'), instant('4m0', 'a', 'x'))).toMatchObject([
      { accepted: true },
      { code: 'duplicate_move' },
    ]);
    bench.settle();
    expect(judged(bench, streamsOf(bench), true)).toMatchObject({
      breaches: [],
      sums: { moves: 1_251, actions: 1_251 },
    });
  });
});

const asRead = ({ headers: _, ...message }: Stored): Read => ({ ...message, header: () => '' });

describe('sessions that are folded away', () => {
  /** The least a session can be: refused when it opened, and closed by its game server. */
  function refused(id: string): LogBench {
    const bench = new LogBench(PLAIN_BOOK, id);
    bench.open({ teams: { red: ['a'], blue: ['x'] }, actors: { x: { stats: { hp: 'many' } } } });
    bench.close();
    return bench;
  }

  test('are those that have settled; one whose results are still to come is not', () => {
    const open = struck();
    open.close();
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 1, isWhole: false });
    const log = [...logOf(open), ...Array.from({ length: 1_001 }, (_, at) => logOf(refused(`r${at}`))).flat()];
    for (const [at, message] of log.entries()) judge.take(asRead({ ...message, seq: at + 1 }));
    const ids = judge.held().map(({ id }) => id);
    expect(ids).toContain('s1');
    expect(ids).not.toContain('r0');

    // Of what was never a fight a first action says the same as of a fight that is over.
    const { move } = bodyOf(logOf(open)[2]!).actions[0];
    const action = { action_id: '1', type: 'exchange', move, partner_move: null, is_forced: true };
    const late = encode({ session_id: 'r0', through: log.length, actions: [action] });
    judge.take(asRead(stored(log.length + 1, 0, logSubject('action', 'r0'), late)));
    expect(told(judge.finish(log.length + 1, 1_100, false).breaches)).toEqual([
      `${log.length + 1} I5 decided on ${log.length}, where the session was closed`,
    ]);
  });
});

describe('what is on no subject of a session', () => {
  test('is dead-lettered where it wakes somebody, and of no account elsewhere', () => {
    const judge = new Judge(PLAIN_BOOK, { firstSeq: 1, isWhole: true });
    const garbage = new Uint8Array([0xff]);
    judge.take(asRead(stored(1, 0, 'collector.signal.no~id', garbage)));
    judge.take(asRead(stored(2, 0, 'combat.result.no~id', garbage)));
    expect(told(judge.finish(2, 0, false).breaches)).toEqual([
      '1 I10 refused (its subject names no session), and not in DEAD',
    ]);
  });

  test('does not come from COMBAT into ACTIONS, and of letters from other streams nothing is said', () => {
    const bench = duel();
    const streams = streamsOf(bench);
    Object.assign(streams.actions[0]!, { headers: { 'Nats-Stream-Source': 'COMBAT 4 > >' } });
    expect(told(judged(bench, streams).breaches)).toEqual([
      '3 I1 is missing in ACTIONS, which has later ones',
      '4 I1 ACTIONS:1 stands on no action subject of COMBAT',
    ]);
    const foreign = stored(1, 0, 'dead.executor.batch.s1', new Uint8Array([1]), { 'Riposte-Origin': 'TASKS:3' });
    expect(told(judged(bench, { ...streamsOf(bench), dead: [foreign] }).breaches)).toEqual([]);
  });
});

test('a blow that has lost its target on the way into an action is named there, and nobody is owed anything for it', () => {
  const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
  bench.declare(exchange('ax', 'a', 'x'));
  bench.timeout({ move_id: 'ax' });
  bench.collect();
  const log = logOf(bench);
  spoil(log[3]!, ({ actions }) => Object.assign(actions[0].move, { payload: {} }));
  const result = { action_id: '1', status: 'done', hits: [] };
  const effects = { actors: {}, deaths: [], target_returns: [] };
  const body = { session_id: 's1', through: 4, executed: 1, step: 1, results: [result], ...effects };
  log.push(stored(5, 0, logSubject('result', 's1'), encode(body)));
  expect(verdictOn(bench, log)).toEqual([
    '4 I5 it is not what the log to 3 calls for: actions.0.move.payload.target_id is nothing, not "x"',
    '5 I5 the result of action 1 is not what the log to 4 gives: status is "done", not "skipped"',
  ]);
});
