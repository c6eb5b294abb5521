// Proves what happens to actions that wait: every executor is frozen (SIGSTOP) while a test makes them. One collector, two
// executors, the rule set `plain`, no AI; locks that no machine is slow enough to let run out under the tests.
// One test after the other: they share the executors.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, strike } from './outsider.ts';
import { PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import { parseJson } from './wire.ts';

const FATAL = { damage: 1_000 };

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 2, environment: { ...PLAIN_RULES, LOCK_TTL_MS: '600000' } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

describe('while every executor is stopped', { timeout: TEST_LIMIT_MS }, () => {
  test('C10 40 actors, 150 actions waiting: batches of 5, each executed once, in emission order', async () => {
    const [red, blue] = ['r', 'b'].map((team) => Array.from({ length: 20 }, (_, index) => `${team}${index}`));
    const pairs = red!.flatMap((from) => blue!.map((to) => [from, to] as const)).slice(0, 150);
    const blows = pairs.map(([from, to]) => strike(from, to, { damage: 1 }));
    const answers = pairs.map(([from, to]) => strike(to, from, { damage: 1 }));
    const crowd = stage.session();
    await stage.without('executor', async () => {
      await crowd.open({ teams: { red: red!, blue: blue! } });
      await crowd.accept(...blows);
      await crowd.accept(...answers);
      await crowd.until('150 actions', () => (crowd.actions().length === 150 ? true : undefined));
      const task = await stage.outsider.jsm.streams.getMessage('TASKS', { last_by_subj: `executor.batch.${crowd.id}` });
      expect(parseJson(task.data)).toMatchObject({ session_id: crowd.id, batch_size: 5, through: expect.any(Number) });
    });
    await crowd.resolved(150);
    expect(crowd.decisions()).toEqual(
      blows.map((blow, index) => `${index + 1} exchange ${blow.move_id} ${answers[index]?.move_id}`),
    );
    expect(crowd.outcomes()).toEqual(blows.map((_, index) => `${index + 1} done`));
    expect(crowd.resultMessages().map((message) => message.results.length)).toEqual(Array(30).fill(5));
    expect(crowd.resultMessages().map((message) => message.executed)).toEqual(
      Array.from({ length: 30 }, (_, index) => 5 * (index + 1)),
    );
    expect(crowd.resultMessages().at(-1)?.step).toBe(150);
  });

  test('C16 20 pairs in one session make exactly one task, and 20 results when the executors run again', async () => {
    const [red, blue] = [
      ['a', 'b', 'c', 'd'],
      ['v', 'w', 'x', 'y', 'z'],
    ];
    const pairs = red.flatMap((from) => blue.map((to) => [strike(from, to), strike(to, from)] as const));
    const melee = stage.session();
    await stage.without('executor', async () => {
      await melee.open({ teams: { red, blue } });
      for (const [blow, answer] of pairs) {
        await melee.accept(blow);
        await melee.accept(answer);
        await melee.actionWith(answer);
      }
      // Its verdict comes from a pass that has been through everything before it.
      await melee.submit(strike('a', 'v'));
      expect(await stage.outsider.held('TASKS', `executor.batch.${melee.id}`)).toBe(1);
      expect(melee.results()).toEqual([]);
    });
    await melee.resolved(20);
    expect(melee.decisions()).toEqual(
      pairs.map(([blow, answer], index) => `${index + 1} exchange ${blow.move_id} ${answer.move_id}`),
    );
    expect(melee.outcomes()).toEqual(pairs.map((_, index) => `${index + 1} done`));
    await melee.pair(strike('a', 'v'), strike('v', 'a'));
    expect(melee.outcomes().length).toBe(21);
  });

  test('C16 meanwhile the lock of the session is pending, with a TTL, and it is let go when all is done', async () => {
    const duel = stage.session();
    const locks = await stage.outsider.bucket('locks');
    const key = `sys.busy.${duel.id}`;
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await stage.without('executor', async () => {
      await duel.open({ teams: { red: ['a'], blue: ['b'] } });
      await duel.accept(ab, ba);
      const lock = (await locks.get(key))?.json();
      expect(lock).toMatchObject({ state: 'pending', owner: expect.any(String), since: expect.anything() });
      const written = await stage.outsider.jsm.streams.getMessage('KV_locks', { last_by_subj: `$KV.locks.${key}` });
      expect(written.header.get('Nats-TTL')).toMatch(/./);
    });
    await duel.resultOf(ba);
    const [again, back] = [strike('a', 'b'), strike('b', 'a')];
    await duel.pair(again, back);
    expect(duel.outcomes()).toEqual(['1 done', '2 done']);
    const result = duel.entries.findLast((entry) => entry.kind === 'result')?.seq ?? 0;
    await duel.until('the heartbeat after the last result', () =>
      duel.signals().find(({ entry, signal }) => entry.seq > result && signal.signal_type === 'heartbeat'),
    );
    const left = (await locks.get(key))?.json<{ state: string }>().state ?? 'free';
    expect(left).toBe('free');
  });

  test('C20 closed by the game server: each action that waits is skipped with session_closed', async () => {
    const melee = stage.session();
    const blows = ['x', 'y', 'z'].map((target) => strike('a', target));
    const answers = ['x', 'y', 'z'].map((source) => strike(source, 'a'));
    // None at all, not only frozen: what a frozen one has already read of the log may end before the close.
    await stage.kill('executor');
    await melee.open({ teams: { red: ['a'], blue: ['x', 'y', 'z'] } });
    await melee.accept(...blows, ...answers);
    await melee.actionWith(answers[2]!);
    const through = melee.entries.at(-1)?.seq;
    await melee.life({ type: 'closed', session_id: melee.id, winner: null, reason: 'cancelled', through });
    expect(await melee.refusal(strike('a', 'x'))).toBe('session_closed');
    await Promise.all([stage.start('executor'), stage.start('executor')]);
    await melee.resolved(3);
    expect(melee.decisions()).toEqual([
      ...blows.map((blow, index) => `${index + 1} exchange ${blow.move_id} ${answers[index]?.move_id}`),
      'closed cancelled, winner null',
    ]);
    expect(melee.outcomes()).toEqual([1, 2, 3].map((id) => `${id} skipped session_closed`));
    expect(melee.resultMessages().at(-1)).toMatchObject({ executed: 3, step: 0 });
    expect((await melee.state()).actors).toMatchObject({ a: { hp: 100 }, x: { hp: 100 } });
  });

  test('a session is not closed while actions wait: the last of them are still resolved', async () => {
    const melee = stage.session();
    const [ax, xa, ay, ya] = [strike('a', 'x', FATAL), strike('x', 'a'), strike('a', 'y', FATAL), strike('y', 'a')];
    const [late, idle] = [cast('a', 'x'), cast('x', 'a')];
    await stage.without('executor', async () => {
      await melee.open({ teams: { red: ['a'], blue: ['x', 'y'] } });
      await melee.accept(ax, xa, ay, ya);
      await melee.actionWith(ya);
      await melee.accept(late, idle);
      await melee.actionWith(idle);
    });
    expect(await melee.ended()).toMatchObject({ winner: 'red', reason: 'victory' });
    expect(melee.results()).toMatchObject([
      { action_id: '1', status: 'done' },
      { action_id: '2', status: 'done' },
      { action_id: '3', status: 'skipped', reason: expect.stringMatching(/./) },
      { action_id: '4', status: 'skipped', reason: expect.stringMatching(/./) },
    ]);
    expect(melee.decisions().at(-1)).toBe('closed victory, winner red');
    expect(melee.decisions().length).toBe(5);
    expect((await melee.state()).actors).toMatchObject({ a: { hp: 80 }, x: { dead: true }, y: { dead: true } });
  });

  test('an exchange whose target has died meanwhile is skipped as target_dead, and nobody gets the dead back', async () => {
    const melee = stage.session();
    const [ax, xa, bx, xb] = [strike('a', 'x', FATAL), strike('x', 'a'), strike('b', 'x'), strike('x', 'b')];
    await stage.without('executor', async () => {
      await melee.open({ teams: { red: ['a', 'b'], blue: ['x', 'y'] } });
      await melee.accept(ax, xa, bx, xb);
      await melee.actionWith(xb);
    });
    await melee.resolved(2);
    expect(melee.outcomes()).toEqual(['1 done', '2 skipped target_dead']);
    expect(melee.resultMessages().flatMap((message) => message.target_returns)).toEqual([]);
    expect(melee.resultMessages().at(-1)).toMatchObject({ executed: 2, step: 1 });
    expect([await melee.queue('a'), await melee.queue('b')]).toEqual([['y'], ['y']]);
  });

  test('C8 a blow of the dead that was already emitted is skipped, and its living target is not returned to it', async () => {
    const melee = stage.session();
    const [bc, ab, ba] = [strike('b', 'c'), strike('a', 'b', FATAL), strike('b', 'a')];
    const cb = strike('c', 'b');
    await stage.without('executor', async () => {
      await melee.open({ teams: { red: ['a', 'c'], blue: ['b', 'd'] } });
      await melee.accept(ab, ba, bc, cb);
      await melee.actionWith(cb);
    });
    await melee.resolved(2);
    expect(melee.results()).toMatchObject([
      { action_id: '1', status: 'done' },
      { action_id: '2', status: 'skipped', reason: expect.stringMatching(/./) },
    ]);
    expect(melee.resultMessages().flatMap((message) => message.target_returns)).toEqual([]);
    expect([await melee.queue('a'), await melee.queue('c'), await melee.queue('d')]).toEqual([
      ['d'],
      ['d'],
      ['a', 'c'],
    ]);
    await melee.pair(strike('c', 'd'), strike('d', 'c'));
    expect(melee.outcomes().at(-1)).toBe('3 done');
  });
});
