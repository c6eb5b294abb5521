import { describe, expect, test } from 'vitest';
import { queueOf } from '#combat/queue.ts';
import { restoreSession, snapshotSession } from '#combat/session-snapshot.ts';
import { brief, codes, exchange, instant, LogBench } from './log-bench.ts';
import { PLAIN_BOOK } from './plain-rules.ts';

describe('queues', () => {
  test('are all enemies in roster order at the start, or the given list in its own', () => {
    const bench = LogBench.open({
      teams: { white: ['W'], black: ['B2', 'B1'], red: ['A', 'E'] },
      targets: { A: ['W', 'B1'], B1: [] },
    });
    expect(['A', 'E', 'W', 'B1', 'B2'].map((id) => bench.queue(id))).toEqual([
      ['W', 'B1'],
      ['B2', 'B1', 'W'],
      ['B2', 'B1', 'A', 'E'],
      [],
      ['A', 'E', 'W'],
    ]);
  });

  test('what comes back goes to the end, in the order of the returns', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C', 'D', 'E'], red: ['A'] } });
    bench.declare(exchange('1', 'A', 'C'), exchange('2', 'A', 'B'));
    bench.timeout({ move_id: '2' });
    bench.settle();
    expect(bench.queue('A')).toEqual(['D', 'E', 'B']);
    bench.declare(exchange('3', 'A', 'D'));
    bench.timeout({ move_id: '3' });
    bench.timeout({ move_id: '1' });
    bench.settle();
    expect(brief(bench.actions)).toEqual(['2!', '1!', '3!']);
    expect(bench.queue('A')).toEqual(['E', 'B', 'C', 'D']);
    bench.declare(exchange('4', 'A', 'B'));
    bench.timeout({ move_id: '4' });
    bench.settle();
    expect(bench.queue('A')).toEqual(['E', 'C', 'D', 'B']);
  });

  test('C8 a death drops the blows of the dead and those at it, and takes it out of every queue', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'D'], red: ['A', 'C', 'E'] } });
    bench.declare(
      exchange('bc', 'B', 'C'),
      exchange('eb', 'E', 'B'),
      instant('cb', 'C', 'B'),
      instant('bb', 'B', 'self'),
    );
    bench.declare(exchange('ab', 'A', 'B', { damage: 1000 }));
    bench.timeout({ move_id: 'ab' });
    const decision = bench.decision();
    expect(brief(decision.actions)).toEqual(['cb', 'bb', 'ab!']);
    // Only the killing blow goes out now, so that all the rest is still in the pool when the death comes.
    const killing = { ...decision.actions[2]!, action_id: '1' };
    bench.append('action', { session_id: 's1', through: decision.through, actions: [killing] });
    const result = bench.execute()!;
    expect(result.deaths).toEqual(['B']);
    expect(bench.pool()).toEqual([]);
    expect(['A', 'B', 'C', 'D', 'E'].map((id) => bench.queue(id))).toEqual([['D'], [], ['D'], ['A', 'C', 'E'], ['D']]);
    expect(codes(bench.declare(exchange('cd', 'C', 'D'), exchange('dc', 'D', 'C')))).toEqual(['accepted', 'accepted']);
    bench.settle();
    expect(brief(bench.actions)).toEqual(['ab!', 'cd+dc']);
  });

  test('leaving does the same; what was dropped is in no action, and its id stays used', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'D'], red: ['A', 'C'] } });
    bench.declare(
      exchange('bc', 'B', 'C'),
      exchange('cb', 'C', 'B'),
      exchange('ab', 'A', 'B'),
      instant('i', 'B', 'self'),
    );
    bench.leave('B');
    expect(bench.pool()).toEqual([]);
    expect(['A', 'C', 'D'].map((id) => bench.queue(id))).toEqual([['D'], ['D'], ['A', 'C']]);
    expect(codes(bench.declare(exchange('ab', 'A', 'D')))).toEqual(['duplicate_move']);
    bench.settle();
    expect(bench.actions).toEqual([]);
  });

  test('a blow in an action at one who leaves before it is executed is skipped, and nothing comes back', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'D'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B'), exchange('ba', 'B', 'A'));
    bench.collect();
    bench.leave('B');
    const result = bench.execute()!;
    expect(result.results).toMatchObject([{ status: 'skipped', reason: 'target_gone' }]);
    expect(result.target_returns).toEqual([]);
    expect(bench.queue('A')).toEqual(['D']);
  });

  test('C14 a third actor joins a running duel: it enters the enemies’ queues at the end, they enter its own', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    bench.strike('A', 'B');
    bench.strike('B', 'A');
    bench.collect();
    expect(bench.join('N', 'blue', { stats: { hp: 50 } })).toEqual({ verdicts: [], refused: null });
    expect(['A', 'B', 'N'].map((id) => bench.queue(id))).toEqual([['N'], [], ['A']]);
    bench.execute();
    expect(['A', 'B', 'N'].map((id) => bench.queue(id))).toEqual([['N', 'B'], ['A'], ['A']]);
    expect(bench.hp('N')).toBe(50);
    expect(codes(bench.declare(exchange('an', 'A', 'N'), exchange('na', 'N', 'A')))).toEqual(['accepted', 'accepted']);
    bench.settle();
    expect(brief(bench.actions)).toEqual(['m1+m2', 'an+na']);
  });

  test('C14 a bot that joins is asked to move, and bots are asked about a newcomer', () => {
    const bench = LogBench.open({
      teams: { blue: ['B'], red: ['A'] },
      actors: { B: { kind: 'ai' } },
    });
    bench.answer(bench.collect().requests[0]!);
    bench.collect();
    bench.join('N', 'red', { kind: 'ai' });
    const decision = bench.collect();
    expect(decision.requests.map(({ bot_id, missing_targets }) => [bot_id, missing_targets])).toEqual(
      expect.arrayContaining([
        ['B', ['N']],
        ['N', ['B']],
      ]),
    );
    expect(decision.requests).toHaveLength(2);
  });

  test('newcomers and returns stand in the order in which they came, whatever team they join', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] }, targets: { A: ['C', 'B'] } });
    bench.join('N1', 'blue');
    bench.strike('A', 'C');
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    bench.join('N2', 'amber');
    expect(bench.queue('A')).toEqual(['B', 'N1', 'C', 'N2']);
    expect(bench.queue('N2')).toEqual(['B', 'C', 'N1', 'A']);
    bench.strike('A', 'N1');
    bench.timeout({ move_id: 'm2' });
    bench.settle();
    expect(bench.queue('A')).toEqual(['B', 'C', 'N2', 'N1']);
    bench.join('N3', 'red');
    expect(bench.queue('N3')).toEqual(['N2', 'B', 'C', 'N1']);
    expect(bench.queue('N2')).toEqual(['B', 'C', 'N1', 'A', 'N3']);
  });

  test('one who enters the fight dead enters no queue, and no queue counts it', () => {
    const bench = LogBench.open({
      teams: { blue: ['B'], red: ['A', 'Z'] },
      actors: { B: { kind: 'ai' }, Z: { stats: { dead: true } } },
    });
    expect(bench.queue('B')).toEqual(['A']);
    bench.answer(bench.collect().requests[0]!);
    expect(bench.actor('B').queued).toBe(0);
    bench.join('N', 'red', { stats: { dead: true } });
    expect(bench.queue('B')).toEqual([]);
    expect(bench.actor('B').queued).toBe(0);
    expect(bench.decision().requests).toEqual([]);
  });

  test('C22 with ids like numbers: the same order live, after a snapshot, and folded again', () => {
    const bench = LogBench.open({
      teams: { '10': ['b', 9, 101, -7], '9': ['8', 'a', '-1'], a: ['07', 7] },
      actors: { a: { kind: 'ai' } },
    });
    const enemies = ['b', '9', '101', '-7', '07', '7'];
    expect(bench.queue('a')).toEqual(enemies);
    expect(bench.fight.roster.teams.map(({ name, members }) => [name, members.map(({ id }) => id)])).toEqual([
      ['10', ['b', '9', '101', '-7']],
      ['9', ['8', 'a', '-1']],
      ['a', ['07', '7']],
    ]);
    bench.declare(...['101', 'b', '7'].map((target) => exchange(`x${target}`, 'a', target, { damage: 1 })));
    bench.timeout({ move_id: 'x101' });
    bench.settle();
    bench.join('3', '9');
    bench.join('2', '10');
    bench.timeout({ move_id: 'xb' });
    bench.settle();
    const expected = ['9', '-7', '07', '101', '2', 'b'];
    expect(bench.queue('a')).toEqual(expected);

    const restored = restoreSession('s1', JSON.parse(JSON.stringify(snapshotSession(bench.session))), PLAIN_BOOK);
    if (!restored.ok) throw new Error(restored.reason);
    const { roster } = restored.value.fight!;
    expect(queueOf(roster, roster.byId.get('a')!)).toEqual(expected);
    expect(queueOf(roster, roster.byId.get('3')!)).toEqual(bench.queue('3'));

    const again = new LogBench();
    for (const { kind, bytes } of bench.raw) again.append(kind, bytes);
    expect([...again.fight.roster.byId.keys()].map((id) => [id, again.queue(id)])).toEqual(
      [...bench.fight.roster.byId.keys()].map((id) => [id, bench.queue(id)]),
    );
  });

  test('of a result, returns are folded before deaths, and what names the dead, the gone or the queued is ignored', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C', 'D'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B'), exchange('ac', 'A', 'C'), exchange('ad', 'A', 'D'));
    bench.timeout({ move_id: 'ab' });
    bench.timeout({ move_id: 'ac' });
    bench.collect();
    bench.leave('D');
    bench.append('result', {
      session_id: 's1',
      through: bench.seq,
      executed: 2,
      step: 2,
      results: [1, 2].map((id) => ({ action_id: String(id), status: 'done', hits: [] })),
      actors: { C: { hp: 0, dead: true } },
      deaths: ['C', 'C', 'D', 'nobody'],
      target_returns: [
        ['A', 'C'],
        ['A', 'B'],
        ['A', 'B'],
        ['A', 'D'],
        ['D', 'A'],
        ['B', 'A'],
        ['nobody', 'A'],
        ['A', 'nobody'],
        ['A', 'A'],
      ],
    });
    expect(['A', 'B', 'C', 'D'].map((id) => bench.queue(id))).toEqual([['B'], ['A'], [], []]);
    expect(bench.actor('C').standing).toBe('dead');
    expect(bench.actor('D').standing).toBe('gone');
    expect(['A', 'B'].map((id) => bench.actor(id).queued)).toEqual([1, 1]);
  });

  test('a return of a target that stands in an open blow is ignored: it is in one place only', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B'), exchange('ac', 'A', 'C'));
    bench.timeout({ move_id: 'ab' });
    bench.collect();
    bench.append('result', {
      session_id: 's1',
      through: bench.seq,
      executed: 1,
      step: 1,
      results: [{ action_id: '1', status: 'done', hits: [] }],
      actors: {},
      deaths: [],
      target_returns: [
        ['A', 'C'],
        ['A', 'B'],
      ],
    });
    expect([bench.queue('A'), bench.pool()]).toEqual([['B'], ['ac']]);
    expect(bench.strike('A', 'C')).toMatchObject({ accepted: false, code: 'target_not_in_queue' });
  });

  test('death is final: a later result cannot return the dead', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.declare(exchange('ab', 'A', 'B', { damage: 1000 }), instant('i', 'A', 'self'));
    bench.timeout({ move_id: 'ab' });
    bench.settle();
    bench.declare(instant('j', 'A', 'self'));
    bench.collect();
    bench.append('result', {
      session_id: 's1',
      through: bench.seq,
      executed: 3,
      step: 1,
      results: [{ action_id: '3', status: 'done', hits: [] }],
      actors: { B: { hp: 100, dead: false } },
      deaths: [],
      target_returns: [['A', 'B']],
    });
    expect(bench.actor('B').standing).toBe('dead');
    expect(bench.queue('A')).toEqual(['C']);
  });
});
