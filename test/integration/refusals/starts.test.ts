// Proves that a role which cannot work where it was started says so in one line and ends with a code that is not 0, and
// that it leaves what is not Riposte's as it found it.

import { connect } from 'nats';
import { describe, expect, test } from 'vitest';
import { PATIENCE } from '../../harness/patience.ts';
import { startTestServer, type TestServer } from '../../harness/server.ts';
import { type Environment, Role, type RoleName } from '../../interop/roles.ts';

/** Ends the wait for a role that does not end. */
const END_LIMIT_MS = 100_000;
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

// Every stream, bucket and subject in process: test/integration/jetstream/provision.test.ts.
describe.concurrent("what is not Riposte's", () => {
  test('a stream COMBAT: one line, and it stays as it is', async () => {
    await using server = await startTestServer();
    await using nc = await disposable(server);
    await nc.jsm.streams.add({ name: 'COMBAT', subjects: ['theirs.*'], max_msgs: 9 });
    for (let n = 0; n < 5; n += 1) await nc.jetstream().publish('theirs.x', `${n}`);
    const before = await nc.jsm.streams.info('COMBAT');
    await expectOneLine('collector', { NATS_URL: server.url }, 1, 'COMBAT');
    const after = await nc.jsm.streams.info('COMBAT');
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
    const env = { NATS_URL: own.url, PROVISION: 'off' };
    await Promise.all(ROLES.map((name) => expectOneLine(name, env, 1, 'COMBAT', 'PROVISION')));
    await using nc = await disposable(own);
    expect((await nc.jsm.streams.names().next()).length).toBe(0);
  });
});

async function disposable(server: TestServer) {
  const nc = await connect({ servers: server.url });
  return Object.assign(nc, { jsm: await nc.jetstreamManager(PATIENCE), [Symbol.asyncDispose]: () => nc.close() });
}

// Every variable in process: test/unit/process/config.test.ts; one of each role: test/interop/processes.test.ts.
test.concurrent.each(['collector', 'executor'] as const)(
  'the %s loads its rules before it looks for a server: a bad module is one line and exit code 2',
  async (name) => {
    await expectOneLine(
      name,
      { NATS_URL: 'nats://127.0.0.1:1', RULES_MODULES: '/no/such/rules.ts' },
      2,
      'RULES_MODULES',
    );
  },
);
