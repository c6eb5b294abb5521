// Proves that names which every object inherits are names like any others: a fight in which the session, its actors, teams, skills,
// items and moves are called so is, name for name, the fight of people with ordinary names.

import { describe, expect, test } from 'vitest';
import { readEvent } from '#client/combat-event.ts';
import { restoreBattle, snapshotBattle } from '#combat/battle-snapshot.ts';
import { admit, ruleBook } from '#combat/rules.ts';
import { restoreSession, snapshotSession } from '#combat/session-snapshot.ts';
import { viewOf } from '#combat/view.ts';
import { isActorId } from '#contracts/ids.ts';
import { objectOf } from '#contracts/json.ts';
import { classic } from '#rules/classic/classic.ts';
import { judged, streamsOf } from '../cli/record.ts';
import { codes, exchange, LogBench } from './log-bench.ts';
import { bookOf, plain } from './plain-rules.ts';

/** In code unit order, as the ordinary ones are: teams are ordered by their names. */
const INHERITED = ['__proto__', 'constructor', 'hasOwnProperty', 'isPrototypeOf', 'toString', 'valueOf'];
const ORDINARY = ['bproto_b', 'constructer', 'hasOnProperty', 'isPrototypeOn', 'toStrong', 'valueOn'];
const SEED = 'one for both';

/** A fight of bots and players that uses skills, items, newcomers and leavers; fought to its end. */
function fought(names: readonly string[]): LogBench {
  const [a, b, c, d, e, f] = names as [string, string, string, string, string, string];
  const bench = new LogBench(ruleBook([classic]), a);
  const stats = {
    hp: 60,
    skills: objectOf([[a, { effect: 'damage', power: 9, cost: 1 }]]),
    items: objectOf([
      [a, { effect: 'heal', power: 5, charges: 2 }],
      [b, { effect: 'heal', power: 5 }],
    ]),
  };
  const sheet = { kind: 'player', stats };
  const opened = {
    type: 'opened',
    session_id: a,
    teams: objectOf([
      [a, [a, b]],
      [e, [c, d]],
    ]),
    actors: objectOf([a, b, c, d].map((id) => [id, { ...sheet, kind: id === d ? 'ai' : 'player' }])),
    targets: objectOf([[a, [c]]]),
    seed: SEED,
  };
  expect(bench.append('session', opened).refused).toBe(null);
  const joined = { type: 'joined', session_id: a, actor_id: f, team: f, actor: sheet };
  expect(bench.append('session', joined).refused).toBe(null);
  const ability = (id: string, source: string, strategy: string, payload: object) => ({
    move_id: id,
    char_id: source,
    strategy,
    payload,
  });
  expect(
    codes(
      bench.declare(
        exchange(a, a, c, { attack_zones: ['head'] }),
        exchange(b, c, a),
        exchange(a, b, c),
        ability(c, a, 'instant', { target_id: 'all_enemies', skill_id: a }),
        ability(d, b, 'item', { target_id: 'self', item_id: a }),
        ability(e, c, 'item', { target_id: a, item_id: b }),
        ability(f, c, 'item', { target_id: a, item_id: c }),
      ),
    ),
  ).toEqual(['accepted', 'accepted', 'duplicate_move', 'accepted', 'accepted', 'accepted', 'accepted']);
  bench.settle();
  bench.leave(f);
  for (let blows = 0; bench.session.status === 'open' && blows < 200; blows++) {
    for (const id of [a, b, c]) {
      const [target] = bench.queue(id);
      if (target !== undefined) bench.strike(id, target);
    }
    for (const request of bench.requests.splice(0)) bench.answer(request);
    bench.wait(60_000).timeout();
    bench.settle();
  }
  expect(bench.session.closeReason).toBe('victory');
  return bench;
}

/** The log of a fight, with each name replaced by its place in the list. */
function named(bench: LogBench, names: readonly string[]): string[] {
  const pattern = new RegExp(names.join('|'), 'g');
  return bench.raw.map(({ bytes }) =>
    new TextDecoder().decode(bytes).replace(pattern, (name) => `<${names.indexOf(name)}>`),
  );
}

describe('S2 names of Object.prototype', () => {
  test('are ids of the contract', () => {
    expect(INHERITED.filter(isActorId)).toEqual(INHERITED);
    expect([...INHERITED].sort()).toEqual(INHERITED);
    expect([...ORDINARY].sort()).toEqual(ORDINARY);
  });

  test('are fought under as ordinary names are, and the audit finds no fault', () => {
    const bench = fought(INHERITED);
    expect(named(bench, INHERITED)).toEqual(named(fought(ORDINARY), ORDINARY));
    expect(judged(bench, streamsOf(bench)).breaches).toEqual([]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  test('survive both snapshots, the view and the events of a game server', () => {
    const { session, battle, rules, raw, id } = fought(INHERITED);
    const again = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
    const light = restoreSession(id, again(snapshotSession(session)), rules);
    const heavy = restoreBattle(id, again(snapshotBattle(battle)), rules);
    if (!light.ok || !heavy.ok) throw new Error('a snapshot was refused');
    expect(JSON.stringify(snapshotSession(light.value))).toBe(JSON.stringify(snapshotSession(session)));
    expect(JSON.stringify(snapshotBattle(heavy.value))).toBe(JSON.stringify(snapshotBattle(battle)));
    const view = again(viewOf(light.value, '__proto__')) as { teams: object; actors: object };
    expect(Object.keys(view.teams)).toEqual(['__proto__', 'toString', 'valueOf']);
    expect(Object.keys(view.actors).sort()).toEqual([
      '__proto__',
      'constructor',
      'hasOwnProperty',
      'isPrototypeOf',
      'valueOf',
    ]);
    const [first] = raw.map(({ seq, time, kind, bytes }) => readEvent({ kind, sessionId: id, seq, time, data: bytes }));
    if (first?.kind !== 'session' || first.body.type !== 'opened')
      throw new Error('the first message opens the session');
    expect(Object.keys(first.body.teams)).toEqual(['__proto__', 'toString']);
    expect(Object.hasOwn(first.body.actors, '__proto__')).toBe(true);
    expect(Object.keys(first.body.targets)).toEqual(['__proto__']);
  });

  test('are refused by name as a field of vitals or hits, where a message would lose them, and kept below', () => {
    const lost = JSON.parse('{"hp":1,"dead":false,"__proto__":{"hp":9}}');
    const kept = JSON.parse('{"hp":1,"dead":false,"charges":{"__proto__":3}}');
    expect(admit({ ...plain, initial: () => lost }, {})).toEqual({
      ok: false,
      reason: 'a field named __proto__, which a message would lose',
    });
    const admitted = admit({ ...plain, initial: () => kept }, {});
    expect(admitted.ok && JSON.stringify(admitted.value.vitals)).toBe(JSON.stringify(kept));
    const hit = JSON.parse(
      '{"source_id":"A","target_id":"B","wave":1,"hand":"main","outcome":"hit","damage":1,"__proto__":1}',
    );
    const rules = bookOf(() => ({ hits: [hit], vitals: new Map() }));
    const bench = LogBench.open({ teams: { red: ['A'], blue: ['B'] } }, rules);
    bench.declare(exchange('m', 'A', 'B'), exchange('n', 'B', 'A'));
    bench.settle();
    expect(bench.results).toMatchObject([
      { status: 'failed', reason: 'invalid outcome: hits: a field named __proto__, which a message would lose' },
    ]);
  });
});
