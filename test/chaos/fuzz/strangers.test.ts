// Proves that what strangers write with a right to write it keeps no session from going on: headers of their own choice in
// its log, the name under which its timer will be forwarded, a schedule on its timer's subject, a lock without an end.

import { connect, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { encode } from '#contracts/decode.ts';
import { TIMERS } from '#contracts/streams.ts';
import { lastSequence } from '#jetstream/stored-message.ts';
import { type Session, strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import { DUEL, toTheEnd } from './bystanders.ts';

const TEST_LIMIT_MS = 60_000;
const MORTAL = { hp: 50, damage: 10 };
/** Due timers to come whose names are taken: more than the other tests of this file can fire meanwhile. */
const NAMES_TAKEN = 200;
/** Longer than it takes to write to the session's timer, and short enough to wait for. */
const PATIENCE_MS = 2_000;

let stage: Stage;
let nc: NatsConnection;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
  nc = await connect({ servers: stage.server.url });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await stage?.close();
}, STAGE_LIMIT_MS);

async function put(subject: string, body: object, ...lines: readonly string[]): Promise<void> {
  const block = lines.map((line) => `\r\n${line}`).join('');
  const headers = { encode: () => Buffer.from(`NATS/1.0${block}\r\n\r\n`) } as unknown as MsgHdrs;
  const answer = await nc.request(subject, encode(body), { headers, timeout: 10_000 });
  expect(answer.json<{ error?: object }>().error).toBeUndefined();
}

async function duel(also: Readonly<Record<string, unknown>> = {}): Promise<Session> {
  const session = stage.session();
  await session.open({ teams: DUEL, stats: MORTAL, also });
  await session.state();
  return session;
}

async function endsWell(session: Session): Promise<void> {
  await toTheEnd(session);
  const { breaches } = await audit(nc, { sessionId: session.id, atRest: true });
  expect(breaches.map(breachLine)).toEqual([]);
}

test('I10 a log full of headers of their own choice is hydrated by a new collector as the old one followed it', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const session = await duel();
  const nudge = { session_id: session.id, signal_type: 'check_immediate' };
  const subject = `collector.signal.${session.id}`;
  await put(subject, nudge, 'Nats-Sequence: 999999999', 'Nats-Time-Stamp: 2200-01-01T00:00:00Z');
  await put(subject, nudge, 'Nats-Subject: combat.session.elsewhere');
  await put(subject, nudge, 'no name(at all): x');
  await put(subject, nudge, ': nameless', 'nothing');
  await session.accept(strike('a', 'b'));
  await stage.kill('collector');
  await stage.start('collector');
  await session.accept(strike('b', 'a'));
  await session.resolved(1);
  await endsWell(session);
});

test('I6 signals under the names of due timers to come keep no timer from waking its session', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const session = await duel({ move_timeouts_ms: [PATIENCE_MS] });
  const last = await lastSequence(nc, TIMERS);
  const signal = { session_id: session.id, signal_type: 'heartbeat' };
  for (let ahead = 1; ahead <= NAMES_TAKEN; ahead++) {
    await put(`collector.signal.${session.id}`, signal, `Nats-Msg-Id: ${TIMERS}:${last + ahead}`);
  }
  const blow = strike('a', 'b');
  await session.accept(blow);
  expect(await session.actionWith(blow)).toMatchObject({ is_forced: true });
  await session.resolved(1);
  await endsWell(session);
});

test("I6 a schedule on its timer that would wake somebody else is not taken for the session's own", {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const session = await duel({ move_timeouts_ms: [PATIENCE_MS] });
  const soon = new Date(Date.now() + PATIENCE_MS / 2).toISOString();
  await put(
    `timer.set.${session.id}`,
    { session_id: session.id },
    `Nats-Schedule: @at ${soon}`,
    'Nats-Schedule-Target: timer.due.elsewhere',
  );
  const blow = strike('a', 'b');
  await session.accept(blow);
  expect(await session.actionWith(blow)).toMatchObject({ is_forced: true });
  await session.resolved(1);
  await endsWell(session);
});

test.each([
  ['pending', { state: 'pending', owner: 'stranger', since: 0 }],
  ['running', { state: 'running', owner: 'stranger', since: 0 }],
  ['no lock at all', { free: 'for ever' }],
])(
  'I6 a lock without an end that says %s holds its session up for a while, and no longer',
  { timeout: TEST_LIMIT_MS },
  async (_what, value) => {
    const session = await duel();
    await session.pair(strike('a', 'b'), strike('b', 'a'));
    await put(`$KV.locks.sys.busy.${session.id}`, value);
    await session.pair(strike('a', 'b'), strike('b', 'a'));
    await endsWell(session);
  },
);
