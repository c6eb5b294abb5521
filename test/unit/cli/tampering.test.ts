// Proves that the judge names what is broken: of a good log each message is dropped, doubled, moved or forged in its turn, and
// the judge says where, which invariant, and what; of the log as it was it says nothing.

import { describe, expect, test } from 'vitest';
import { encode } from '#contracts/decode.ts';
import { logSubject } from '#contracts/subjects.ts';
import { exchange, instant, LogBench } from '#test/unit/combat/log-bench.ts';
import { bodyOf, judged, logOf, ofKind, type Stored, spoil, stored, streamsOf, told } from './record.ts';

/**
 * A fight of two against two, in which every kind of action stands: 1 a pair, 2 a forced blow, 3 an instant, 4 a pair that
 * kills, and after them the end. Each action is a message of its own, and so is each result.
 *
 *     1 opened   2 a>x x>a   3 ACTION 1   4 RESULT   5 heartbeat   6 b>x   7 timeout   8 ACTION 2   9 RESULT   10 heartbeat
 *     11 b casts   12 ACTION 3   13 RESULT   14 heartbeat   15 a>x x>a   16 ACTION 4   17 RESULT   18 heartbeat   19 closed
 */
function fight(): LogBench {
  const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] }, actors: { x: { stats: { hp: 45 } } } });
  bench.declare(exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a'));
  bench.collect();
  bench.execute();
  bench.declare(exchange('bx', 'b', 'x'));
  bench.wait(60_000).timeout();
  bench.collect();
  bench.execute();
  bench.declare(instant('fire', 'b', 'all_enemies', { damage: 5 }));
  bench.collect();
  bench.execute();
  bench.declare(exchange('ax2', 'a', 'x', { damage: 99 }), exchange('xa2', 'x', 'a'));
  bench.collect();
  bench.execute();
  bench.collect();
  return bench;
}

/** What the judge says of the fight when its log has been changed. ACTIONS and DEAD follow from the log as it is then. */
function verdictOn(change: (log: Stored[], bench: LogBench) => unknown, atRest = false): string[] {
  const bench = fight();
  const log = logOf(bench);
  const changed = changedBy(change(log, bench), log);
  const { dead, ...rest } = streamsOf(bench, changed);
  // Nobody has buried anything: there was nothing to bury when the fight was fought.
  return told(judged(bench, { ...rest, dead: [] }, atRest).breaches);
}

/** What a change returns, or what it was given and changed in place. */
const changedBy = (changed: unknown, given: Stored[]): Stored[] => (Array.isArray(changed) ? changed : given);
const without = (log: Stored[], ...seqs: number[]): Stored[] => log.filter(({ seq }) => !seqs.includes(seq));
const at = (log: Stored[], seq: number): Stored => log.find((message) => message.seq === seq)!;
/** The log with a message put in after one of its own; what comes after it moves by one, and names its prefixes anew. */
function withAfter(log: Stored[], after: number, message: (through: number) => Stored): Stored[] {
  const moved = log.map((each) => {
    if (each.seq <= after) return each;
    const later = { ...each, seq: each.seq + 1 };
    const body = bodyOf(later);
    if (body.through > after) spoil(later, (changed) => Object.assign(changed, { through: body.through + 1 }));
    return later;
  });
  return [...moved.filter(({ seq }) => seq <= after), message(after), ...moved.filter(({ seq }) => seq > after)];
}
const again = (log: Stored[], seq: number, after: number): Stored[] =>
  withAfter(log, after, () => ({ ...at(log, seq), seq: after + 1 }));

describe('the log as it was', () => {
  test('has no breach, at rest or not', () => {
    expect(
      fight()
        .raw.map(({ kind }) => kind)
        .join(),
    ).toBe(
      'session,signal,action,result,signal,signal,signal,action,result,signal,signal,action,result,signal,signal,action,' +
        'result,signal,session',
    );
    expect(verdictOn(() => {})).toEqual([]);
    expect(verdictOn(() => {}, true)).toEqual([]);
  });

  test('is counted', () => {
    const bench = fight();
    const { sums } = judged(bench, streamsOf(bench), true);
    expect(sums).toEqual({ sessions: 1, closed: 1, moves: 6, actions: 4, results: 4, unjudged: 0 });
  });
});

describe('I2', () => {
  test('names a move that stands in two actions of one message', () => {
    const verdict = verdictOn((log) =>
      spoil(at(log, 16), ({ actions }) => actions.push({ ...actions[0], action_id: '5' })),
    );
    expect(verdict).toContain('16 I2 move ax2 is in actions 4 and 5');
  });

  test('names a move that stands in a second action', () => {
    const verdict = verdictOn((log) =>
      spoil(at(log, 16), ({ actions }) => Object.assign(actions[0].move, { move_id: 'ax' })),
    );
    expect(verdict[0]).toBe('16 I2 action 4 holds move ax, which is in action 1');
  });

  test('names a move that nobody has declared', () => {
    const verdict = verdictOn((log) =>
      spoil(at(log, 12), ({ actions }) => Object.assign(actions[0].move, { move_id: 'new' })),
    );
    expect(verdict[0]).toBe('12 I2 action 3 holds move new, which was never accepted');
  });

  test('names a pair that is torn apart, and a blow that is forced before it is due', () => {
    const torn = verdictOn((log) =>
      spoil(at(log, 3), ({ actions }) => Object.assign(actions[0], { partner_move: null })),
    );
    expect(torn[0]).toBe('3 I2 the log to 2 calls for [ax+xa], emitted [ax!]');
    const early = verdictOn((log) => without(log, 7));
    expect(early[0]).toBe('8 I2 the log to 7 calls for [], emitted [bx!]');
  });

  test('names what is left out, and the wrong order', () => {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] } });
    bench.declare(instant('one', 'a', 'x'), instant('two', 'b', 'x'));
    bench.collect();
    const left = logOf(bench);
    spoil(left[2]!, ({ actions }) => actions.pop());
    expect(told(judged(bench, streamsOf(bench, left)).breaches)).toEqual([
      '3 I2 the log to 2 calls for [one, two], emitted [one]',
    ]);
    const turned = logOf(bench);
    spoil(turned[2]!, ({ actions }) => {
      [actions[0].move, actions[1].move] = [actions[1].move, actions[0].move];
    });
    expect(told(judged(bench, streamsOf(bench, turned)).breaches)).toEqual([
      '3 I2 the log to 2 calls for [one, two], emitted [two, one]',
    ]);
  });

  test('names a decision on a prefix with a hole', () => {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] } });
    bench.declare(instant('one', 'a', 'x'));
    bench.declare(instant('two', 'b', 'x'));
    const { actions } = bench.decision();
    bench.append('action', { session_id: 's1', through: bench.seq, actions: [{ ...actions[1], action_id: '1' }] });
    expect(told(judged(bench, streamsOf(bench)).breaches)).toEqual([
      '4 I2 the log to 3 calls for [one, two], emitted [two]',
    ]);
  });

  test('names a move that was dropped, with the reason', () => {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x', 'y'] } });
    bench.declare(instant('late', 'a', 'y'));
    const { actions, through } = bench.decision();
    bench.leave('a');
    bench.append('action', { session_id: 's1', through: bench.seq, actions });
    expect(told(judged(bench, streamsOf(bench)).breaches)).toEqual([
      '4 I2 action 1 holds move late, which was dropped at 3: a left',
    ]);
    expect(through).toBe(2);
  });

  test('names, at rest, what is due and was never emitted', () => {
    const verdict = verdictOn((log) => log.slice(0, 15), true);
    expect(verdict).toEqual(['0 I2 1 actions are due and not emitted, ax2+xa2 first']);
    expect(verdictOn((log) => log.slice(0, 15))).toEqual([]);
  });
});

describe('I3', () => {
  test('names a second open blow at one target that went into an action', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    bench.declare(exchange('one', 'a', 'x'), exchange('two', 'a', 'x'));
    bench.timeout({ move_id: 'one' });
    const { actions } = bench.decision();
    const second = { ...actions[0]!, action_id: '2', move: { ...actions[0]!.move, move_id: 'two' } };
    bench.append('action', { session_id: 's1', through: bench.seq, actions: [actions[0], second] });
    expect(told(judged(bench, streamsOf(bench)).breaches)[0]).toBe(
      '4 I3 action 2 holds move two, which was refused at 2: its blow one is open',
    );
  });

  test('names a target that comes back while the blow at it is open', () => {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] } });
    bench.declare(exchange('ax', 'a', 'x'), exchange('xa', 'x', 'a'), exchange('bx', 'b', 'x'));
    bench.collect();
    bench.execute();
    const log = logOf(bench);
    spoil(log[3]!, ({ target_returns }) => target_returns.push(['b', 'x']));
    const { breaches } = judged(bench, streamsOf(bench, log));
    expect(told(breaches)).toEqual([
      '4 I3 returned [a,x; x,a; b,x] where [a,x; x,a] is owed',
      '4 I3 x returns to b, whose blow bx is open',
    ]);
  });
});

describe('I4', () => {
  test('names a result that is missing', () => {
    expect(verdictOn((log) => without(log, 9))[0]).toBe('13 I4 a result of action 3 where that of 2 is due');
    expect(verdictOn((log) => without(log, 17), true)).toContain('0 I4 action 4 has no result');
  });

  test('names a result that came twice, its writer knowing of the first or not', () => {
    expect(verdictOn((log) => again(log, 9, 10))).toEqual(['11 I5 a stale writer: action 2 had its result already']);
    const knowing = verdictOn((log) =>
      withAfter(log, 10, (through) => {
        const message = { ...at(log, 9), seq: through + 1 };
        spoil(message, (body) => Object.assign(body, { through }));
        return message;
      }),
    );
    expect(knowing).toEqual(['11 I4 a second result of action 2']);
  });

  test('names results out of order', () => {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] } });
    bench.declare(instant('one', 'a', 'x'), instant('two', 'b', 'x'));
    bench.collect();
    bench.execute();
    const log = logOf(bench);
    spoil(log[3]!, ({ results }) => results.reverse());
    const { dead: _, ...rest } = streamsOf(bench, log);
    expect(told(judged(bench, { ...rest, dead: [] }).breaches)).toEqual([
      '4 I4 a result of action 2 where that of 1 is due',
    ]);
  });

  test('names a result of what was never emitted', () => {
    const verdict = verdictOn((log) => without(log, 16));
    expect(verdict[0]).toBe('17 I4 a result of action 4, which had not been emitted');
  });

  test('names totals that do not agree', () => {
    expect(verdictOn((log) => spoil(at(log, 17), (body) => Object.assign(body, { executed: 5 })))[0]).toBe(
      '17 I4 executed 5, counted 4',
    );
    expect(verdictOn((log) => spoil(at(log, 13), (body) => Object.assign(body, { step: 3 })))[0]).toBe(
      '13 I4 step 3, counted 2',
    );
    expect(verdictOn((log) => spoil(at(log, 13), (body) => Object.assign(body, { step: 1 })))[0]).toBe(
      '13 I4 step 1, which was 2 before',
    );
  });

  test('names action ids with a hole', () => {
    const verdict = verdictOn((log) =>
      spoil(at(log, 16), ({ actions }) => Object.assign(actions[0], { action_id: '5' })),
    );
    expect(verdict[0]).toBe('16 I4 action 5 stands where 4 is due');
  });
});

describe('I5', () => {
  test('names an action message that came twice', () => {
    expect(verdictOn((log) => again(log, 8, 10))).toEqual([
      '11 I5 a stale writer: decided on 7, and 8 stands before it',
    ]);
  });

  test('names two writers who decided on one prefix', () => {
    const bench = LogBench.open({ teams: { red: ['a', 'b'], blue: ['x'] } });
    bench.declare(instant('one', 'a', 'x'));
    const zombie = bench.decision();
    bench.collect();
    bench.declare(instant('two', 'b', 'x'));
    bench.append('action', { session_id: 's1', through: zombie.through, actions: zombie.actions });
    expect(told(judged(bench, streamsOf(bench)).breaches)).toEqual([
      '5 I5 a stale writer: decided on 2, and 3 stands before it',
    ]);
  });

  test('names a decision on what comes after it', () => {
    expect(verdictOn((log) => spoil(at(log, 8), (body) => Object.assign(body, { through: 8 })))[0]).toBe(
      '8 I5 decided on 8, which is not before it',
    );
    expect(verdictOn((log) => spoil(at(log, 9), (body) => Object.assign(body, { through: 9 })))[0]).toBe(
      '9 I5 resolved on 9, which is not before it',
    );
    expect(verdictOn((log) => spoil(at(log, 4), (body) => Object.assign(body, { through: 0 })))).toEqual([
      '4 I5 resolved on 0, where no fight had begun',
    ]);
  });

  test('names results of a session whose beginning is not there', () => {
    expect(verdictOn((log) => without(log, 1), true)).toContain(
      '4 I4 a result of action 1, and the session never opened',
    );
  });

  test('names no forgery that says it stands before itself, where its session opens only after it', () => {
    const bench = new LogBench();
    const move = exchange('f1', 'a', 'x');
    const forced = { action_id: '1', type: 'exchange', move, partner_move: null, is_forced: true };
    bench.append('action', { session_id: 's1', through: 1, actions: [forced] });
    const done = { action_id: '1', status: 'done', hits: [] };
    const effects = { actors: {}, deaths: [], target_returns: [] };
    bench.append('result', { session_id: 's1', through: 2, executed: 1, step: 1, results: [done], ...effects });
    bench.open({ teams: { red: ['a'], blue: ['x'] } });
    expect(told(judged(bench, streamsOf(bench)).breaches)).toEqual([]);
  });

  test('names a number that the rules did not give', () => {
    const damage = verdictOn((log) =>
      spoil(at(log, 9), ({ results }) => Object.assign(results[0].hits[0], { damage: 11 })),
    );
    expect(damage).toEqual(['9 I5 the result of action 2 is not what the log to 8 gives: hits.0.damage is 11, not 10']);
    const hp = verdictOn((log) => spoil(at(log, 9), ({ actors }) => Object.assign(actors.x, { hp: 44 })));
    expect(hp[0]).toBe('9 I5 it is not what the log to 8 gives: actors.x.hp is 44, not 25');
    const death = verdictOn((log) => spoil(at(log, 17), (body) => Object.assign(body, { deaths: [] })));
    expect(death[0]).toBe('17 I4 x is told to be dead, and is not');
  });

  test('names targets that were not the living', () => {
    const verdict = verdictOn((log) =>
      spoil(at(log, 12), ({ actions }) => Object.assign(actions[0].move, { targets: ['a'] })),
    );
    expect(verdict[0]).toBe('12 I5 it is not what the log to 11 calls for: actions.0.move.targets.0 is "a", not "x"');
  });

  test('names a close that was not due, for the wrong team, or decided before another word on the session', () => {
    const early = verdictOn((log) => without(log, 14, 15, 16, 17, 18));
    expect(early).toEqual(['19 I5 closed for victory of red, where the log to 18 calls for no close']);
    const wrong = verdictOn((log) => spoil(at(log, 19), (body) => Object.assign(body, { winner: 'blue' })));
    expect(wrong).toEqual(['19 I5 closed for victory of blue, where the log to 18 ends in victory of red']);
    const sheet = { kind: 'player', stats: {} };
    const joined = { type: 'joined', session_id: 's1', actor_id: 'y', team: 'blue', actor: sheet };
    const stale = verdictOn((log) => {
      log.splice(18, 0, { ...at(log, 1), seq: 18.5, data: encode(joined) });
    });
    expect(stale).toEqual(['19 I5 a stale writer: closed on 18, and 18.5 stands before it']);
  });

  test('lets a game server close as it likes', () => {
    const verdict = verdictOn((log, bench) => {
      const cancelled = { type: 'closed', session_id: 's1' };
      return [...log.slice(0, 10), stored(11, bench.time, logSubject('session', 's1'), encode(cancelled))];
    }, true);
    expect(verdict).toEqual([]);
  });
});

describe('I10', () => {
  const garbage = new Uint8Array([0xff, 0x00]);

  test('what cannot be read changes nothing, and is in DEAD, whole, with its reason', () => {
    const bench = fight();
    const log = withAfter(logOf(bench), 10, (after) =>
      stored(after + 1, bench.time, logSubject('signal', 's1'), garbage),
    );
    const streams = streamsOf(bench, log);
    expect(told(judged(bench, streams).breaches)).toEqual([]);
    expect(streams.dead).toHaveLength(1);
    expect(told(judged(bench, { ...streams, dead: [] }).breaches)).toEqual([
      '11 I10 refused (not UTF-8), and not in DEAD',
    ]);
    const spoiled = (change: (letter: Stored) => void) => {
      const [letter] = structuredClone(streams.dead);
      change(letter!);
      return told(judged(bench, { ...streams, dead: [letter!] }).breaches);
    };
    const whole = '11 I10 its dead letter, DEAD:1, is not whole';
    expect(spoiled((letter) => Object.assign(letter, { data: garbage.subarray(1) }))).toEqual([
      `${whole}: 1 bytes of 2`,
    ]);
    expect(spoiled((letter) => Object.assign(letter, { data: garbage.toReversed() }))).toEqual([
      `${whole}: other bytes`,
    ]);
    expect(spoiled(({ headers }) => Object.assign(headers, { 'Riposte-Reason': '' }))).toEqual([
      `${whole}: without a reason`,
    ]);
    expect(spoiled((letter) => Object.assign(letter, { subject: 'dead.other' }))).toEqual([
      `${whole}: it is filed under dead.other`,
    ]);
  });

  test('a word on the session that its fold refuses is in DEAD, too', () => {
    const bench = fight();
    bench.leave('nobody');
    const { dead: _, ...rest } = streamsOf(bench);
    expect(told(judged(bench, { ...rest, dead: [] }).breaches)).toEqual([
      '20 I10 refused (the session is closed), and not in DEAD',
    ]);
  });

  test('what every fold took is not in DEAD', () => {
    const bench = fight();
    const streams = streamsOf(bench);
    const { time, subject, data } = at(streams.combat, 6);
    const headers = { 'Riposte-Reason': 'because', 'Riposte-Origin': 'COMBAT:6' };
    const dead = [stored(1, time, `dead.${subject}`, data, headers)];
    expect(told(judged(bench, { ...streams, dead }).breaches)).toEqual([
      '6 I10 taken by every fold, and dead-lettered at DEAD:1',
    ]);
  });

  test('a letter that was re-sent is missed by nobody', () => {
    const bench = fight();
    const log = withAfter(logOf(bench), 10, (after) =>
      stored(after + 1, bench.time, logSubject('signal', 's1'), garbage),
    );
    const headers = { 'Riposte-Origin': 'COMBAT:11' };
    log.push(
      stored(
        21,
        bench.time,
        logSubject('signal', 's1'),
        encode({ session_id: 's1', signal_type: 'heartbeat' }),
        headers,
      ),
    );
    const { dead: _, ...rest } = streamsOf(bench, log);
    expect(told(judged(bench, { ...rest, dead: [] }).breaches)).toEqual([]);
  });

  test('a foreign action that every fold counts is one', () => {
    const bench = LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
    const action = {
      action_id: '1',
      type: 'exchange',
      move: exchange('new', 'a', 'x'),
      partner_move: null,
      is_forced: true,
    };
    bench.append('action', { session_id: 's1', through: 0, actions: [action] });
    expect(told(judged(bench, streamsOf(bench)).breaches)).toEqual([
      '2 I5 decided on 0, which calls for nothing of it, and every fold counts it',
    ]);
  });

  test('a foreign action or result that names nothing of the session changes nothing and is no breach', () => {
    const bench = fight();
    const log = withAfter(logOf(bench), 13, (after) => {
      const move = exchange('foreign', 'a', 'x');
      const action = { action_id: '900', type: 'exchange', move, partner_move: null, is_forced: true };
      const body = { session_id: 's1', through: 1, actions: [action] };
      return stored(after + 1, bench.time, logSubject('action', 's1'), encode(body));
    });
    expect(told(judged(bench, streamsOf(bench, log)).breaches)).toEqual([]);
  });
});

describe('the public record', () => {
  const spoiled = (change: (actions: Stored[]) => unknown): string[] => {
    const bench = fight();
    const streams = streamsOf(bench);
    const actions = changedBy(change(streams.actions), streams.actions);
    return told(judged(bench, { ...streams, actions }, true).breaches);
  };

  test('lacks nothing', () => {
    expect(spoiled((actions) => without(actions, 2))).toEqual(['8 I1 is missing in ACTIONS, which has later ones']);
    expect(spoiled((actions) => without(actions, 3, 4))).toEqual([
      '12 I1 ACTIONS has stopped before it, 2 messages behind',
    ]);
  });

  test('has nothing twice, nothing else, and nothing out of order', () => {
    expect(spoiled((actions) => [...actions, { ...actions[1]!, seq: 5 }])).toEqual([
      '8 I1 ACTIONS:5 comes after that of 16',
    ]);
    expect(spoiled((actions) => spoil(actions[1]!, (body) => Object.assign(body, { through: 6 })))).toEqual([
      '8 I1 ACTIONS:2 is not what stands there',
    ]);
    expect(spoiled((actions) => Object.assign(actions[3]!, { headers: {} }))[0]).toBe(
      '0 I1 ACTIONS:4 does not come from COMBAT',
    );
    expect(spoiled((actions) => [actions[1]!, actions[0]!, ...actions.slice(2)])).toEqual([
      '3 I1 is missing in ACTIONS, which has later ones',
      '3 I1 ACTIONS:1 comes after that of 8',
    ]);
  });

  test('that is only behind is not wrong', () => {
    const bench = fight();
    const streams = streamsOf(bench);
    expect(told(judged(bench, { ...streams, actions: streams.actions.slice(0, 2) }).breaches)).toEqual([]);
  });
});

test('a fight has one kind of each message that is tampered with', () => {
  const log = logOf(fight());
  expect(ofKind('action', log).map(({ seq }) => seq)).toEqual([3, 8, 12, 16]);
  expect(ofKind('result', log).map(({ seq }) => seq)).toEqual([4, 9, 13, 17]);
});
