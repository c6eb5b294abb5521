import { describe, expect, test } from 'vitest';
import { brief, codes, exchange, instant, LogBench, START, told } from './log-bench.ts';

const duel = (rest: object = {}) => LogBench.open({ teams: { blue: ['B'], red: ['A'] }, ...rest });
const force = (bench: LogBench, source: string, target: string, payload: object = {}) => {
  const { move_id } = bench.blow(source, target, payload);
  bench.declare(exchange(move_id, source, target, payload));
  bench.timeout({ move_id: String(move_id) });
};

describe('the end', () => {
  test('one team left with living actors wins', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'], white: ['W'] } });
    force(bench, 'A', 'B', { damage: 100 });
    bench.settle();
    expect(bench.session.status).toBe('open');
    bench.leave('A');
    expect(bench.collect().close).toEqual({ winner: 'white', reason: 'victory' });
    expect(bench.session).toMatchObject({ status: 'closed', winner: 'white', closeReason: 'victory' });
  });

  test('C9 both die in one exchange and nobody else stands: a draw', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    bench.strike('A', 'B', { damage: 100 });
    bench.strike('B', 'A', { damage: 100 });
    bench.settle();
    expect(bench.session).toMatchObject({ status: 'closed', winner: null, closeReason: 'draw' });
    expect(bench.results[0]!.hits).toHaveLength(2);
  });

  test('everybody leaving is a draw too', () => {
    const bench = duel();
    bench.leave('A');
    bench.leave('B');
    expect(bench.collect().close).toEqual({ winner: null, reason: 'draw' });
  });

  test('comes only when no emitted action is still to be executed', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    force(bench, 'A', 'B');
    bench.collect();
    bench.leave('B');
    bench.leave('C');
    const waiting = bench.collect();
    expect([waiting.close, waiting.actions, waiting.dispatch]).toEqual([null, [], { batchSize: 100 }]);
    bench.execute();
    expect(told(bench.results)).toEqual(['1 skipped target_gone']);
    expect(bench.collect().close).toEqual({ winner: 'red', reason: 'victory' });
  });

  test('a newcomer before the close makes the collector think again; a stale close is refused', () => {
    const bench = duel();
    bench.leave('B');
    const stale = bench.decision();
    const expected = { ...bench.last };
    expect(stale.close).toEqual({ winner: 'red', reason: 'victory' });
    bench.join('N', 'blue');
    expect(bench.commit(stale, expected)).toBe(false);
    expect(bench.collect().close).toBe(null);
  });

  test('ten failed results in a row cancel the session; nine and a done one do not', () => {
    const bench = duel();
    const boom = (count: number) => {
      for (let at = 0; at < count; at++) {
        force(bench, 'A', 'B', { boom: true });
        bench.collect();
        bench.execute();
      }
    };
    boom(9);
    force(bench, 'A', 'B', { damage: 1 });
    bench.settle();
    boom(9);
    expect(bench.decision().close).toBe(null);
    boom(1);
    expect(bench.decision().close).toEqual({ winner: null, reason: 'cancelled' });
  });

  test('a skipped result breaks a row of failed ones as a done one does', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    const boom = (count: number) => {
      for (let at = 0; at < count; at++) {
        force(bench, 'A', 'B', { boom: true });
        bench.settle();
      }
    };
    boom(9);
    force(bench, 'A', 'C');
    bench.collect();
    bench.leave('C');
    bench.settle();
    boom(9);
    expect(bench.session.status).toBe('open');
    boom(1);
    expect(bench.session.closeReason).toBe('cancelled');
  });

  test('max_steps reached: exhausted, without a winner; skipped, failed and instants are no steps', () => {
    const bench = duel({ max_steps: 2 });
    force(bench, 'A', 'B', { boom: true });
    bench.settle();
    bench.declare(instant('i', 'A', 'self'));
    bench.settle();
    force(bench, 'A', 'B');
    bench.settle();
    expect([bench.fight.step, bench.session.status]).toEqual([1, 'open']);
    force(bench, 'A', 'B');
    bench.settle();
    expect(bench.session).toMatchObject({ status: 'closed', winner: null, closeReason: 'exhausted' });
  });

  describe('of two reasons the first counts', () => {
    test('a victory in the last step is a victory', () => {
      const bench = duel({ max_steps: 1 });
      force(bench, 'A', 'B', { damage: 1000 });
      bench.settle();
      expect(bench.session).toMatchObject({ winner: 'red', closeReason: 'victory' });
    });

    test('a draw in the last step is a draw', () => {
      const bench = duel({ max_steps: 1 });
      bench.strike('A', 'B', { damage: 1000 });
      bench.strike('B', 'A', { damage: 1000 });
      bench.settle();
      expect(bench.session).toMatchObject({ winner: null, closeReason: 'draw' });
    });

    test('ten failed in a row, and the last enemy leaves: a victory', () => {
      const bench = duel();
      for (let at = 0; at < 10; at++) {
        force(bench, 'A', 'B', { boom: true });
        bench.collect();
        bench.execute();
      }
      bench.leave('B');
      bench.settle();
      expect(bench.session).toMatchObject({ winner: 'red', closeReason: 'victory' });
    });
  });
});

describe('idle', () => {
  test('no message but check_timeouts for idle_close_ms: abandoned, at that time and not before', () => {
    const bench = duel({ idle_close_ms: 5000 });
    expect(bench.collect().deadline).toBe(START + 5000);
    bench.wait(4999).timeout();
    expect(bench.collect().close).toBe(null);
    bench.wait(1).timeout();
    expect(bench.collect().close).toEqual({ winner: null, reason: 'abandoned' });
  });

  test.each([
    ['a nudge', (bench: LogBench) => void bench.nudge()],
    ['a heartbeat', (bench: LogBench) => void bench.heartbeat()],
    ['a refused move', (bench: LogBench) => void bench.strike('A', 'nobody')],
    ['a newcomer', (bench: LogBench) => void bench.join('N', 'red')],
  ])('%s starts the clock anew', (_, message) => {
    const bench = duel({ idle_close_ms: 5000 });
    bench.wait(4000);
    message(bench);
    bench.wait(4999).timeout();
    expect(bench.collect()).toMatchObject({ close: null, deadline: START + 9000 });
    bench.wait(1).timeout();
    expect(bench.collect().close).toEqual({ winner: null, reason: 'abandoned' });
  });

  test('an open deadline keeps the session open, past idle_close_ms too', () => {
    const bench = duel({ idle_close_ms: 5000, move_timeouts_ms: [20_000] });
    bench.strike('A', 'B');
    bench.wait(19_999).timeout();
    expect(bench.collect()).toMatchObject({ close: null, deadline: START + 20_000 });
    bench.wait(1).timeout();
    expect(brief(bench.collect().actions)).toEqual(['m1!']);
    bench.execute();
    bench.wait(4999).timeout();
    expect(bench.collect().close).toBe(null);
    bench.wait(1).timeout();
    expect(bench.collect().close).toEqual({ winner: null, reason: 'abandoned' });
  });

  test('an action still to be executed keeps it open, however long', () => {
    const bench = duel({ idle_close_ms: 5000 });
    force(bench, 'A', 'B');
    bench.collect();
    for (let fire = 0; fire < 10; fire++) {
      const { close, deadline, dispatch } = bench.collect();
      expect([close, dispatch]).toEqual([null, { batchSize: 100 }]);
      expect(deadline).toBeGreaterThan(bench.time);
      bench.time = deadline!;
      bench.timeout();
    }
    expect(bench.session.status).toBe('open');
  });

  test('a deadline is a time that can be said: a safe integer, however long the timeouts', () => {
    const bench = duel({ idle_close_ms: Number.MAX_SAFE_INTEGER, move_timeouts_ms: [Number.MAX_SAFE_INTEGER] });
    if (bench.session.status !== 'open') return; // refusing such an `opened` is as good
    expect(bench.collect().deadline).toSatisfy(Number.isSafeInteger);
    expect(bench.strike('A', 'B')).toSatisfy((verdict: object) =>
      'deadline' in verdict ? Number.isSafeInteger(verdict.deadline) : false,
    );
  });
});

describe('after the close', () => {
  test('C20 closed by the game server while actions wait: each gets a result, skipped, session_closed', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    force(bench, 'A', 'B');
    bench.declare(instant('i', 'A', 'self'), exchange('x', 'A', 'C'));
    bench.timeout({ move_id: 'x' });
    bench.collect();
    bench.declare(instant('pool', 'A', 'self'));
    bench.close();
    expect(bench.pool()).toEqual([]);
    expect(bench.collect()).toMatchObject({ actions: [], requests: [], dispatch: { batchSize: 66 }, deadline: null });
    expect(bench.execute()!.results).toEqual(
      ['1', '2', '3'].map((action_id) => ({ action_id, status: 'skipped', reason: 'session_closed', hits: [] })),
    );
    expect(bench.collect()).toMatchObject({ actions: [], dispatch: null, close: null });
    expect([bench.fight.executed, bench.fight.step, bench.hp('B')]).toEqual([3, 0, 100]);
  });

  test('moves are refused, invalid ones too, and joined and left change nothing', () => {
    const bench = duel();
    bench.close();
    expect(codes(bench.declare(exchange('m', 'A', 'B'), {}))).toEqual(['session_closed', 'session_closed']);
    expect(bench.join('N', 'red').refused).toMatch(/closed/);
    expect(bench.leave('A').refused).toMatch(/closed/);
    expect([...bench.fight.roster.byId.keys()].sort()).toEqual(['A', 'B']);
    expect(bench.actor('A').standing).toBe('alive');
  });

  test('the first closed stands', () => {
    const bench = duel();
    bench.close('blue', 'time');
    bench.close('red', 'victory');
    expect(bench.session).toMatchObject({ status: 'closed', winner: 'blue', closeReason: 'time' });
  });

  test('a closed that says nothing is the game server’s: cancelled, without a winner', () => {
    const bench = duel();
    bench.append('session', { type: 'closed', session_id: 's1' });
    expect(bench.session).toMatchObject({ status: 'closed', winner: null, closeReason: 'cancelled' });
  });

  test('an action decided before and appended after it is ignored by both folds', () => {
    const bench = duel();
    force(bench, 'A', 'B');
    const stale = bench.decision();
    const expected = { ...bench.last };
    bench.close();
    expect(bench.commit(stale, expected)).toBe(true);
    expect([bench.fight.emitted, bench.battle.melee!.emitted]).toEqual([0, 0]);
    expect(bench.session.last.action).toBe(bench.seq);
    expect(bench.collect()).toMatchObject({ actions: [], dispatch: null });
    expect(bench.execute()).toBe(null);
  });

  test('a result resolved before and appended after it counts: its deaths and vitals are folded', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    force(bench, 'A', 'B', { damage: 1000 });
    bench.collect();
    const copy = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    for (const { kind, bytes } of bench.raw.slice(1)) copy.append(kind, bytes);
    const late = copy.execute()!;
    bench.close();
    bench.append('result', late);
    expect(told(bench.results)).toEqual(['1 done']);
    expect([bench.hp('B'), bench.actor('B').standing]).toEqual([0, 'dead']);
    expect(bench.battle.melee!.pending).toEqual([]);
    expect(bench.collect()).toMatchObject({ dispatch: null, close: null });
  });

  test('the collector’s own close is not decided twice', () => {
    const bench = duel();
    bench.leave('A');
    bench.collect();
    expect(bench.collect()).toMatchObject({ close: null, deadline: null });
  });
});
