// Proves how the three processes behave towards whoever starts them: wrong variables, a server that is not there yet, the
// HTTP port, SIGTERM, provisioning.

import { describe, expect, test } from 'vitest';
import { startTestServer } from '../harness/server.ts';
import { Role, type RoleName } from './roles.ts';

const ROLES: readonly RoleName[] = ['collector', 'executor', 'ai'];
/** A wrong variable stops a process at once. This ends the wait for one that goes on. */
const STOP_LIMIT_MS = 60_000;
const NOBODY = 'nats://127.0.0.1:1';

/** One for each role. Every variable in process: test/unit/process/config.test.ts; modules: refusals/starts.test.ts. */
const WRONG: readonly (readonly [RoleName, string, string])[] = [
  ['collector', 'LOCK_TTL_MS', 'soon'],
  ['executor', 'HTTP_PORT', '70000'],
  ['ai', 'POLICY_MODULES', '/nowhere/policy.ts'],
];

describe.concurrent('a wrong environment variable', () => {
  for (const [name, variable, value] of WRONG) {
    test(`${name}: ${variable}=${value} is one readable line and exit code 2`, async () => {
      const role = Role.spawn(name, { NATS_URL: NOBODY, [variable]: value });
      const exit = await role.end(STOP_LIMIT_MS);
      expect([exit, role.lines]).toEqual([{ code: 2, signal: null }, [expect.stringContaining(variable)]]);
    });
  }
});

describe('the processes', () => {
  test('each role starts alone on an empty server, says ready in one JSON line, and exits 0 on SIGTERM', async () => {
    const starts = ROLES.map(async (name) => {
      await using empty = await startTestServer();
      const role = await Role.start(name, { NATS_URL: empty.url });
      const ready = role.lines.filter((line) => line.includes('"msg":"ready"'));
      expect([name, ready.length, typeof JSON.parse(ready[0] ?? '')]).toEqual([name, 1, 'object']);
      await role.terminate();
    });
    await Promise.all(starts);
  });

  test('all roles started at once on an empty server become ready, twice over; then PROVISION=off is enough', async () => {
    await using empty = await startTestServer();
    const environment = { NATS_URL: empty.url };
    const roles = await Promise.all([...ROLES, ...ROLES].map((name) => Role.start(name, environment)));
    await Promise.all(roles.map((role) => role.terminate()));
    const checking = await Promise.all(
      ROLES.map((name) => Role.start(name, { ...environment, PROVISION: 'off', HTTP_PORT: '0' })),
    );
    for (const role of checking) await expectPages(role);
    await Promise.all(checking.map((role) => role.terminate()));
  });

  /** HTTP_PORT answers for the process, for its readiness and with metrics. */
  async function expectPages(role: Role): Promise<void> {
    const get = async (path: string) => await fetch(`${role.pages}${path}`);
    expect([role.name, (await get('/healthz')).status, (await get('/readyz')).status]).toEqual([role.name, 200, 200]);
    const metrics = await get('/metrics');
    expect([role.name, metrics.status]).toEqual([role.name, 200]);
    expect(await metrics.text()).toMatch(/^# TYPE \S+ (counter|gauge|histogram|summary)$/m);
  }

  test('a server that is not there yet is waited for', async () => {
    await using late = await startTestServer();
    await late.kill();
    const roles = ROLES.map((name) => Role.spawn(name, { NATS_URL: late.url }));
    await Promise.all(roles.map((role) => role.line('a line about the server', STOP_LIMIT_MS, () => true)));
    expect(roles.map((role) => role.alive)).toEqual([true, true, true]);
    await late.restart();
    await Promise.all(roles.map((role) => role.ready()));
    await Promise.all(roles.map((role) => role.terminate()));
  });

  test('SIGTERM ends a process that still waits for its server, with exit code 0', async () => {
    const roles = ROLES.map((name) => Role.spawn(name, { NATS_URL: NOBODY }));
    await Promise.all(roles.map((role) => role.line('a line about the server', STOP_LIMIT_MS, () => true)));
    await Promise.all(roles.map((role) => role.terminate()));
  });
});
