// Proves I1 with the buckets themselves gone while everything runs: fights go on, every move ends once, and the buckets are
// there again. Bots fight in the background, so that every role is at work when a bucket goes; and the streams are audited at rest.

import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { violationsOf } from '../../interop/history.ts';
import { type Session, strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import { until } from '../jetstream/rig.ts';

const FIGHT_LIMIT_MS = 100_000;
const DUEL = { red: ['a'], blue: ['b'] };

let stage: Stage;

beforeAll(async () => {
  const environment = { ...FAST_CLOCKS, ...PLAIN_RULES };
  stage = await Stage.open({ collectors: 2, executors: 2, ais: 1, environment });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** Judges all that the streams of a server have. */
async function expectFaultless(url: string): Promise<void> {
  const nc = await connect({ servers: url });
  try {
    const { breaches } = await audit(nc, { atRest: true });
    expect(breaches.map(breachLine)).toEqual([]);
  } finally {
    await nc.close();
  }
}

const exists = async (stream: string): Promise<boolean> =>
  stage.outsider.jsm.streams.info(stream).then(
    () => true,
    () => false,
  );

/** What the server says of a bucket, for the message of a failure: whether it is there, takes what is published and gives it out. */
async function stateOf(bucket: string): Promise<string> {
  const { nc, jsm } = stage.outsider;
  const told = (asked: Promise<unknown>) => asked.then((answer) => JSON.stringify(answer), String);
  const said = await Promise.all([
    told(jsm.streams.info(`KV_${bucket}`).then(({ created, state }) => ({ created, state }))),
    told(nc.request(`$KV.${bucket}.probe`, '{}', { timeout: 20_000 }).then((msg) => msg.json())),
    told(
      nc.request(`$JS.API.DIRECT.GET.KV_${bucket}`, '{"seq":1}', { timeout: 20_000 }).then((msg) => msg.headers?.code),
    ),
  ]);
  return said.join('; ');
}

/** Four bots, some hundred blows. */
async function botFight(): Promise<Session> {
  const session = stage.session();
  const teams = { red: ['r1', 'r2'], blue: ['b1', 'b2'] };
  await session.open({ teams, bots: Object.values(teams).flat(), stats: { hp: 500 } });
  return session;
}

describe.concurrent('a bucket lost while running', () => {
  test.each(['sessions', 'battles', 'locks'])('%s: every fight goes on to its end, whole', async (bucket) => {
    const sessions = await Promise.all(Array.from({ length: 3 }, botFight));
    await sessions[0]!.resolved(20);
    await stage.outsider.jsm.streams.delete(`KV_${bucket}`);
    await Promise.all(sessions.map((session) => session.ended(FIGHT_LIMIT_MS))).catch(async (error: Error) => {
      throw new Error(`${error.message}; the bucket ${bucket}: ${await stateOf(bucket)}`);
    });
    for (const session of sessions) expect(violationsOf(session.entries)).toEqual([]);
    const late = stage.session();
    await late.open({ teams: DUEL });
    await late.pair(strike('a', 'b'), strike('b', 'a'));
    await until(`the bucket ${bucket}`, () => exists(`KV_${bucket}`));
  });
});

test('I1 a lost bucket of snapshots is filled again by the sessions that are in use, without any new one', async () => {
  const session = stage.session();
  await session.open({ teams: DUEL });
  await session.pair(strike('a', 'b'), strike('b', 'a'));
  await session.snapshot('sessions', 'the first pair', (value) => value.status === 'open');
  await stage.outsider.jsm.streams.delete('KV_sessions');
  await session.pair(strike('a', 'b'), strike('b', 'a'));
  await until('the bucket sessions, made anew', () => exists('KV_sessions'));
  await session.snapshot('sessions', 'the second pair', (value) => value.status === 'open');
});

// A bucket that may not be made again: test/integration/rights/lost-bucket.test.ts.
test('I1 to I6 and I10 hold in all that the streams have, whichever bucket was lost', async () => {
  await expectFaultless(stage.server.url);
});
