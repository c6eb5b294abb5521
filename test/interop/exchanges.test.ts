// Proves the worked cases about blows: how they pair, wait, are forced, are dropped and come back. One collector, one
// executor, the rule set `plain`, no AI. The tests run side by side: each has a session of its own.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, freshMoveId, type Session, strike, use } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import type { Move } from './wire.ts';

const DUEL = { red: ['a'], blue: ['b'] };
const FATAL = { damage: 1_000 };

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** The deadline that stands in the verdict on a blow that is accepted, less the log time of its signal. */
async function patienceMs(session: Session, move: Move): Promise<number> {
  const { seq, verdicts } = await session.accept(move);
  const { timeMs } = await session.reached(seq);
  const deadline = verdicts[0]?.accepted ? verdicts[0].deadline : undefined;
  return (deadline ?? Number.NaN) - timeMs;
}

describe.concurrent('exchanges', { timeout: TEST_LIMIT_MS }, () => {
  test('C1 two blows at each other are one exchange, and both get their target back after the result', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [ab, ba] = [strike('a', 'b', { attack_zones: ['head'] }), strike('b', 'a')];
    await duel.accept(ab);
    expect([await duel.queue('a'), await duel.queue('b')]).toEqual([[], ['a']]);
    const answer = await duel.accept(ba);
    await duel.resultOf(ba);

    expect(duel.actions()).toMatchObject([
      { action_id: '1', type: 'exchange', move: ab, partner_move: ba, is_forced: false },
    ]);
    const [action] = duel.actionMessages();
    expect(action?.session_id).toBe(duel.id);
    expect(action?.through).toBeGreaterThanOrEqual(answer.seq);
    expect(duel.resultMessages()).toMatchObject([
      {
        session_id: duel.id,
        executed: 1,
        step: 1,
        results: [
          {
            action_id: '1',
            status: 'done',
            hits: [
              { source_id: 'a', target_id: 'b', wave: 1, hand: 'main', outcome: 'hit', damage: 10 },
              { source_id: 'b', target_id: 'a', wave: 1, hand: 'main', outcome: 'hit', damage: 10 },
            ],
          },
        ],
        actors: { a: { hp: 90, dead: false, struck: 1 }, b: { hp: 90, dead: false, struck: 1 } },
        deaths: [],
        target_returns: [
          ['a', 'b'],
          ['b', 'a'],
        ],
      },
    ]);
    expect([await duel.queue('a'), await duel.queue('b')]).toEqual([['b'], ['a']]);
  });

  test('C1 the blow accepted first is the move, whoever strikes it', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [ba, ab] = [strike('b', 'a'), strike('a', 'b')];
    await duel.accept(ba);
    await duel.accept(ab);
    await duel.resultOf(ab);
    expect(duel.decisions()).toEqual([`1 exchange ${ba.move_id} ${ab.move_id}`]);
  });

  test('C2 a second blow before the answer is refused, and there is one exchange in the end', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [first, second, answer] = [strike('a', 'b'), strike('a', 'b'), strike('b', 'a')];
    await duel.accept(first);
    expect(await duel.refusal(second)).toBe('target_not_in_queue');
    await duel.accept(answer);
    await duel.resultOf(answer);
    const [again, back] = [strike('a', 'b'), strike('b', 'a')];
    await duel.pair(again, back);
    expect(duel.decisions()).toEqual([
      `1 exchange ${first.move_id} ${answer.move_id}`,
      `2 exchange ${again.move_id} ${back.move_id}`,
    ]);
    expect(duel.outcomes()).toEqual(['1 done', '2 done']);
  });

  test('C3 a blow without an answer is forced at its deadline, and the silent one is waited for less', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL, also: { move_timeouts_ms: [1_000, 77_000] } });
    const [first, second, answer, third] = [strike('a', 'b'), strike('a', 'b'), strike('b', 'a'), strike('a', 'b')];
    expect(await patienceMs(duel, first)).toBe(1_000);
    await duel.resultOf(first);
    expect(duel.resultMessages()[0]?.target_returns).toEqual([['a', 'b']]);
    expect([await duel.queue('a'), await duel.queue('b')]).toEqual([['b'], ['a']]);

    expect(await patienceMs(duel, second)).toBe(77_000);
    await duel.accept(answer);
    await duel.resultOf(answer);
    expect(await patienceMs(duel, third)).toBe(1_000);
    await duel.resultOf(third);
    expect(duel.decisions()).toEqual([
      `1 exchange ${first.move_id} forced`,
      `2 exchange ${second.move_id} ${answer.move_id}`,
      `3 exchange ${third.move_id} forced`,
    ]);
  });

  test('C3 the last of the timeouts repeats', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL, also: { move_timeouts_ms: [61_000, 62_000] } });
    const waited: number[] = [];
    for (const blow of [strike('a', 'b'), strike('a', 'b'), strike('a', 'b')]) {
      waited.push(await patienceMs(duel, blow));
      await duel.force(blow);
      await duel.resultOf(blow);
    }
    expect(waited).toEqual([61_000, 62_000, 62_000]);
    expect(duel.actions().map((action) => action.is_forced)).toEqual([true, true, true]);
  });

  test('C3 a check_timeout forces the move it names, due or not, and without a name only what is due', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a'], blue: ['b', 'c'] } });
    const [ab, ac] = [strike('a', 'b'), strike('a', 'c')];
    await melee.accept(ab, ac);
    await melee.send({ signal_type: 'check_timeout' });
    await melee.send({ signal_type: 'check_timeout', char_id: 'a' });
    await melee.send({ signal_type: 'check_timeout', move_id: 'never-was' });
    await melee.force(ac);
    await melee.resultOf(ac);
    const answer = strike('b', 'a');
    await melee.accept(answer);
    await melee.resultOf(answer);
    expect(melee.decisions()).toEqual([
      `1 exchange ${ac.move_id} forced`,
      `2 exchange ${ab.move_id} ${answer.move_id}`,
    ]);
  });

  test('C4 the answer before the timeout: the pair stands and the timeout marks nothing', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await duel.accept(ab);
    const moves = { signal_type: 'check_immediate', moves: [ba] } as const;
    const timeout = { signal_type: 'check_timeout', move_id: ab.move_id } as const;
    await Promise.all([duel.send(moves), duel.send(timeout)]);
    await duel.resultOf(ab);
    const [again, back] = [strike('a', 'b'), strike('b', 'a')];
    await duel.pair(again, back);
    expect(duel.decisions()).toEqual([
      `1 exchange ${ab.move_id} ${ba.move_id}`,
      `2 exchange ${again.move_id} ${back.move_id}`,
    ]);
  });

  test('C4 the timeout before the answer: the blow is forced and the answer is a blow of its own', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await duel.accept(ab);
    await duel.force(ab);
    await duel.actionWith(ab);
    await duel.accept(ba);
    await duel.resultOf(ab);
    const again = strike('a', 'b');
    await duel.accept(again);
    await duel.resultOf(again);
    expect(duel.decisions()).toEqual([`1 exchange ${ab.move_id} forced`, `2 exchange ${ba.move_id} ${again.move_id}`]);
  });

  test('C6 one bad move in a batch is refused alone', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a'], blue: ['x', 'y', 'z'] } });
    const [ax, bad, az] = [strike('a', 'x'), strike('a', 'nobody'), strike('a', 'z')];
    const { seq, verdicts } = await melee.submit(ax, bad, az);
    const { timeMs } = await melee.reached(seq);
    expect(verdicts).toMatchObject([
      { session_id: melee.id, move_id: ax.move_id, accepted: true, seq, deadline: timeMs + 60_000 },
      { session_id: melee.id, move_id: bad.move_id, accepted: false, seq, code: 'target_unknown' },
      { session_id: melee.id, move_id: az.move_id, accepted: true, seq, deadline: timeMs + 60_000 },
    ]);
    const [xa, za] = [strike('x', 'a'), strike('z', 'a')];
    await melee.accept(xa, za);
    await melee.resolved(2);
    expect(melee.decisions()).toEqual([
      `1 exchange ${ax.move_id} ${xa.move_id}`,
      `2 exchange ${az.move_id} ${za.move_id}`,
    ]);
  });

  test('one decision emits instants and items first, then pairs in the order they were completed', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a', 'b'], blue: ['x', 'y'] } });
    const [xa, yb, by, ax] = [strike('x', 'a'), strike('y', 'b'), strike('b', 'y'), strike('a', 'x')];
    const [fire, drink] = [cast('a', 'y'), use('x', 'self')];
    await melee.accept(xa, yb, fire, by, ax, drink);
    await melee.resolved(4);
    expect(melee.decisions()).toEqual([
      `1 instant ${fire.move_id} at y`,
      `2 item ${drink.move_id} at x`,
      `3 exchange ${yb.move_id} ${by.move_id}`,
      `4 exchange ${xa.move_id} ${ax.move_id}`,
    ]);
    expect(melee.resultMessages().at(-1)).toMatchObject({ executed: 4, step: 2 });
  });

  test("C8 the dead one's blow is dropped, the one it was aimed at fights on, and nobody has the dead in a queue", async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a', 'c'], blue: ['b', 'd'] } });
    const [bc, ab, ba] = [strike('b', 'c'), strike('a', 'b', FATAL), strike('b', 'a')];
    await melee.accept(bc);
    await melee.pair(ab, ba);
    expect(melee.resultMessages()[0]).toMatchObject({
      actors: { a: { hp: 90, dead: false }, b: { hp: 0, dead: true } },
      deaths: ['b'],
      target_returns: [],
    });
    expect([await melee.queue('a'), await melee.queue('c')]).toEqual([['d'], ['d']]);
    expect((await melee.state('c')).incoming).toEqual([]);
    await melee.force(bc);
    expect(await melee.refusal(strike('c', 'b'))).toBe('target_dead');
    const [cd, dc] = [strike('c', 'd'), strike('d', 'c')];
    await melee.pair(cd, dc);
    expect(melee.decisions()).toEqual([
      `1 exchange ${ab.move_id} ${ba.move_id}`,
      `2 exchange ${cd.move_id} ${dc.move_id}`,
    ]);
  });

  test('C8 whoever leaves takes its blows and those aimed at it along', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a', 'c'], blue: ['b', 'd'] } });
    const [bc, ab] = [strike('b', 'c'), strike('a', 'b')];
    await melee.accept(bc, ab);
    await melee.life({ type: 'left', session_id: melee.id, actor_id: 'b', reason: 'surrender' });
    await melee.force(bc);
    await melee.force(ab);
    const [cd, dc] = [strike('c', 'd'), strike('d', 'c')];
    await melee.pair(cd, dc);
    expect(melee.decisions()).toEqual([`1 exchange ${cd.move_id} ${dc.move_id}`]);
    expect([await melee.queue('a'), await melee.queue('c'), await melee.queue('d')]).toEqual([
      ['d'],
      ['d'],
      ['a', 'c'],
    ]);
    expect((await melee.state('a')).open).toEqual([]);
  });

  test('C9 both die in one exchange: a draw', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [ab, ba] = [strike('a', 'b', FATAL), strike('b', 'a', FATAL)];
    await duel.accept(ab, ba);
    expect(await duel.ended()).toMatchObject({ type: 'closed', session_id: duel.id, winner: null, reason: 'draw' });
    expect(duel.decisions()).toEqual([`1 exchange ${ab.move_id} ${ba.move_id}`, 'closed draw, winner null']);
    const [result] = duel.resultMessages();
    expect([...(result?.deaths ?? [])].sort()).toEqual(['a', 'b']);
    expect(result?.target_returns).toEqual([]);
    expect(await duel.state()).toMatchObject({ winner: null, step: 1 });
  });

  test('the last team standing wins', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL, statsOf: { b: { hp: 1 } } });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await duel.accept(ab, ba);
    const closed = await duel.ended();
    expect(closed).toMatchObject({ winner: 'red', reason: 'victory' });
    const result = duel.entries.findLast((entry) => entry.kind === 'result');
    expect(closed.through).toBeGreaterThanOrEqual(result?.seq ?? Number.NaN);
    expect(duel.decisions()).toEqual([`1 exchange ${ab.move_id} ${ba.move_id}`, 'closed victory, winner red']);
    expect(await duel.refusal(strike('a', 'b'))).toBe('session_closed');
  });

  test('C11 the same signal twice, and the same move again in another, are one action', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    const signal = { signal_type: 'check_immediate', moves: [ab] } as const;
    await Promise.all([duel.send(signal), duel.send(signal)]);
    const sameMessage = { 'Nats-Msg-Id': freshMoveId() };
    await duel.send(signal, sameMessage);
    await duel.send(signal, sameMessage);
    expect(await duel.refusal(ab)).toBe('duplicate_move');
    await duel.accept(ba);
    await duel.resultOf(ba);
    expect(await duel.refusal(ab)).toBe('duplicate_move');
    const [again, back] = [strike('a', 'b'), strike('b', 'a')];
    await duel.pair(again, back);
    expect(duel.decisions()).toEqual([
      `1 exchange ${ab.move_id} ${ba.move_id}`,
      `2 exchange ${again.move_id} ${back.move_id}`,
    ]);
  });

  test('C15 rules that throw on one of three actions fail that one alone, and the loop goes on', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a'], blue: ['x', 'y', 'z'] } });
    const blows = [strike('a', 'x'), strike('a', 'y', { boom: true }), strike('a', 'z')];
    const answers = [strike('x', 'a'), strike('y', 'a'), strike('z', 'a')];
    await melee.accept(...blows, ...answers);
    await melee.resolved(3);
    expect(melee.results()).toMatchObject([
      { action_id: '1', status: 'done' },
      { action_id: '2', status: 'failed', reason: expect.stringContaining('boom') },
      { action_id: '3', status: 'done' },
    ]);
    const last = melee.resultMessages().at(-1);
    expect(last).toMatchObject({ executed: 3, step: 2, actors: { a: { hp: 80, struck: 2 } } });
    expect(melee.resultMessages().flatMap((message) => Object.keys(message.actors))).not.toContain('y');
    expect(melee.resultMessages().flatMap((message) => message.target_returns)).toEqual([
      ['a', 'x'],
      ['x', 'a'],
      ['a', 'y'],
      ['y', 'a'],
      ['a', 'z'],
      ['z', 'a'],
    ]);
    const result = melee.entries.findLast((entry) => entry.kind === 'result')?.seq ?? 0;
    await melee.until('a heartbeat after the result', () =>
      melee.signals().find(({ entry, signal }) => entry.seq > result && signal.signal_type === 'heartbeat'),
    );
    await melee.pair(strike('a', 'y'), strike('y', 'a'));
    expect(melee.outcomes()).toEqual(['1 done', '2 failed', '3 done', '4 done']);
  });

  test('C15 an outcome that is none fails the action and touches nothing', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await duel.pair(strike('a', 'b', { nonsense: true }), strike('b', 'a'));
    await duel.pair(strike('a', 'b'), strike('b', 'a'));
    expect(duel.outcomes()).toEqual(['1 failed', '2 done']);
    expect((await duel.state()).actors).toMatchObject({ a: { hp: 90 }, b: { hp: 90 } });
  });

  test('ten failed results in a row cancel the session, and a done one in between starts the count anew', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const boom = () => cast('a', 'b', { boom: true });
    await duel.accept(...Array.from({ length: 9 }, boom), cast('a', 'b', { damage: 1 }));
    await duel.resolved(10);
    await duel.accept(...Array.from({ length: 9 }, boom));
    await duel.resolved(19);
    await duel.pair(strike('a', 'b', { damage: 1 }), strike('b', 'a', { damage: 1 }));
    expect(duel.closed()).toBeUndefined();
    await duel.accept(...Array.from({ length: 10 }, boom));
    expect(await duel.ended()).toMatchObject({ winner: null, reason: 'cancelled' });
    expect(duel.results().map((result) => result.status)).toEqual([
      ...Array(9).fill('failed'),
      'done',
      ...Array(9).fill('failed'),
      'done',
      ...Array(10).fill('failed'),
    ]);
  });

  test('max_steps reached: exhausted, with no winner', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL, also: { max_steps: 2 } });
    await duel.pair(strike('a', 'b'), strike('b', 'a'));
    expect(duel.closed()).toBeUndefined();
    await duel.accept(strike('a', 'b'), strike('b', 'a'));
    expect(await duel.ended()).toMatchObject({ winner: null, reason: 'exhausted' });
    expect(await duel.refusal(strike('a', 'b'))).toBe('session_closed');
  });
});
