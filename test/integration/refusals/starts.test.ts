// Proves that a role which cannot work where it was started says so in one line and ends with a code that is not 0, and
// that it leaves what is not Riposte's as it found it.

import { connect } from 'nats';
import { describe, expect, test } from 'vitest';
import { ensureOldNatsServer } from '#tools/nats-server/ensure.ts';
import { NatsServerUnavailable } from '#tools/nats-server/step.ts';
import { startTestServer, type TestServer } from '../../harness/server.ts';
import { type Environment, Role, type RoleName } from '../../interop/roles.ts';

const LIMIT_MS = 60_000;
/** A start takes a second; a busy machine may take several. */
const END_LIMIT_MS = 30_000;
const ROLES: RoleName[] = ['collector', 'executor', 'ai'];

/** What a role logs on its way, such as the streams it has made: beside the one line, which is for people. */
const ROUTINE = /^\{"level":"info",.*"msg":"stream created"\}$/;

/** Starts a role that must not start, and resolves with its exit code and everything it said but routine. */
async function refused(name: RoleName, environment: Environment): Promise<{ code: number | null; lines: string[] }> {
  const role = Role.spawn(name, environment);
  const { code } = await role.end(END_LIMIT_MS);
  return { code, lines: role.lines.filter((line) => !ROUTINE.test(line)) };
}

/** It said one line, which has every one of the words, and ended with the code. */
async function expectOneLine(
  name: RoleName,
  environment: Environment,
  code: number,
  ...words: string[]
): Promise<void> {
  const ended = await refused(name, environment);
  expect(ended).toEqual({ code, lines: [expect.any(String)] });
  for (const word of words) expect(ended.lines[0]).toContain(word);
  expect(ended.lines[0]!.length).toBeLessThan(400);
}

describe.concurrent('a server that Riposte cannot run on', { timeout: LIMIT_MS }, () => {
  test('too old: one line that names both versions', async (context) => {
    const binary = await ensureOldNatsServer().catch((error: unknown) => {
      if (error instanceof NatsServerUnavailable) return null;
      throw error;
    });
    if (binary === null) return context.skip('no nats-server that is too old can be had here');
    await using server = await startTestServer({ binary });
    for (const name of ROLES) await expectOneLine(name, { NATS_URL: server.url }, 1, '2.9', '2.12', 'too old');
    await using nc = await disposable(server);
    expect((await nc.jsm.streams.names().next()).length).toBe(0);
  });

  test('without JetStream: one line that says how to have it', async () => {
    await using server = await startTestServer({ jetstream: false });
    for (const name of ROLES) await expectOneLine(name, { NATS_URL: server.url }, 1, 'JetStream', '-js');
  });

  test('that wants a password, which was not given or is wrong: one line, and the password is not in it', async () => {
    await using server = await startTestServer({ config: 'authorization { user: ann, password: right }' });
    await expectOneLine('collector', { NATS_URL: server.url }, 1, 'login');
    const { code, lines } = await refused('ai', { NATS_URL: server.url, NATS_USER: 'ann', NATS_PASSWORD: 'hunter2' });
    expect([code, lines.length]).toEqual([1, 1]);
    expect(lines[0]).not.toContain('hunter2');
  });
});

describe.concurrent("what is not Riposte's", { timeout: LIMIT_MS }, () => {
  test.each(['COMBAT', 'KV_sessions'])('a stream %s: one line, and it stays as it is', async (name) => {
    await using server = await startTestServer();
    await using nc = await disposable(server);
    await nc.jsm.streams.add({ name, subjects: [`theirs.${name}.*`], max_msgs: 9 });
    for (let n = 0; n < 5; n += 1) await nc.jetstream().publish(`theirs.${name}.x`, `${n}`);
    const before = await nc.jsm.streams.info(name);
    await expectOneLine('collector', { NATS_URL: server.url }, 1, name);
    const after = await nc.jsm.streams.info(name);
    expect([after.config, after.state]).toEqual([before.config, before.state]);
  });

  test('a stream on a subject of ours: one line, and it stays as it is', async () => {
    await using server = await startTestServer();
    await using nc = await disposable(server);
    await nc.jsm.streams.add({ name: 'THEIRS', subjects: ['executor.batch.>'] });
    await nc.jetstream().publish('executor.batch.theirs', 'x');
    await expectOneLine('executor', { NATS_URL: server.url }, 1, 'TASKS', 'executor.batch');
    expect((await nc.jsm.streams.info('THEIRS')).state.messages).toBe(1);
  });

  test('PROVISION=off on an empty server: one line that names what is missing, and it stays empty', async () => {
    await using own = await startTestServer();
    for (const name of ROLES) {
      await expectOneLine(name, { NATS_URL: own.url, PROVISION: 'off' }, 1, 'COMBAT', 'PROVISION');
    }
    await using nc = await disposable(own);
    expect((await nc.jsm.streams.names().next()).length).toBe(0);
  });
});

async function disposable(server: TestServer) {
  const nc = await connect({ servers: server.url });
  return Object.assign(nc, { jsm: await nc.jetstreamManager(), [Symbol.asyncDispose]: () => nc.close() });
}

describe.concurrent('a bad variable stops a real role at once, with code 2 and one line that names it', () => {
  const nowhere = 'nats://127.0.0.1:1';
  const bad: [RoleName, string, Environment][] = [
    ['collector', 'NATS_URL', { NATS_URL: 'http://127.0.0.1:4222' }],
    ['executor', 'NATS_TLS_CA', { NATS_TLS_CA: '/no/such/file' }],
    ['ai', 'HTTP_PORT', { HTTP_PORT: '70000' }],
    ['executor', 'LOCK_TTL_MS', { LOCK_TTL_MS: '1999' }],
    ['collector', 'PROVISION', { PROVISION: 'maybe' }],
    ['collector', 'RULES_MODULES', { RULES_MODULES: '/no/such/rules.ts' }],
    ['executor', 'RULES_MODULES', { RULES_MODULES: '/no/such/rules.ts' }],
    ['ai', 'POLICY_MODULES', { POLICY_MODULES: '/no/such/policies.ts' }],
  ];

  // Every variable in process: test/unit/process/config.test.ts.
  test.each(bad)('%s: %s', { timeout: LIMIT_MS }, async (name, variable, environment) => {
    await expectOneLine(name, { NATS_URL: nowhere, ...environment }, 2, variable);
  });
});
