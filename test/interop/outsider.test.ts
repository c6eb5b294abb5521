// Proves that the outsider's own tools work, against a bare nats-server where this file plays every role by hand: a suite
// whose tools fail would blame the services.

import { AckPolicy, connect, headers, RetentionPolicy } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../harness/server.ts';
import { Outsider, strike } from './outsider.ts';

let server: TestServer;
let outsider: Outsider;

beforeAll(async () => {
  server = await startTestServer();
  const nc = await connect({ servers: server.url });
  const jsm = await nc.jetstreamManager();
  const combat = ['combat.session.*', 'collector.signal.*', 'combat.action.*', 'combat.result.*'];
  await jsm.streams.add({ name: 'COMBAT', subjects: combat });
  await jsm.streams.add({ name: 'DEAD', subjects: ['dead.>'] });
  await jsm.streams.add({
    name: 'TASKS',
    subjects: ['executor.batch.*', 'ai.turn.*.*'],
    retention: RetentionPolicy.Workqueue,
  });
  await nc.jetstream().views.kv('sessions');
  await nc.close();
  outsider = await Outsider.connect(server.url);
}, 60_000);

afterAll(async () => {
  await outsider.close();
  await server.stop();
});

describe('the outsider', () => {
  test('opens a session once and is refused the second time', async () => {
    const session = outsider.session();
    const seq = await session.open({ teams: { red: ['a'], blue: ['b'] } });
    expect((await session.reached(seq)).body).toMatchObject({
      type: 'opened',
      session_id: session.id,
      actors: { a: { kind: 'player', stats: { hp: 100 } } },
    });
    await expect(session.open({ teams: { red: ['a'], blue: ['b'] } })).rejects.toThrow(/wrong last sequence/);
  });

  test('reads the log time as the server keeps it, in whole milliseconds', async () => {
    const session = outsider.session();
    const entry = await session.reached(await session.send({ signal_type: 'heartbeat' }));
    const stored = await outsider.jsm.streams.getMessage('COMBAT', { seq: entry.seq });
    expect(entry.timeMs).toBe(Math.floor(stored.time.getTime()));
  });

  test('collects the verdicts of a signal on its own inbox, each on its own signal', async () => {
    const session = outsider.session();
    const collector = outsider.nc.subscribe(`collector.signal.${session.id}`, {
      callback: (_, message) => {
        const signal = message.json<{ moves: { move_id: string }[]; reply_to: string }>();
        for (const { move_id } of signal.moves) {
          const verdict = {
            session_id: session.id,
            move_id,
            accepted: move_id !== 'bad',
            seq: 1,
            code: 'invalid_move',
          };
          outsider.nc.publish(signal.reply_to, JSON.stringify(verdict));
        }
      },
    });
    const [one, other] = [strike('a', 'b'), strike('b', 'a')];
    const [first, second] = await Promise.all([session.submit(one, { move_id: 'bad' }), session.submit(other)]);
    expect(first.verdicts).toMatchObject([
      { move_id: one.move_id, accepted: true },
      { move_id: 'bad', accepted: false },
    ]);
    expect(second.verdicts).toMatchObject([{ move_id: other.move_id, accepted: true }]);
    expect(await session.refusal({ move_id: 'bad' })).toBe('invalid_move');
    collector.unsubscribe();
  });

  test('a wait that ends in nothing prints the log of the session', async () => {
    const session = outsider.session();
    await session.reached(await session.send({ signal_type: 'heartbeat' }));
    await session.reached(await session.sendBytes(Uint8Array.of(0xff, 0xfe)));
    const wait = session.until('a miracle', () => undefined, 1);
    await expect(wait).rejects.toThrow(/waited in vain for a miracle[\s\S]*heartbeat[\s\S]*2 bytes that are no JSON/);
  });

  test('sees actions, results and the close of a session as decisions and outcomes', async () => {
    const session = outsider.session();
    const [ab, ba, cb] = [strike('a', 'b'), strike('b', 'a'), strike('c', 'b')];
    const action = { type: 'exchange', is_forced: false, partner_move: null };
    const actions = [
      { ...action, action_id: '1', move: ab, partner_move: ba },
      { ...action, action_id: '2', move: cb, is_forced: true },
      { ...action, action_id: '3', type: 'instant', move: { ...cb, move_id: 'fire', targets: ['x', 'y'] } },
    ];
    const results = [
      { action_id: '1', status: 'done' },
      { action_id: '2', status: 'skipped', reason: 'target_dead' },
      { action_id: '3', status: 'failed', reason: 'boom' },
    ];
    await outsider.publish(`combat.action.${session.id}`, { session_id: session.id, through: 1, actions });
    await outsider.publish(`combat.action.${session.id}`, new Uint8Array([1, 2, 3]));
    await outsider.publish(`combat.result.${session.id}`, { session_id: session.id, results });
    await session.life({ type: 'closed', winner: 'red', reason: 'victory' });
    expect(await session.ended()).toMatchObject({ winner: 'red' });
    expect(await session.resultOf(ba)).toEqual(results[0]);
    expect(session.decisions()).toEqual([
      `1 exchange ${ab.move_id} ${ba.move_id}`,
      `2 exchange ${cb.move_id} forced`,
      '3 instant fire at x,y',
      'closed victory, winner red',
    ]);
    expect(session.outcomes()).toEqual(['1 done', '2 skipped target_dead', '3 failed']);
  });

  test('finds dead letters by the place they come from', async () => {
    const session = outsider.session();
    const seq = await session.sendBytes(Uint8Array.of(0xff));
    const set = headers();
    set.set('Riposte-Reason', 'no JSON');
    set.set('Riposte-Origin', `COMBAT:${seq}`);
    await outsider.js.publish(`dead.collector.signal.${session.id}`, Uint8Array.of(0xff), { headers: set });
    const letter = await session.deadLetterOf(seq);
    expect({ ...letter, data: [...letter.data] }).toEqual({
      subject: `dead.collector.signal.${session.id}`,
      reason: 'no JSON',
      origin: `COMBAT:${seq}`,
      data: [0xff],
    });
  });

  test('plays the AI by hand from a work queue, and counts what stands in it', async () => {
    const session = outsider.session();
    const request = { session_id: session.id, bot_id: 'r', missing_targets: ['x', 'y'], request_id: 'r@1' };
    await outsider.publish(`ai.turn.${session.id}.r`, request);
    await outsider.publish(`executor.batch.${session.id}`, {});
    expect(await outsider.held('TASKS', `executor.batch.${session.id}`)).toBe(1);
    const turns = await session.turns();
    expect(await turns.nth(1)).toEqual(request);
    expect(turns.lines()).toEqual(['r@1: x y']);
    const { config } = await outsider.jsm.consumers.info('TASKS', `hand-${session.id}`);
    expect(config).toMatchObject({ ack_policy: AckPolicy.Explicit, filter_subject: `ai.turn.${session.id}.*` });
  });

  test('waits for the snapshot that fits', async () => {
    const session = outsider.session();
    const kv = await outsider.bucket('sessions');
    const wait = session.snapshot('sessions', 'seq 2', (value) => value.seq === 2);
    await kv.put(session.id, JSON.stringify({ v: 1, seq: 1 }));
    await kv.put(session.id, JSON.stringify({ v: 1, seq: 2 }));
    expect(await wait).toEqual({ v: 1, seq: 2 });
  });

  test('asks session.get again until the answer is as new as the log it has seen', async () => {
    const session = outsider.session();
    const seq = await session.life({ type: 'opened' });
    await session.reached(seq);
    let asked = 0;
    const collector = outsider.nc.subscribe(`session.get.${session.id}`, {
      callback: (_, message) => {
        asked += 1;
        message.respond(JSON.stringify({ status: 'open', seq: asked === 1 ? seq - 1 : seq, queue: ['b'] }));
      },
    });
    expect(await session.queue('a')).toEqual(['b']);
    expect(asked).toBe(2);
    collector.unsubscribe();
  });
});
