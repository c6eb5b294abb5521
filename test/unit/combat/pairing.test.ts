import { describe, expect, test } from 'vitest';
import { brief, codes, exchange, instant, LogBench, START, told } from './log-bench.ts';

const duel = () => LogBench.open({ teams: { blue: ['B'], red: ['A'] } });

describe('pairs', () => {
  test('C1 two blows that meet are one exchange; both targets are popped, and come back with the result', () => {
    const bench = duel();
    expect(codes([bench.strike('A', 'B'), bench.strike('B', 'A')])).toEqual(['accepted', 'accepted']);
    expect([bench.queue('A'), bench.queue('B')]).toEqual([[], []]);

    const decision = bench.collect();
    expect(decision.actions).toEqual([
      {
        action_id: '1',
        type: 'exchange',
        move: exchange('m1', 'A', 'B'),
        partner_move: exchange('m2', 'B', 'A'),
        is_forced: false,
      },
    ]);
    expect(bench.pool()).toEqual([]);
    expect([bench.queue('A'), bench.queue('B')]).toEqual([[], []]);

    const result = bench.execute()!;
    expect(result.target_returns).toEqual([
      ['A', 'B'],
      ['B', 'A'],
    ]);
    expect(result.step).toBe(1);
    expect([bench.queue('A'), bench.queue('B')]).toEqual([['B'], ['A']]);
    expect([bench.hp('A'), bench.hp('B')]).toEqual([90, 90]);
    expect([bench.actor('A').afkLevel, bench.actor('B').afkLevel]).toEqual([0, 0]);
  });

  test('C2 a second blow before the answer is refused, and one exchange comes of it in the end', () => {
    const bench = duel();
    bench.strike('A', 'B');
    expect(bench.strike('A', 'B')).toEqual({
      session_id: 's1',
      move_id: 'm2',
      accepted: false,
      seq: 3,
      code: 'target_not_in_queue',
    });
    bench.strike('B', 'A');
    bench.settle();
    expect(brief(bench.actions)).toEqual(['m1+m3']);
  });

  test('C3 a silent target is struck by force: its AFK level rises, only the source gets its target back', () => {
    const bench = duel();
    expect(bench.strike('A', 'B')).toMatchObject({ accepted: true, deadline: START + 60_000 });
    bench.wait(59_999).timeout();
    expect(bench.collect().actions).toEqual([]);
    bench.wait(1).timeout();
    expect(bench.collect().actions).toMatchObject([{ action_id: '1', partner_move: null, is_forced: true }]);
    expect(bench.actor('B').afkLevel).toBe(1);
    const result = bench.execute()!;
    expect(result.target_returns).toEqual([['A', 'B']]);
    expect([bench.queue('A'), bench.queue('B')]).toEqual([['B'], ['A']]);
    expect([bench.hp('A'), bench.hp('B')]).toEqual([100, 90]);
  });

  test.each(['answer', 'timeout'])('C4 the answer and the timeout in either order (%s first): one action', (first) => {
    const bench = duel();
    bench.strike('A', 'B');
    bench.wait(60_000);
    const answer = () => void bench.strike('B', 'A');
    const timeout = () => void bench.timeout({ move_id: 'm1' });
    for (const message of first === 'answer' ? [answer, timeout] : [timeout, answer]) message();
    bench.settle();
    expect(brief(bench.actions)).toEqual(['m1+m2']);
  });

  test.each(['answer', 'timeout'])(
    'C4 the same with a pass after each message (%s first): one action has it',
    (first) => {
      const bench = duel();
      bench.strike('A', 'B');
      bench.wait(60_000);
      const answer = () => void bench.strike('B', 'A');
      const timeout = () => void bench.timeout({ move_id: 'm1' });
      for (const message of first === 'answer' ? [answer, timeout] : [timeout, answer]) {
        message();
        bench.collect();
      }
      expect(brief(bench.actions)).toEqual(first === 'answer' ? ['m1+m2'] : ['m1!']);
      expect(bench.pool()).toEqual(first === 'answer' ? [] : ['m2']);
    },
  );

  test('the move accepted first is `move`, and exchanges go in the order in which they were completed', () => {
    const bench = LogBench.open({ teams: { blue: ['B1', 'B2'], red: ['A1', 'A2'] } });
    bench.declare(exchange('a', 'A1', 'B1'), exchange('b', 'A2', 'B2'), exchange('c', 'B2', 'A2'));
    bench.declare(exchange('d', 'B1', 'A1'), exchange('e', 'B2', 'A1'), exchange('f', 'A1', 'B2'));
    expect(brief(bench.decision().actions)).toEqual(['b+c', 'a+d', 'e+f']);
  });

  test('one actor may stand in two exchanges of one message', () => {
    const bench = LogBench.open({ teams: { blue: ['B1', 'B2'], red: ['A'] } });
    bench.declare(
      exchange('a', 'A', 'B1'),
      exchange('b', 'A', 'B2'),
      exchange('c', 'B2', 'A'),
      exchange('d', 'B1', 'A'),
    );
    bench.settle();
    expect(brief(bench.actions)).toEqual(['b+c', 'a+d']);
    expect([bench.queue('A'), bench.queue('B1'), bench.queue('B2')]).toEqual([['B2', 'B1'], ['A'], ['A']]);
  });
});

describe('deadlines and AFK levels', () => {
  test('a deadline is the acceptance time plus the timeout of the level of the target; the last one repeats', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] }, move_timeouts_ms: [5000, 3000, 1000] });
    const allowed: number[] = [];
    for (let blow = 0; blow < 5; blow++) {
      const verdict = bench.strike('A', 'B', { damage: 1 });
      if (!verdict.accepted) throw new Error(verdict.code);
      allowed.push(verdict.deadline! - bench.time);
      bench.wait(5000).timeout();
      bench.settle();
    }
    expect(allowed).toEqual([5000, 3000, 1000, 1000, 1000]);
    expect(bench.actor('B').afkLevel).toBe(5);
    expect(bench.actor('A').afkLevel).toBe(0);
  });

  test('an accepted move of any kind resets the level of its actor alone; a refused one does not', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    const force = () => {
      bench.declare(bench.blow('A', 'B', { damage: 1 }), bench.blow('A', 'C', { damage: 1 }));
      bench.wait(60_000).timeout();
      bench.settle();
    };
    force();
    expect([bench.actor('B').afkLevel, bench.actor('C').afkLevel]).toEqual([1, 1]);
    bench.strike('B', 'C');
    expect(bench.actor('B').afkLevel).toBe(1);
    bench.declare(instant('i', 'B', 'self'));
    expect([bench.actor('B').afkLevel, bench.actor('C').afkLevel]).toEqual([0, 1]);
  });

  test('a deadline is fixed at acceptance: the level of the target at that time counts', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A1', 'A2'] }, move_timeouts_ms: [60_000, 1000] });
    bench.strike('A1', 'B');
    bench.wait(1).strike('A2', 'B');
    bench.wait(59_999).timeout();
    bench.collect();
    expect(brief(bench.actions)).toEqual(['m1!']);
    expect(bench.actor('B').afkLevel).toBe(1);
    expect(bench.decision().deadline).toBe(START + 60_001);
    bench.timeout();
    expect(bench.decision().actions).toEqual([]);
    bench.wait(1).timeout();
    expect(brief(bench.decision().actions)).toEqual(['m2!']);
  });

  test('the next deadline is that of the earliest blow nobody has forced yet', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.strike('A', 'B');
    bench.wait(1000).strike('A', 'C');
    expect(bench.decision().deadline).toBe(START + 60_000);
    bench.wait(59_000).timeout();
    expect(bench.decision().deadline).toBe(START + 61_000);
    bench.collect();
    expect(bench.decision().deadline).toBe(START + 61_000);
  });

  test('blows long answered leave nothing behind, even while an older one still waits', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A', 'C'] } });
    bench.strike('C', 'B');
    for (let round = 0; round < 500; round++) {
      bench.strike('A', 'B', { damage: 0 });
      bench.strike('B', 'A', { damage: 0 });
      bench.settle();
    }
    expect(bench.fight.pool.deadlines.length).toBeLessThan(100);
    expect(bench.decision().deadline).toBe(START + 60_000);
  });
});

describe('check_timeout', () => {
  const three = () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A', 'D'] } });
    bench.declare(exchange('ab', 'A', 'B'));
    bench.wait(10_000).declare(exchange('ac', 'A', 'C'), exchange('db', 'D', 'B'));
    return bench;
  };

  test('that names a move forces it, due or not, and no other that is not due', () => {
    const bench = three();
    bench.timeout({ move_id: 'db' });
    expect(brief(bench.decision().actions)).toEqual(['db!']);
  });

  test('that names a move forces besides it every move that is due, whosever', () => {
    const bench = three();
    bench.wait(50_000).timeout({ move_id: 'db', char_id: 'D' });
    expect(brief(bench.decision().actions)).toEqual(['ab!', 'db!']);
  });

  test('that names an actor forces the due moves of that actor alone', () => {
    const bench = three();
    bench.wait(60_000).timeout({ char_id: 'D' });
    expect(brief(bench.decision().actions)).toEqual(['db!']);
    bench.timeout({ char_id: 'B' });
    expect(brief(bench.decision().actions)).toEqual(['db!']);
    bench.timeout({ char_id: 'A' });
    expect(brief(bench.decision().actions)).toEqual(['ab!', 'ac!', 'db!']);
  });

  test('that names nobody forces what is due, in order of acceptance', () => {
    const bench = three();
    bench.wait(50_000).timeout();
    expect(brief(bench.decision().actions)).toEqual(['ab!']);
    bench.wait(10_000).timeout();
    expect(brief(bench.decision().actions)).toEqual(['ab!', 'ac!', 'db!']);
  });

  test('that names an unknown actor or move forces nothing that is not due', () => {
    const bench = three();
    bench.wait(60_000).timeout({ char_id: 'nobody' });
    expect(bench.decision().actions).toEqual([]);
    bench.timeout({ move_id: 'never' });
    expect(brief(bench.decision().actions)).toEqual(['ab!', 'ac!', 'db!']);
  });

  test('for a move that found its pair marks nothing, even where the pair comes apart later', () => {
    const bench = duel();
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm1' });
    const stale = bench.decision();
    const expected = { ...bench.last };
    expect(brief(stale.actions)).toEqual(['m1!']);
    bench.strike('B', 'A');
    bench.timeout({ move_id: 'm2' });
    expect(bench.commit(stale, expected)).toBe(true);
    expect(bench.pool()).toEqual(['m2']);
    expect(brief(bench.decision().actions)).toEqual([]);
  });

  test('before the move is accepted marks nothing', () => {
    const bench = duel();
    bench.timeout({ move_id: 'm1' });
    bench.strike('A', 'B');
    expect(bench.decision().actions).toEqual([]);
  });

  test('does nothing to instants, and a repeated one nothing more', () => {
    const bench = duel();
    bench.declare(instant('i', 'A', 'self'));
    bench.timeout({ move_id: 'i' });
    bench.timeout({ move_id: 'i' });
    expect(bench.decision().actions).toMatchObject([{ type: 'instant', is_forced: false }]);
    bench.settle();
    expect(told(bench.results)).toEqual(['1 done']);
  });

  test('forcing depends on the log alone: an answer folded before any pass makes a pair of a marked move', () => {
    const bench = duel();
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm1' });
    bench.strike('B', 'A');
    expect(brief(bench.decision().actions)).toEqual(['m1+m2']);
  });
});

describe('C21 the answer comes in the very second the timer fires', () => {
  // 500 interleavings: where among answer, timeout and three passes (each decided at one place, appended at another).
  test('the pair or the forced blow, never both, never neither; later deadlines still fire', () => {
    const seen = new Set<string>();
    for (let round = 0; round < 500; round++) {
      const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
      bench.strike('A', 'B');
      bench.wait(1000).strike('A', 'C');
      bench.wait(59_000);
      const steps: (() => void)[] = [
        () => void bench.timeout(round % 2 === 0 ? {} : { move_id: 'm1' }),
        () => void bench.declare(exchange('answer', 'B', 'A')),
      ];
      if (round % 4 >= 2) steps.reverse();
      // Passes: decided after `from` messages, appended after `to` of them.
      const [from, delay] = [Math.floor(round / 4) % 3, Math.floor(round / 12) % 3];
      let held: { decision: ReturnType<LogBench['decision']>; expected: LogBench['last'] } | null = null;
      let appended = false;
      for (let at = 0; at <= 2; at++) {
        if (at === from) held = { decision: bench.decision(), expected: { ...bench.last } };
        if (held !== null && !appended && at >= Math.min(2, from + delay)) {
          appended = true;
          bench.commit(held.decision, held.expected);
        }
        if (round % 36 >= 18 && at === 1) bench.collect();
        steps[at]?.();
      }
      bench.settle();
      const blows = bench.actions.filter(({ move, partner_move }) =>
        [move, partner_move].some((m) => m?.move_id === 'm1'),
      );
      expect(blows).toHaveLength(1);
      seen.add(brief(blows)[0]!);
      bench.wait(1000).timeout();
      bench.settle();
      expect(brief(bench.actions)).toContain('m2!');
      expect(told(bench.results)).toEqual(bench.actions.map(({ action_id }) => `${action_id} done`));
    }
    expect([...seen].sort()).toEqual(['m1!', 'm1+answer']);
  });
});
