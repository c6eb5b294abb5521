// Proves what others may read: the stream ACTIONS, the snapshots, `session.get`, the tasks, and the sizes of messages. One
// collector, one executor, the rule set `plain`, no AI.

import type { JsMsg } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, strike } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';

const DUEL = { red: ['a'], blue: ['b'] };
const ACTIONS_IN_MESSAGE = 256;
const BYTES_IN_MESSAGE = 256 * 1_024;
const ACTORS_IN_SESSION = 1_024;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

describe.concurrent('the public record', { timeout: TEST_LIMIT_MS }, () => {
  test('ACTIONS holds the action messages of the log, byte for byte, with their place, and nothing else', async () => {
    const { js } = stage.outsider;
    const melee = stage.session();
    await melee.open({ teams: { red: ['a'], blue: ['b', 'c'] } });
    for (let round = 0; round < 5; round += 1) {
      await melee.pair(strike('a', 'b'), strike('b', 'a'));
      const blow = strike('a', 'c', { secret: 'not yet' });
      await melee.accept(blow);
      await melee.force(blow);
      await melee.resultOf(blow);
    }
    const pending = strike('c', 'a', { secret: 'pending' });
    await melee.accept(pending);
    const last = strike('a', 'b', { last: true });
    await melee.pair(last, strike('b', 'a'));

    const logged = melee.entries.filter((entry) => entry.kind === 'action');
    const expected = logged.map(({ seq, subject, data }) => [seq, subject, Buffer.from(data).toString()]);
    const published: JsMsg[] = [];
    const consumer = await js.consumers.get('ACTIONS', { filterSubjects: [`*.*.${melee.id}`] });
    const messages = await consumer.consume();
    const timer = setTimeout(() => messages.stop(), TEST_LIMIT_MS / 2);
    for await (const message of messages) {
      published.push(message);
      if (published.length === expected.length) break;
    }
    clearTimeout(timer);
    const found = published.map((message) => {
      const [stream, seq] = (message.headers?.get('Nats-Stream-Source') ?? '').split(' ');
      expect(stream).toMatch(/^COMBAT(:|$)/);
      return [Number(seq), message.subject, message.string()];
    });
    expect(found).toEqual(expected);

    const { config } = (await stage.outsider.jsm.streams.info('ACTIONS')) as { config: { subjects?: string[] } };
    expect(config.subjects ?? []).toEqual([]);
    const everything = await stage.outsider.jsm.streams.info('ACTIONS', { subjects_filter: '>' });
    const foreign = Object.keys(everything.state.subjects ?? {}).filter((name) => !name.startsWith('combat.action.'));
    expect(foreign).toEqual([]);
    expect(found.map(([, , text]) => text).join()).not.toContain('"pending"');
  });

  test('the streams keep what the contract says', async () => {
    const { jsm } = stage.outsider;
    const hours = (count: number): number => count * 3_600_000_000_000;
    const config = async (name: string) => (await jsm.streams.info(name)).config;
    expect(await config('COMBAT')).toMatchObject({
      retention: 'limits',
      storage: 'file',
      max_age: hours(7 * 24),
      deny_delete: true,
      deny_purge: true,
      allow_rollup_hdrs: false,
      num_replicas: 1,
    });
    expect([...(await config('COMBAT')).subjects].sort()).toEqual([
      'collector.signal.*',
      'combat.action.*',
      'combat.result.*',
      'combat.session.*',
    ]);
    expect(await config('ACTIONS')).toMatchObject({
      retention: 'limits',
      storage: 'file',
      compression: 's2',
      max_age: hours(30 * 24),
      sources: [{ name: 'COMBAT', filter_subject: 'combat.action.*' }],
    });
    expect(await config('TASKS')).toMatchObject({ retention: 'workqueue', storage: 'file' });
    expect([...(await config('TASKS')).subjects].sort()).toEqual(['ai.turn.*.*', 'executor.batch.*']);
    expect(await config('TIMERS')).toMatchObject({
      retention: 'workqueue',
      storage: 'file',
      allow_msg_schedules: true,
    });
    expect([...(await config('TIMERS')).subjects].sort()).toEqual(['timer.due.*', 'timer.set.*']);
    expect(await config('DEAD')).toMatchObject({ retention: 'limits', storage: 'file', max_age: hours(30 * 24) });
  });

  test('nobody deletes from the log, purges it or rolls it up', async () => {
    const { jsm } = stage.outsider;
    const session = stage.session();
    const seq = await session.open({ teams: DUEL });
    await expect(jsm.streams.deleteMessage('COMBAT', seq)).rejects.toThrow();
    await expect(jsm.streams.purge('COMBAT', { filter: `combat.session.${session.id}` })).rejects.toThrow();
    await expect(session.life({}, { 'Nats-Rollup': 'all' })).rejects.toThrow();
    await expect(session.life({}, { 'Nats-TTL': '1s' })).rejects.toThrow();
    await session.pair(strike('a', 'b'), strike('b', 'a'));
  });

  test('session.get shows what a client needs after a reconnect', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a', 'c'], blue: ['x', 'y'] } });
    await melee.pair(strike('a', 'x'), strike('x', 'a'));
    const [own, against] = [strike('a', 'y'), strike('x', 'a')];
    const { seq, verdicts } = await melee.accept(own, against);
    const { timeMs } = await melee.reached(seq);
    const deadline = timeMs + 60_000;
    expect(verdicts).toMatchObject([{ deadline }, { deadline }]);
    const state = await melee.state('a');
    expect(state).toMatchObject({
      winner: null,
      step: 1,
      teams: { red: ['a', 'c'], blue: ['x', 'y'] },
      actors: {
        a: { hp: 90, dead: false },
        c: { hp: 100, dead: false },
        x: { hp: 90, dead: false },
        y: { hp: 100, dead: false },
      },
      queue: ['x'],
      incoming: [{ from: 'x', deadline }],
      open: [{ move_id: own.move_id, target_id: 'y', deadline }],
    });
    expect(state.status).toMatch(/./);
    expect(state.seq).toBeGreaterThanOrEqual(seq);
    const plain = await melee.state();
    for (const field of ['queue', 'incoming', 'open']) expect(plain).not.toHaveProperty(field);
    expect(await melee.state('y')).toMatchObject({ queue: ['a', 'c'], incoming: [{ from: 'a', deadline }], open: [] });
  });

  test("session.get never shows another actor's zones or pending payload", async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await duel.accept(
      strike('a', 'b', { attack_zones: ['sEcReT-zone'], block_zones: ['sEcReT-block'], trick: 'sEcReT' }),
    );
    for (const actor_id of [undefined, 'b', 'a', 'ghost']) {
      const { text } = await duel.ask(actor_id === undefined ? {} : { actor_id });
      expect(actor_id === 'a' ? '' : text).not.toContain('sEcReT');
    }
    expect((await duel.state('b')).incoming).toEqual([{ from: 'a', deadline: expect.any(Number) }]);
  });

  test('session.get of a session that never opened', async () => {
    const { body } = await stage.session().ask({ actor_id: 'a' });
    expect(body).toEqual({ error: 'session_not_found' });
  });

  test('session.get of a closed session still tells how it ended', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await duel.accept(strike('a', 'b', { damage: 1_000 }), strike('b', 'a'));
    const open = await stage.session();
    await open.open({ teams: DUEL });
    await duel.ended();
    const state = await duel.state('a');
    expect(state).toMatchObject({
      winner: 'red',
      step: 1,
      actors: { a: { hp: 90 }, b: { hp: 0, dead: true } },
      queue: [],
    });
    expect(state.status).not.toBe((await open.state()).status);
  });

  test('the snapshots of a session can be read in the buckets under its id', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await duel.pair(strike('a', 'b'), strike('b', 'a'));
    const waiting = strike('a', 'b');
    const { seq } = await duel.accept(waiting);
    const light = await duel.snapshot('sessions', `seq >= ${seq}`, (value) => Number(value.seq) >= seq);
    expect(light).toMatchObject({
      v: expect.any(Number),
      seq: expect.any(Number),
      status: expect.any(String),
      winner: null,
    });
    for (const field of ['meta', 'moves', 'targets']) expect(light).toHaveProperty(field);
    expect(JSON.stringify(light.moves)).toContain(waiting.move_id);
    const heavy = await duel.snapshot('battles', 'executed 1', (value) => value.executed === 1);
    expect(heavy).toMatchObject({ v: expect.any(Number), seq: expect.any(Number), executed: 1, step: 1 });
    expect(JSON.stringify(heavy.actors)).toContain('90');
  });

  test('a closed session is snapshotted with its end', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await duel.accept(strike('a', 'b', { damage: 1_000 }), strike('b', 'a'));
    await duel.ended();
    const light = await duel.snapshot('sessions', 'a winner', (value) => value.winner === 'red');
    expect(light.status).toEqual((await duel.state()).status);
  });

  test(`at most ${ACTIONS_IN_MESSAGE} actions and 256 KiB in one action message, the rest in the next, in order`, async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const large = Array.from({ length: 200 }, () => cast('a', 'b', { damage: 0, pad: 'p'.repeat(1_800) }));
    await duel.accept(...large);
    await duel.resolved(200);
    const [one, two] = [0, 1].map(() => Array.from({ length: 250 }, () => cast('a', 'b', { damage: 0 })));
    await Promise.all([duel.accept(...(one ?? [])), duel.accept(...(two ?? []))]);
    await duel.resolved(700);
    const sizes = duel.entries.filter((entry) => entry.kind === 'action').map((entry) => entry.data.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(BYTES_IN_MESSAGE);
    const counts = duel.actionMessages().map((message) => message.actions.length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(ACTIONS_IN_MESSAGE);
    const emitted = duel.actions().map(({ action_id, move }) => [action_id, move.move_id]);
    const sent = duel.signals().flatMap(({ signal }) => (signal.moves ?? []) as { move_id: string }[]);
    expect(emitted).toEqual(sent.map((move, index) => [`${index + 1}`, move.move_id]));
    expect(duel.results().map((result) => result.action_id)).toEqual(emitted.map(([id]) => id));
  });

  test('at most 256 KiB in one result message: a full house under fire', async () => {
    const blue = Array.from({ length: ACTORS_IN_SESSION - 1 }, (_, index) => `b${index}`);
    const crowd = stage.session();
    await crowd.open({ teams: { red: ['a'], blue }, stats: { hp: 99 } });
    await crowd.accept(...Array.from({ length: 6 }, () => cast('a', 'all_enemies', { damage: 1 })));
    await crowd.resolved(6);
    const sizes = crowd.entries.filter((entry) => entry.kind === 'result').map((entry) => entry.data.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(BYTES_IN_MESSAGE);
    expect(crowd.outcomes()).toEqual(['1 done', '2 done', '3 done', '4 done', '5 done', '6 done']);
    expect(crowd.results().map((result) => result.hits?.length)).toEqual(Array(6).fill(blue.length));
    expect((await crowd.state()).actors.b1022).toMatchObject({ hp: 93, struck: 6 });
  });
});
