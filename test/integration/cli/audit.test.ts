// Proves `riposte audit` on real servers and real roles: what they leave behind has no breach, while they fight and when they
// have come to rest; and a message that somebody forges among it is named.

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { encode } from '#contracts/decode.ts';
import { ACTIONS, COMBAT, DEAD } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { fight, openStage, STAGE_LIMIT_MS, type Stage } from '../client/stage.ts';
import { riposte } from './riposte.ts';

const FIGHTS = 6;
const BOTS = { red: ['a', 'b'], blue: ['x', 'y'] } as const;
const KINDS = { a: 'ai', b: 'ai', x: 'ai', y: 'ai' } as const;

let stage: Stage;
let nc: NatsConnection;

beforeAll(async () => {
  stage = await openStage();
  nc = await connect({ servers: stage.server.url });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await stage?.close();
}, STAGE_LIMIT_MS);

/** Opens fights of bots; resolves with their ids, and with a promise of their end. */
async function battle(count: number): Promise<{ ids: string[]; over: Promise<unknown> }> {
  const fights = Array.from({ length: count }, () => fight(BOTS, KINDS));
  const ends = fights.map((each) => endOf(each.session_id));
  for (const each of fights) await stage.client.open(each);
  return { ids: fights.map(({ session_id }) => session_id), over: Promise.all(ends) };
}

async function endOf(sessionId: string): Promise<void> {
  for await (const { body } of await stage.client.follow(['session'], { sessionId })) {
    if (body.type === 'closed') return;
  }
}

/** The messages of a session's log of one kind. */
async function messages(sessionId: string, kind: 'action' | 'result'): Promise<{ seq: number; data: Uint8Array }[]> {
  const jsm = await jetstreamManager(nc, PATIENCE);
  const { state } = await jsm.streams.info(COMBAT);
  const found: { seq: number; data: Uint8Array }[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage(COMBAT, { seq });
    if (message?.subject === logSubject(kind, sessionId)) found.push({ seq, data: message.data });
  }
  return found;
}

const publish = async (subject: string, data: Uint8Array): Promise<number> =>
  (await jetstream(nc).publish(subject, data)).seq;

const told = async (sessionId: string): Promise<string[]> =>
  (await audit(nc, { sessionId, atRest: true })).breaches.map(breachLine);

describe('what the roles leave behind', () => {
  test('has no breach while they fight, and none when they have come to rest', async () => {
    const { ids, over } = await battle(FIGHTS);
    let isOver = false;
    void over.then(() => {
      isOver = true;
    });
    for (let looks = 0; looks < 3 || !isOver; looks += 1) {
      expect((await audit(nc, {})).breaches.map(breachLine)).toEqual([]);
    }
    let audited = await audit(nc, { atRest: true });
    // The public record follows the log in its own time.
    while (audited.lag > 0) audited = await audit(nc, { atRest: true });
    expect(audited.breaches.map(breachLine)).toEqual([]);
    expect(audited).toMatchObject({ sessions: FIGHTS, closed: FIGHTS, unjudged: 0, lag: 0 });
    expect(audited.actions).toBeGreaterThan(FIGHTS);
    expect(audited.results).toBe(audited.actions);
    expect(audited.messages).toBeGreaterThan(audited.actions);
    const [one] = ids;
    expect(await audit(nc, { sessionId: one!, atRest: true })).toMatchObject({ sessions: 1, closed: 1, breaches: [] });
  });

  test('is at rest with an open session whose timer is armed', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    await stage.client.open(session);
    await stage.client.submit(session.session_id, [
      { move_id: 'm1', char_id: 'a', strategy: 'exchange', payload: { target_id: 'x' } },
    ]);
    expect(await told(session.session_id)).toEqual([]);
    await stage.client.close(session.session_id);
  });
});

describe('S3 a session and an actor whose ids look like options', () => {
  test('are fought under, and looked at by -- and by --session=', async () => {
    const session = {
      ...fight({ red: ['-7'], blue: ['__proto__'] }, { '-7': 'ai', ['__proto__']: 'ai' }),
      session_id: '-x7Yp',
    };
    const over = endOf('-x7Yp');
    await stage.client.open(session);
    await over;
    const ways = [
      ['audit', '--', '-x7Yp'],
      ['audit', '--session=-x7Yp'],
      ['audit', '--rest', '--', '-x7Yp'],
      ['dead', 'list', '--', '-x7Yp'],
      ['dead', 'list', '--session=-x7Yp'],
    ];
    const answers = await Promise.all(ways.map((args) => riposte(stage.server.url, ...args)));
    for (const [at, { code, out, said }] of answers.entries()) {
      expect([ways[at], code, out]).toEqual([ways[at], 0, []]);
      expect(said).toEqual([
        expect.stringMatching(at < 3 ? /^1 sessions \(1 closed\), .*: no breach$/ : /^0 letters$/),
      ]);
    }
  });
});

describe('a message that was forged', () => {
  test('I5 an action and a result of before are named, and where they stand', async () => {
    const { ids, over } = await battle(1);
    await over;
    const [id] = ids;
    const [action] = await messages(id!, 'action');
    const [result] = await messages(id!, 'result');
    const actionAt = await publish(logSubject('action', id!), action!.data);
    const resultAt = await publish(logSubject('result', id!), result!.data);
    const breaches = await told(id!);
    expect(breaches[0]).toMatch(
      new RegExp(`^${id} ${actionAt} I5 a stale writer: decided on [0-9]+, and [0-9]+ stands before it$`),
    );
    expect(breaches[1]).toBe(`${id} ${resultAt} I5 a stale writer: action 1 had its result already`);
    expect(breaches).toHaveLength(2);

    const all = await riposte(stage.server.url, 'audit', '--all');
    expect(all).toMatchObject({ code: 1, out: breaches });
    const json = await riposte(stage.server.url, 'audit', id!, '--json');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out.join('')).breaches.map(breachLine)).toEqual(breaches);
  });

  test('I2 and I5 an action of moves that nobody declared is named, whatever prefix it names', async () => {
    for (const [through, expected] of [
      ['opened', 'I2 action 1 holds move m1, which was never accepted'],
      ['before', 'I5 decided on 1, which calls for nothing of it, and every fold counts it'],
    ] as const) {
      const session = fight({ red: ['a'], blue: ['x'] });
      const id = session.session_id;
      const opened = await stage.client.open(session);
      const seq = opened.outcome === 'opened' && through === 'opened' ? opened.seq : 1;
      const action = {
        action_id: '1',
        type: 'exchange',
        move: blow('m1', 'a', 'x'),
        partner_move: null,
        is_forced: true,
      };
      const at = await publish(logSubject('action', id), encode({ session_id: id, through: seq, actions: [action] }));
      expect((await audit(nc, { sessionId: id })).breaches.map(breachLine)).toEqual([`${id} ${at} ${expected}`]);
      await stage.client.close(id);
    }
  });

  test('I10 what cannot be read is no breach: it is dead-lettered; without its letter it is one', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const id = session.session_id;
    await stage.client.open(session);
    const at = await publish(logSubject('signal', id), new Uint8Array([0xff]));
    expect(await told(id)).toEqual([]);
    await using other = await startTestServer();
    await copyWithout(other, id, at);
    await stage.client.close(id);
  });
});

const blow = (id: string, source: string, target: string) => ({
  move_id: id,
  char_id: source,
  strategy: 'exchange',
  payload: { target_id: target },
});

/** A second server with the session's garbage alone: nobody works there, and nobody has buried it. */
async function copyWithout(other: TestServer, id: string, at: number): Promise<void> {
  const there = await connect({ servers: other.url });
  try {
    const jsm = await jetstreamManager(there, PATIENCE);
    const subjects = ['combat.session.*', 'collector.signal.*', 'combat.action.*', 'combat.result.*'];
    await jsm.streams.add({ name: COMBAT, subjects, allow_direct: true });
    await jsm.streams.add({ name: DEAD, subjects: ['dead.>'], allow_direct: true });
    await jsm.streams.add({
      name: ACTIONS,
      sources: [{ name: COMBAT, filter_subject: 'combat.action.*' }],
      allow_direct: true,
    });
    await jetstream(there).publish(logSubject('signal', id), new Uint8Array([0xff]));
    expect(at).toBeGreaterThan(0);
    // Nobody has acknowledged it: it is on its way.
    expect((await audit(there, {})).breaches).toEqual([]);
    await jsm.consumers.add(COMBAT, { durable_name: 'collector', ack_policy: 'explicit' });
    const consumer = await jetstream(there).consumers.get(COMBAT, 'collector');
    await (await consumer.next())!.ackAck();
    expect((await audit(there, {})).breaches.map(breachLine)).toEqual([
      `${id} 1 I10 refused (not UTF-8), and not in DEAD`,
    ]);
    // Of the log as a whole: a message that was taken out of it.
    await jetstream(there).publish(logSubject('signal', id), encode({ session_id: id, signal_type: 'heartbeat' }));
    await jetstream(there).publish(logSubject('signal', id), encode({ session_id: id, signal_type: 'heartbeat' }));
    await jsm.streams.deleteMessage(COMBAT, 2);
    expect((await audit(there, {})).breaches.map(breachLine)).toContain('* 3 I1 the log has nothing from 2 to 2');
  } finally {
    await there.close();
  }
}

describe('a system that stands still', () => {
  test('shows at rest what nobody will ever do, and not before', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const id = session.session_id;
    await stage.client.open(session);
    await stage.roles.kill('executor');
    await publish(
      logSubject('signal', id),
      encode({ session_id: id, signal_type: 'check_immediate', moves: [blow('m1', 'a', 'x'), blow('m2', 'x', 'a')] }),
    );
    for await (const { kind } of await stage.client.follow(['action'], { sessionId: id })) {
      if (kind === 'action') break;
    }
    expect(await audit(nc, { sessionId: id })).toMatchObject({ actions: 1, results: 0, breaches: [] });
    expect(await told(id)).toEqual([`${id} 0 I4 action 1 has no result`]);
    await stage.roles.start('executor');
  });
});
