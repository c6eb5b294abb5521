import { describe, expect, test } from 'vitest';
import { evolveBattle, resolve } from '#combat/battle.ts';
import { restoreBattle, snapshotBattle } from '#combat/battle-snapshot.ts';
import { queueOf } from '#combat/queue.ts';
import { ruleBook } from '#combat/rules.ts';
import { decide, evolve } from '#combat/session.ts';
import { restoreSession, snapshotSession } from '#combat/session-snapshot.ts';
import { exchange, instant, LogBench } from './log-bench.ts';
import { PLAIN_BOOK } from './plain-rules.ts';

const carried = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function cold(bench: LogBench) {
  const session = restoreSession(bench.id, carried(snapshotSession(bench.session)), bench.rules);
  if (!session.ok) throw new Error(session.reason);
  const battle = restoreBattle(bench.id, carried(snapshotBattle(bench.battle)), bench.rules);
  if (!battle.ok) throw new Error(battle.reason);
  return { session: session.value, battle: battle.value };
}

/** A fight with a bit of everything, up to about so many messages. */
function longFight(messages: number): LogBench {
  const bench = LogBench.open({
    teams: { blue: ['B', 'C', 'bot'], red: ['A', 'D', 'tob'] },
    actors: { bot: { kind: 'ai' }, tob: { kind: 'ai' } },
    targets: { A: ['C', 'B', 'bot'] },
    max_steps: messages,
  });
  for (let round = 0; bench.seq < messages; round++) {
    bench.wait(700);
    const { requests } = bench.collect();
    for (const request of requests) bench.answer(request, { damage: 0 });
    bench.strike(round % 3 === 0 ? 'A' : 'D', ['B', 'C', 'bot'][(round % 5) % 3]!, { damage: round % 7 === 0 ? 1 : 0 });
    if (round % 4 === 0)
      bench.declare(instant(`i${round}`, 'B', 'random_enemy_2'), instant(`j${round}`, 'nobody', 'self'));
    if (round % 11 === 0) bench.timeout();
    if (round === 40) bench.join('N', 'blue');
    if (round === 60) bench.leave('C');
    if (round % 2 === 0) bench.execute({ size: 3 });
  }
  return bench;
}

describe('C19 a snapshot', () => {
  test('and 10,000 messages: a cold fold takes those after it and no others, and comes to the same', () => {
    const bench = longFight(6000);
    const { session, battle } = cold(bench);
    expect([session.seq, battle.seq]).toEqual([bench.seq, bench.seq]);
    const before = bench.entries.length;
    while (bench.seq < 10_000) {
      bench.wait(500);
      for (const request of bench.collect().requests) bench.answer(request, { damage: 0 });
      bench.strike('A', 'B', { damage: 0 });
      bench.timeout();
      bench.execute({ size: 4 });
    }
    // The cold collector reads from somewhere before its snapshot: what it has folded already must change nothing.
    for (const entry of bench.entries.slice(before - 500)) {
      evolve(session, entry, PLAIN_BOOK);
      evolveBattle(battle, entry, PLAIN_BOOK);
    }
    expect(snapshotSession(session)).toEqual(snapshotSession(bench.session));
    expect(snapshotBattle(battle)).toEqual(snapshotBattle(bench.battle));
    expect(decide(session, 0)).toEqual(decide(bench.session, 0));
    expect(resolve(battle, { size: 7 })).toEqual(resolve(bench.battle, { size: 7 }));
    expect(bench.fight.step).toBeGreaterThan(500);
  });

  test('messages at or below its position change nothing, whatever they say', () => {
    const bench = longFight(300);
    expect(bench.strike('A', 'nobody').accepted).toBe(false); // the last message carries a move
    const [session, battle] = [snapshotSession(bench.session), snapshotBattle(bench.battle)];
    for (const entry of bench.entries) {
      expect(evolve(bench.session, entry, PLAIN_BOOK)).toEqual({ verdicts: [], refused: null });
      evolveBattle(bench.battle, entry, PLAIN_BOOK);
    }
    expect(snapshotSession(bench.session)).toEqual(session);
    expect(snapshotBattle(bench.battle)).toEqual(battle);
  });

  test('keeps pairs, marks, deadlines, duplicates and AFK levels', () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A', 'D'] } });
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm1' });
    bench.collect();
    bench.wait(5).declare(exchange('ac', 'A', 'C'), exchange('da', 'D', 'C'), exchange('db', 'D', 'B'));
    bench.declare(exchange('ca', 'C', 'A'), instant('i', 'B', 'random_enemy_1'));
    bench.timeout({ move_id: 'da' });
    const { session } = cold(bench);
    expect(decide(session, 0)).toEqual(bench.decision(0));
    expect(session.fight!.roster.byId.get('B')!.afkLevel).toBe(bench.actor('B').afkLevel);
    bench.declare(exchange('ac', 'A', 'B'), exchange('x', 'B', 'D'));
    bench.wait(60_000).timeout();
    bench.execute();
    for (const entry of bench.entries) evolve(session, entry, PLAIN_BOOK);
    expect(decide(session, 0)).toEqual(bench.decision(0));
    expect(snapshotSession(session)).toEqual(snapshotSession(bench.session));
  });

  test('keeps the order of newcomers, whatever teams they joined, and the count of failed in a row', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    bench.join('N1', 'white');
    bench.join('N2', 'blue');
    bench.join('N3', 'amber');
    expect(bench.queue('A')).toEqual(['B', 'N1', 'N2', 'N3']);
    for (let at = 0; at < 9; at++) {
      bench.strike('A', 'B', { boom: true });
      bench.strike('B', 'A');
      bench.settle();
    }
    const { session } = cold(bench);
    const { roster } = session.fight!;
    expect(queueOf(roster, roster.byId.get('A')!)).toEqual(['N1', 'N2', 'N3', 'B']);
    bench.strike('A', 'B', { boom: true });
    bench.strike('B', 'A');
    bench.collect();
    bench.execute();
    for (const entry of bench.entries) evolve(session, entry, PLAIN_BOOK);
    expect(decide(session, 0).close).toEqual({ winner: null, reason: 'cancelled' });
    expect(bench.decision(0).close).toEqual({ winner: null, reason: 'cancelled' });
  });

  test('asks bots in the same order as the session it was taken of', () => {
    const bench = LogBench.open({
      teams: { blue: ['P', 'Q'], red: ['b1', 'b2'] },
      actors: { b1: { kind: 'ai' }, b2: { kind: 'ai' } },
    });
    bench.strike('b1', 'P'); //          b1's situation is now later than b2's
    bench.wait(30_000).timeout(); //     both are renewed by one message
    const { session } = cold(bench);
    expect(decide(session, 0).requests).toEqual(bench.decision(0).requests);
  });

  test('of a session that is not open, nor closed, is none', () => {
    const bench = new LogBench();
    expect([snapshotSession(bench.session), snapshotBattle(bench.battle)]).toEqual([null, null]);
    bench.append('session', { type: 'opened', session_id: 's1' });
    expect(bench.session.status).toBe('refused');
    expect([snapshotSession(bench.session), snapshotBattle(bench.battle)]).toEqual([null, null]);
  });

  test('of a closed session stays closed', () => {
    const bench = longFight(100);
    bench.close('red', 'time');
    const { session, battle } = cold(bench);
    expect(session).toMatchObject({ status: 'closed', winner: 'red', closeReason: 'time' });
    expect(decide(session, 0)).toEqual(bench.decision(0));
    expect(resolve(battle, { size: 100 })).toEqual(resolve(bench.battle, { size: 100 }));
  });

  test('of a session that was refused and closed stays closed', () => {
    const bench = new LogBench();
    bench.open({ teams: { red: ['A'] } });
    bench.collect();
    const restored = restoreSession('s1', carried(snapshotSession(bench.session)), PLAIN_BOOK);
    if (!restored.ok) throw new Error(restored.reason);
    expect(decide(restored.value, 0)).toEqual(bench.decision(0));
    expect(restored.value.status).toBe('closed');
  });

  test('that cannot be read is refused in words: another version, another session, garbage', () => {
    const bench = longFight(100);
    const good = carried(snapshotSession(bench.session)) as Record<string, unknown>;
    const battle = carried(snapshotBattle(bench.battle)) as Record<string, unknown>;
    for (const bad of [null, 7, [], {}, { ...good, v: 99 }, { ...good, moves: {} }, { ...good, meta: { teams: [] } }]) {
      expect(restoreSession('s1', bad, PLAIN_BOOK)).toMatchObject({ ok: false, reason: expect.any(String) });
    }
    for (const bad of [null, 7, [], {}, { ...battle, v: 99 }, { ...battle, pending: {} }]) {
      expect(restoreBattle('s1', bad, PLAIN_BOOK)).toMatchObject({ ok: false, reason: expect.any(String) });
    }
    expect(restoreSession('s2', good, PLAIN_BOOK).ok).toBe(false);
    expect(restoreBattle('s2', battle, PLAIN_BOOK).ok).toBe(false);
    expect(restoreSession('s1', good, PLAIN_BOOK).ok).toBe(true);
    expect(restoreBattle('s1', battle, PLAIN_BOOK).ok).toBe(true);
  });

  test('of a session whose deadlines are far off can be read back', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] }, move_timeouts_ms: [Number.MAX_SAFE_INTEGER] });
    if (bench.session.status !== 'open') return; // refusing such an `opened` is as good
    bench.strike('A', 'B');
    expect(restoreSession('s1', carried(snapshotSession(bench.session)), PLAIN_BOOK)).toMatchObject({ ok: true });
  });

  test('read by a process that does not know the rules leaves the session to another', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    const session = restoreSession('s1', carried(snapshotSession(bench.session)), ruleBook([]));
    if (!session.ok) throw new Error(session.reason);
    bench.join('N', 'blue');
    bench.leave('B');
    for (const entry of bench.entries) evolve(session.value, entry, ruleBook([]));
    expect(bench.decision().close).toBe(null);
    expect(decide(session.value, 0)).toMatchObject({ close: null, blocked: expect.any(String) });

    const battle = restoreBattle('s1', carried(snapshotBattle(bench.battle)), ruleBook([]));
    if (!battle.ok) throw new Error(battle.reason);
    expect(battle.value.rulesUnknown).toEqual({ name: 'plain', version: 1 });
  });

  test('grows with actors and open moves, not with actors squared, once every queue is back in roster order', () => {
    // Everybody has struck everybody once and has got everybody back: nothing is open.
    const sizeAfterARound = (side: number) => {
      const blues = Array.from({ length: side }, (_, at) => `B${at}`);
      const reds = Array.from({ length: side }, (_, at) => `R${at}`);
      const bench = LogBench.open({ teams: { blue: blues, red: reds } });
      for (const blue of blues) {
        bench.declare(...reds.map((red) => exchange(`${blue}${red}`, blue, red, { damage: 0 })));
        bench.declare(...reds.map((red) => exchange(`${red}${blue}`, red, blue, { damage: 0 })));
      }
      bench.settle();
      expect(bench.pool()).toEqual([]);
      const snapshot = snapshotSession(bench.session)!;
      // Recent ids are bounded by a constant of their own.
      return JSON.stringify({ ...snapshot, meta: { ...snapshot.meta, recent: [] } }).length;
    };
    const [small, large] = [sizeAfterARound(15), sizeAfterARound(60)];
    expect(large / small).toBeLessThan(8); // four times the actors
  });
});

test('a snapshot with more results than actions is refused', () => {
  const { session } = longFight(100);
  const snapshot = snapshotSession(session)!;
  const meta = { ...snapshot.meta!, executed: snapshot.meta!.emitted + 1 };
  expect(restoreSession('s1', carried({ ...snapshot, meta }), PLAIN_BOOK)).toEqual({
    ok: false,
    reason: 'more results than actions',
  });
});

test('a battle of rules that are not known lets nobody in and cannot be resolved', () => {
  const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
  bench.declare(instant('i1', 'A', 'B'));
  bench.collect();
  const battle = restoreBattle('s1', carried(snapshotBattle(bench.battle)), ruleBook([]));
  if (!battle.ok) throw new Error(battle.reason);
  bench.join('N', 'blue');
  evolveBattle(battle.value, bench.entries.at(-1)!, ruleBook([]));
  expect(battle.value.rulesUnknown).toEqual({ name: 'plain', version: 1 });
  expect(battle.value.melee!.byId.has('N')).toBe(false);
  expect(() => resolve(battle.value, { size: 1 })).toThrow('resolve() needs the rules of the battle');
});
