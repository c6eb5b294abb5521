// Proves that a server, its operator and the roles find each other over IPv6 and TLS, by an address in brackets.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { User } from '#contracts/rights.ts';
import { TestRoles } from '#test/harness/roles.ts';
import { start } from '#test/integration/cli/riposte.ts';
import { startPrivateServer } from '#tools/nats-server/private-server.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((cards) => cards?.some(({ address }) => address === '::1'));
if (!hasIpv6) process.stdout.write('skipped, IPv6: this machine has no address ::1\n');

const LISTENS = /Listening for client connections on \[::1\]:(\d+)/;

describe.skipIf(!hasIpv6)('S4 over IPv6 and TLS', () => {
  test('a server listens on ::1, is provisioned there, and roles connect', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'riposte-ipv6-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const given = await start(['nats-config', directory, '--listen', '::1', '--server', 'n1=[::1]:4222:6222:0'], {})
      .answer;
    expect(given.code).toBe(0);
    const conf = readFileSync(join(directory, 'n1.conf'), 'utf8');
    expect(conf).toContain('listen: "[::1]:4222"');
    // The port is the kernel's choice.
    await using server = await startPrivateServer({ config: async () => conf.replace('[::1]:4222', '[::1]:-1') });
    let port: string | undefined;
    while (port === undefined) {
      port = LISTENS.exec(readFileSync(server.logFile, 'utf8'))?.[1];
      if (port === undefined) await pause(20);
    }
    const environmentOf = (user: User) => ({
      NATS_TLS_CA: join(directory, 'ca.pem'),
      NATS_NKEY_SEED_FILE: join(directory, 'seeds', `${user}.nk`),
      PROVISION: 'off',
    });
    const url = `nats://[::1]:${port}`;
    const provisioned = await start(['provision'], { ...environmentOf('operator'), NATS_URL: url }).answer;
    expect(provisioned).toMatchObject({ code: 0, said: [] });
    await using roles = await TestRoles.start({ url, roles: ['collector', 'ai'], envOf: environmentOf });
    expect([...roles.of('collector'), ...roles.of('ai')].map(({ last }) => last)).toEqual(['ready', 'ready']);
    const audited = await start(['audit', '--all'], { ...environmentOf('observer'), NATS_URL: url }).answer;
    expect(audited.code).toBe(0);
  });
});
