// Proves how the three processes behave towards whoever starts them: wrong variables, a server that is not there yet, the
// HTTP port, SIGTERM, provisioning.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../harness/server.ts';
import { type Environment, Role, type RoleName } from './roles.ts';

const ROLES: readonly RoleName[] = ['collector', 'executor', 'ai'];
const HOOK_LIMIT_MS = 60_000;
const TEST_LIMIT_MS = 60_000;

/** A wrong variable stops a process at once; a machine that is busy needs a while to start it. */
const STOP_LIMIT_MS = 20_000;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
}, HOOK_LIMIT_MS);

afterAll(async () => {
  await server?.stop();
}, HOOK_LIMIT_MS);

const WRONG: readonly (readonly [RoleName, string, string])[] = [
  ['collector', 'LOCK_TTL_MS', 'soon'],
  ['collector', 'LOCK_TTL_MS', '1000'],
  ['collector', 'LOG_MAX_AGE_H', '-1'],
  ['collector', 'RULES_MODULES', '/nowhere/rules.ts'],
  ['collector', 'REPLICAS', 'many'],
  ['executor', 'ACK_WAIT_MS', '2500'],
  ['executor', 'RULES_MODULES', '/nowhere/rules.ts'],
  ['executor', 'LOG_LEVEL', 'shouting'],
  ['executor', 'HTTP_PORT', '70000'],
  ['ai', 'NATS_URL', ':: not a url ::'],
  ['ai', 'POLICY_MODULES', '/nowhere/policy.ts'],
  ['ai', 'PROVISION', 'perhaps'],
];

describe.concurrent('a wrong environment variable', { timeout: TEST_LIMIT_MS }, () => {
  for (const [name, variable, value] of WRONG) {
    test(`${name}: ${variable}=${value} is one readable line and exit code 2`, async () => {
      const role = Role.spawn(name, { NATS_URL: server.url, [variable]: value });
      const exit = await role.end(STOP_LIMIT_MS);
      expect([exit, role.lines]).toEqual([{ code: 2, signal: null }, [expect.stringContaining(variable)]]);
    });
  }
});

describe('the processes', { timeout: TEST_LIMIT_MS }, () => {
  test('each role starts alone on an empty server, says ready in one JSON line, and exits 0 on SIGTERM', async () => {
    for (const name of ROLES) {
      const empty = await startTestServer();
      try {
        const role = await Role.start(name, { NATS_URL: empty.url });
        const ready = role.lines.filter((line) => line.includes('"msg":"ready"'));
        expect([name, ready.length, typeof JSON.parse(ready[0] ?? '')]).toEqual([name, 1, 'object']);
        await role.terminate();
      } finally {
        await empty.stop();
      }
    }
  });

  test('all roles started at once on an empty server become ready, twice over', async () => {
    const empty = await startTestServer();
    try {
      const environment = { NATS_URL: empty.url };
      const roles = await Promise.all([...ROLES, ...ROLES].map((name) => Role.start(name, environment)));
      await Promise.all(roles.map((role) => role.terminate()));
    } finally {
      await empty.stop();
    }
  });

  test('PROVISION=off is enough where everything is there', async () => {
    const provisioning = await Promise.all(ROLES.map((name) => Role.start(name, { NATS_URL: server.url })));
    await Promise.all(provisioning.map((role) => role.terminate()));
    const environment: Environment = { NATS_URL: server.url, PROVISION: 'off' };
    const checking = await Promise.all(ROLES.map((name) => Role.start(name, environment)));
    await Promise.all(checking.map((role) => role.terminate()));
  });

  test('a server that is not there yet is waited for', async () => {
    const late = await startTestServer();
    try {
      await late.kill();
      const roles = ROLES.map((name) => Role.spawn(name, { NATS_URL: late.url }));
      await Promise.all(roles.map((role) => role.line('a line about the server', STOP_LIMIT_MS, () => true)));
      expect(roles.map((role) => role.alive)).toEqual([true, true, true]);
      await late.restart();
      await Promise.all(roles.map((role) => role.ready()));
      await Promise.all(roles.map((role) => role.terminate()));
    } finally {
      await late.stop();
    }
  });

  test('HTTP_PORT answers for the process, for its readiness and with metrics', async () => {
    for (const name of ROLES) {
      const role = await Role.start(name, { NATS_URL: server.url, HTTP_PORT: '0' });
      const get = async (path: string) => await fetch(`${role.pages}${path}`);
      expect([name, (await get('/healthz')).status, (await get('/readyz')).status]).toEqual([name, 200, 200]);
      const metrics = await get('/metrics');
      expect([name, metrics.status]).toEqual([name, 200]);
      expect(await metrics.text()).toMatch(/^# TYPE \S+ (counter|gauge|histogram|summary)$/m);
      await role.terminate();
    }
  });

  test('SIGTERM ends a process that still waits for its server, with exit code 0', async () => {
    const gone = await startTestServer();
    await gone.kill();
    try {
      const roles = ROLES.map((name) => Role.spawn(name, { NATS_URL: gone.url }));
      await Promise.all(roles.map((role) => role.line('a line about the server', STOP_LIMIT_MS, () => true)));
      await Promise.all(roles.map((role) => role.terminate()));
    } finally {
      await gone.stop();
    }
  });
});
