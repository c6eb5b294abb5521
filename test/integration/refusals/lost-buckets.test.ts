// Proves I1 with the buckets themselves gone while everything runs: fights go on, every move ends once, and the buckets are
// there again. Bots fight in the background, so that every role is at work when a bucket goes; and the streams are audited at rest.

import { connect as connectAnew } from '@nats-io/transport-node';
import { connect } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { violationsOf } from '../../interop/history.ts';
import { type Session, strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES, Role } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import { until } from '../jetstream/rig.ts';

const LIMIT_MS = 120_000;
const FIGHT_LIMIT_MS = 60_000;
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
  const nc = await connectAnew({ servers: url });
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
    told(nc.request(`$KV.${bucket}.probe`, '{}', { timeout: 2_000 }).then((msg) => msg.json())),
    told(
      nc.request(`$JS.API.DIRECT.GET.KV_${bucket}`, '{"seq":1}', { timeout: 2_000 }).then((msg) => msg.headers?.code),
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

describe.concurrent('a bucket lost while running', { timeout: LIMIT_MS }, () => {
  test.each(['sessions', 'battles', 'locks'])('%s: every fight goes on to its end, whole', async (bucket) => {
    const sessions = await Promise.all(Array.from({ length: 5 }, botFight));
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

test('I1 a lost bucket of snapshots is filled again by the sessions that are in use, without any new one', {
  timeout: LIMIT_MS,
}, async () => {
  const session = stage.session();
  await session.open({ teams: DUEL });
  await session.pair(strike('a', 'b'), strike('b', 'a'));
  await session.snapshot('sessions', 'the first pair', (value) => value.status === 'open');
  await stage.outsider.jsm.streams.delete('KV_sessions');
  await session.pair(strike('a', 'b'), strike('b', 'a'));
  await until('the bucket sessions, made anew', () => exists('KV_sessions'), 15_000);
  await session.snapshot('sessions', 'the second pair', (value) => value.status === 'open');
});

test('I1 to I6 and I10 hold in all that the streams have, whichever bucket was lost', {
  timeout: LIMIT_MS,
}, async () => {
  await expectFaultless(stage.server.url);
});

test('a bucket of locks that may not be made anew (PROVISION=off) shows in readiness, and fights go on when it is back', {
  timeout: LIMIT_MS,
}, async () => {
  const own = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
  const nc = await connect({ servers: own.server.url });
  const jsm = await nc.jetstreamManager();
  const roles: Role[] = [];
  try {
    const { config } = await jsm.streams.info('KV_locks');
    await Promise.all([own.kill('collector'), own.kill('executor')]);
    const environment = { NATS_URL: own.server.url, PROVISION: 'off', ...FAST_CLOCKS, ...PLAIN_RULES };
    const collector = await Role.start('collector', { ...environment, HTTP_PORT: '0' });
    roles.push(collector);
    roles.push(await Role.start('executor', environment));
    await jsm.streams.delete('KV_locks');
    const session = own.session();
    await session.open({ teams: DUEL });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await session.send({ signal_type: 'check_immediate', moves: [ab, ba] });
    await session.actionWith(ab);
    let page = '';
    await until(
      'a collector that says it is not ready, and why',
      async () => {
        const answer = await fetch(`${collector.pages}/readyz`);
        page = `${answer.status} ${await answer.text()}`;
        return answer.status === 503 && /locks/.test(page);
      },
      10_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; it says ${page}`);
    });
    await jsm.streams.add(config);
    await session.resultOf(ab);
    await expectFaultless(own.server.url);
  } finally {
    await nc.close();
    await Promise.all(roles.filter((role) => role.alive).map((role) => role.kill()));
    await own.close();
  }
});
