import { describe, expect, test } from 'vitest';
import { ruleBook } from '#combat/rules.ts';
import { decide } from '#combat/session.ts';
import { codes, exchange, LogBench } from './log-bench.ts';
import { bookOf, plain } from './plain-rules.ts';

const teams = { blue: ['B'], red: ['A'] };

describe('opened', () => {
  test('has the documented defaults', () => {
    const bench = LogBench.open({ teams });
    expect(bench.fight).toMatchObject({
      openedAt: 1,
      maxSteps: 10_000,
      idleCloseMs: 600_000,
      moveTimeoutsMs: [60_000, 50_000, 40_000, 30_000, 20_000],
    });
    const bare = new LogBench(ruleBook([{ ...plain, name: 'classic' }]), 'bare');
    bare.append('session', {
      type: 'opened',
      session_id: 'bare',
      teams,
      actors: { A: { kind: 'player', stats: {} }, B: { kind: 'player', stats: {} } },
    });
    expect(bare.fight).toMatchObject({ rules: { name: 'classic', version: 1 }, seed: 'bare' });
  });

  test('a second one changes nothing, and is no dead letter', () => {
    const bench = LogBench.open({ teams });
    bench.strike('A', 'B');
    expect(bench.open({ teams: { x: ['X'], y: ['Y'] } })).toEqual({ verdicts: [], refused: null });
    expect([...bench.fight.roster.byId.keys()].sort()).toEqual(['A', 'B']);
    expect(bench.pool()).toEqual(['m1']);
  });

  test.each([
    ['one team', { teams: { red: ['A'] } }, /two teams/],
    ['an actor in two teams', { teams: { red: ['A'], blue: ['A'] } }, /A stands in two places/],
    ['unknown rules', { teams, rules: { name: 'chess', version: 1 } }, /unknown rules chess, version 1/],
    ['an unknown version', { teams, rules: { name: 'plain', version: 2 } }, /unknown rules plain, version 2/],
    ['stats the rules refuse', { teams, actors: { B: { stats: { hp: 'many' } } } }, /stats of B: hp/],
  ])('with %s is answered by closed, reason invalid, and says what is wrong', (_, opening, reason) => {
    const bench = new LogBench();
    expect(bench.open(opening).refused).toMatch(reason);
    expect(codes(bench.declare(exchange('m', 'A', 'B')))).toEqual(['session_closed']);
    expect(bench.collect()).toMatchObject({ close: { winner: null, reason: 'invalid' }, actions: [], blocked: null });
    expect(bench.session).toMatchObject({ status: 'closed', winner: null, closeReason: 'invalid' });
    expect(bench.battle.status).toBe('closed');
    expect(bench.collect()).toMatchObject({ close: null, deadline: null, dispatch: null });
    bench.open({ teams });
    expect([bench.session.status, bench.battle.status]).toEqual(['closed', 'closed']);
  });

  test('what a deployment has against a session closes it as invalid before its first action, and not after', () => {
    const bench = LogBench.open({ teams });
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm1' });
    expect(decide(bench.session, 0, 'too idle')).toMatchObject({
      close: { winner: null, reason: 'invalid' },
      actions: [],
      requests: [],
    });
    bench.collect();
    expect(decide(bench.session, 0, 'too idle')).toEqual(bench.decision(0));
  });

  test('one that cannot even be read closes the session as invalid too', () => {
    const bench = new LogBench();
    const { refused } = bench.append('session', { type: 'opened', session_id: 's1', teams: 7 });
    expect(refused).toMatch(/teams/);
    expect(bench.collect().close).toEqual({ winner: null, reason: 'invalid' });
  });

  test('stats whose schema throws, or whose vitals no message can carry, are refused', () => {
    for (const initial of [
      () => ({ hp: Number.NaN, dead: false, struck: 0 }),
      () => ({ hp: 1 }) as never,
      () => null as never,
      () => ({ hp: 1, dead: false, struck: 1n }) as never,
      () => {
        throw new Error('no');
      },
    ]) {
      const bench = new LogBench(ruleBook([{ ...plain, initial }]));
      expect(bench.open({ teams }).refused).toMatch(/^stats of B: /);
      expect(bench.collect().close).toEqual({ winner: null, reason: 'invalid' });
    }
  });

  test('whoever enters dead is dead, in both folds', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] }, actors: { C: { stats: { dead: true } } } });
    expect(bench.queue('A')).toEqual(['B']);
    expect(codes(bench.declare(exchange('m', 'A', 'C')))).toEqual(['target_dead']);
    expect(bench.fight.roster.living).toBe(2);
  });

  test('a name like __proto__ is a name like any other', () => {
    const bench = new LogBench();
    const sheet = '{"kind":"ai","stats":{}}';
    const opened = `{"type":"opened","session_id":"s1","rules":{"name":"plain","version":1},
      "teams":{"__proto__":["__proto__","constructor"],"toString":["hasOwnProperty"]},
      "actors":{"__proto__":${sheet},"constructor":${sheet},"hasOwnProperty":${sheet}},
      "targets":{"__proto__":["hasOwnProperty"]}}`;
    expect(bench.append('session', new TextEncoder().encode(opened)).refused).toBe(null);
    expect(bench.queue('hasOwnProperty')).toEqual(['__proto__', 'constructor']);
    const requests = bench.collect().requests;
    expect(requests.map(({ request_id }) => request_id)).toEqual(['__proto__@1', 'constructor@1', 'hasOwnProperty@1']);
    bench.declare(
      exchange('constructor', 'hasOwnProperty', '__proto__'),
      exchange('__proto__', '__proto__', 'hasOwnProperty'),
    );
    bench.declare({ move_id: 'i', char_id: '__proto__', strategy: 'instant', payload: { target_id: 'all_allies' } });
    bench.settle();
    expect(bench.hp('__proto__')).toBe(90);
    expect(bench.hp('hasOwnProperty')).toBe(90);
    expect(bench.queue('__proto__')).toEqual(['hasOwnProperty']);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });
});

describe('joined and left', () => {
  test('of an id the session has known is invalid, dead or gone or not', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A'] } });
    bench.strike('A', 'B', { damage: 1000 });
    bench.timeout({ move_id: 'm1' });
    bench.settle();
    bench.leave('C');
    for (const id of ['A', 'B', 'C']) expect(bench.join(id, 'blue').refused).toMatch(`known an actor ${id}`);
    expect(bench.battle.melee!.byId.size).toBe(3);
    expect(bench.actor('B').standing).toBe('dead');
  });

  test('stats the rules refuse are a dead letter and nothing more', () => {
    const bench = LogBench.open({ teams });
    expect(bench.join('N', 'red', { stats: { hp: 'many' } }).refused).toMatch(/stats of N/);
    expect([bench.fight.roster.byId.size, bench.battle.melee!.byId.size]).toEqual([2, 2]);
    expect(bench.join('N', 'red').refused).toBe(null);
    expect([bench.fight.roster.byId.size, bench.battle.melee!.byId.size]).toEqual([3, 3]);
  });

  test('before opened, or of a stranger, or twice, are dead letters', () => {
    const bench = new LogBench();
    expect(bench.join('N', 'red').refused).toMatch(/absent/);
    expect(bench.leave('N').refused).toMatch(/absent/);
    expect(bench.close().refused).toMatch(/never opened/);
    bench.open({ teams });
    expect(bench.leave('N').refused).toMatch(/no actor N/);
    expect(bench.leave('A').refused).toBe(null);
    expect(bench.leave('A').refused).toMatch(/left already/);
  });

  test('one of 1,024 may have joined, the 1,025th may not, whoever is dead or gone', () => {
    const bench = LogBench.open({ teams: { blue: Array.from({ length: 1022 }, (_, at) => `B${at}`), red: ['A'] } });
    bench.leave('B0');
    expect(bench.join('N1', 'red').refused).toBe(null);
    expect(bench.join('N2', 'red').refused).toMatch(/1024/);
    expect([bench.fight.roster.byId.size, bench.battle.melee!.byId.size]).toEqual([1024, 1024]);
  });

  test('a process that does not know the rules any more leaves the session to another', () => {
    const bench = LogBench.open({ teams });
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm1' });
    bench.collect();
    const other = new LogBench(bookOf(() => null));
    const stranger = new LogBench(ruleBook([]));
    for (const { kind, bytes } of bench.raw) {
      other.append(kind, bytes);
      stranger.append(kind, bytes);
    }
    expect(other.decision().blocked).toBe(null);
    expect(stranger.decision()).toMatchObject({ blocked: 'unknown rules plain, version 1', close: null, actions: [] });
    expect(stranger.battle.rulesUnknown).toEqual({ name: 'plain', version: 1 });
  });
});
