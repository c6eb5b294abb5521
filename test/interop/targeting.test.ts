// Proves how targets are named, resolved and ordered: aliases, rosters, integer ids. One collector, one executor, the rule
// set `plain`, no AI.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, strike, use } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';

const FATAL = { damage: 1_000 };
const ONE_AND_THREE = { red: ['a'], blue: ['x', 'y', 'z'] };

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

describe.concurrent('targets', { timeout: TEST_LIMIT_MS }, () => {
  test('C5 a fireball on all enemies, one of three dead, is one action with two targets', async () => {
    const melee = stage.session();
    await melee.open({ teams: ONE_AND_THREE });
    await melee.pair(strike('a', 'y', FATAL), strike('y', 'a'));
    const fire = cast('a', 'all_enemies');
    const { verdicts } = await melee.accept(fire);
    expect(verdicts[0]).not.toHaveProperty('deadline', expect.any(Number));
    await melee.resultOf(fire);
    expect(melee.decisions().at(-1)).toBe(`2 instant ${fire.move_id} at x,z`);
    expect(melee.resultMessages().at(-1)).toMatchObject({
      executed: 2,
      step: 1,
      results: [
        {
          action_id: '2',
          status: 'done',
          hits: [
            { source_id: 'a', target_id: 'x', damage: 10 },
            { source_id: 'a', target_id: 'z', damage: 10 },
          ],
        },
      ],
      actors: { x: { hp: 90, dead: false }, z: { hp: 90, dead: false } },
      deaths: [],
      target_returns: [],
    });
    expect(await melee.queue('a')).toEqual(['x', 'z']);
  });

  test('aliases become lists of living actors, in roster order', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['c', 'a', 'b'], blue: ['z', 'x', 'y'] } });
    const moves = [cast('a', 'self'), use('a', 'all_allies'), cast('a', 'all_enemies'), use('a', 'x')];
    await melee.accept(...moves);
    await melee.resolved(4);
    expect(melee.actions().map(({ type, move }) => [type, move.targets])).toEqual([
      ['instant', ['a']],
      ['item', ['c', 'a', 'b']],
      ['instant', ['z', 'x', 'y']],
      ['item', ['x']],
    ]);
    expect(melee.actions().map(({ move }) => move.payload)).toEqual(moves.map((move) => move.payload));
    expect(melee.actions().every((action) => action.partner_move === null && !action.is_forced)).toBe(true);
  });

  test('random_enemy_n draws n distinct living enemies, all where fewer live, and the same for the same seed', async () => {
    const draws: unknown[] = [];
    for (const seed of ['chance', 'chance']) {
      const melee = stage.session();
      await melee.open({ teams: { red: ['a'], blue: ['v', 'w', 'x', 'y', 'z'] }, also: { seed } });
      await melee.pair(strike('a', 'w', FATAL), strike('w', 'a'));
      const moves = [1, 2, 3, 9].map((n) => cast('a', `random_enemy_${n}`, { damage: 1 }));
      await melee.accept(...moves);
      await melee.resolved(5);
      const drawn = melee
        .actions()
        .slice(1)
        .map(({ move }) => move.targets ?? []);
      expect(drawn.map((targets) => new Set(targets).size)).toEqual([1, 2, 3, 4]);
      expect(drawn.map((targets) => targets.length)).toEqual([1, 2, 3, 4]);
      expect(drawn.flat().filter((id) => !['v', 'x', 'y', 'z'].includes(id))).toEqual([]);
      expect([...(drawn[3] ?? [])].sort()).toEqual(['v', 'x', 'y', 'z']);
      draws.push(drawn);
    }
    expect(draws[1]).toEqual(draws[0]);
  });

  test('instants pop nothing, and an actor may have several', async () => {
    const duel = stage.session();
    await duel.open({ teams: { red: ['a'], blue: ['b'] } });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await duel.accept(ab);
    await duel.accept(cast('a', 'b'), cast('a', 'b'), use('b', 'self', { damage: 0 }));
    await duel.resolved(3);
    expect([await duel.queue('a'), await duel.queue('b')]).toEqual([[], ['a']]);
    await duel.accept(ba);
    await duel.resultOf(ba);
    expect((await duel.state()).actors).toMatchObject({ a: { hp: 90 }, b: { hp: 70, struck: 4 } });
    expect(await duel.state()).toMatchObject({ step: 1 });
  });

  test('C22 rosters and queues follow teams by code units and arrays, never object keys', async () => {
    const melee = stage.session();
    await melee.open({ teams: { Z: ['x'], a: ['c'], 9: ['101', '-7'], 10: ['b', '9'] } });
    const roster = ['b', '9', '101', '-7', 'x', 'c'];
    const teams = [['b', '9'], ['101', '-7'], ['x'], ['c']];
    for (const id of roster) {
      const own = teams.find((team) => team.includes(id));
      expect([id, await melee.queue(id)]).toEqual([id, roster.filter((other) => !own?.includes(other))]);
    }
    const fire = cast('x', 'all_enemies');
    await melee.accept(fire);
    await melee.resultOf(fire);
    expect(melee.actions()[0]?.move.targets).toEqual(['b', '9', '101', '-7', 'c']);
    await melee.pair(strike('x', '9'), strike('9', 'x'));
    expect(await melee.queue('x')).toEqual(['b', '101', '-7', 'c', '9']);
    expect((await melee.state()).teams).toEqual({ 10: ['b', '9'], 9: ['101', '-7'], Z: ['x'], a: ['c'] });
  });

  test('C22 what comes back goes to the end of the queue, in the order the results say', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a'], blue: ['9', '-7', 'b', '101'] } });
    await melee.accept(strike('a', '-7'), strike('a', '9'));
    await melee.pair(strike('101', 'a'), strike('a', '101'));
    expect(await melee.queue('a')).toEqual(['b', '101']);
    const [nine, seven] = [strike('9', 'a'), strike('-7', 'a')];
    await melee.accept(nine);
    await melee.resultOf(nine);
    await melee.accept(seven);
    await melee.resultOf(seven);
    expect(await melee.queue('a')).toEqual(['b', '101', '9', '-7']);
    expect(await melee.queue('b')).toEqual(['a']);
  });

  test('targets may be given in part: the others have all of the other teams', async () => {
    const melee = stage.session();
    const also = { targets: { a: ['y'], x: [] } };
    await melee.open({ teams: { red: ['a', 'b'], blue: ['x', 'y'] }, also });
    const queues = await Promise.all(['a', 'b', 'x', 'y'].map((id) => melee.queue(id)));
    expect(queues).toEqual([['y'], ['x', 'y'], [], ['a', 'b']]);
    expect(await melee.refusal(strike('a', 'x'))).toBe('target_not_in_queue');
  });

  test('an integer is read as its decimal string, and a payload passes as it came', async () => {
    const number = Math.floor(1_000_000 * Math.random());
    const duel = stage.session(`${number}`);
    const actor = { kind: 'player', stats: { hp: 100 } };
    const opened = {
      type: 'opened',
      session_id: number,
      teams: { red: [101], blue: [-7, 0] },
      actors: { '-7': actor, 0: actor, 101: actor },
      targets: { 101: [-7, 0] },
      rules: { name: 'plain', version: 1 },
    };
    await duel.life(opened, { 'Nats-Expected-Last-Subject-Sequence': '0' });
    const payload = { target_id: -7, zones: [1, null, { deep: 1.5 }] };
    const blow = { move_id: 5001, char_id: 101, strategy: 'exchange', payload };
    const { verdicts } = await duel.submit(blow);
    expect(verdicts).toMatchObject([{ session_id: `${number}`, move_id: '5001', accepted: true }]);
    const answer = strike('-7', '101');
    await duel.send({ session_id: number, signal_type: 'check_immediate', moves: [answer] });
    await duel.resultOf(answer);
    expect(duel.actions()).toMatchObject([
      { move: { move_id: '5001', char_id: '101' }, partner_move: { move_id: answer.move_id, char_id: '-7' } },
    ]);
    expect(duel.actions()[0]?.move.payload).toEqual(payload);
    expect(duel.resultMessages()[0]?.target_returns).toEqual([
      ['101', '-7'],
      ['-7', '101'],
    ]);
    const again = strike('101', '0');
    await duel.accept(again);
    await duel.send({ signal_type: 'check_timeout', char_id: 101, move_id: again.move_id });
    await duel.resultOf(again);
    expect(duel.decisions().at(-1)).toBe(`2 exchange ${again.move_id} forced`);
    const asked = await duel.ask({ actor_id: 101 });
    expect(asked.body).toMatchObject({ teams: { red: ['101'], blue: ['-7', '0'] } });
  });
});
