import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUser } from '@nats-io/nkeys';
import { afterAll, describe, expect, test } from 'vitest';
import { readConfig } from '#process/config.ts';
import { ConfigError } from '#process/start-error.ts';
import { Child } from './child.ts';

const dir = mkdtempSync(join(tmpdir(), 'riposte-config-'));
const file = join(dir, 'file');
writeFileSync(file, 'x');
afterAll(() => rmSync(dir, { recursive: true }));

function refusal(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).exitCode).toBe(2);
    expect((error as ConfigError).message).not.toContain('\n');
    return (error as ConfigError).message;
  }
  throw new Error('it was taken');
}

describe('the environment', () => {
  test('an empty one gives the defaults of the contract', () => {
    expect(readConfig({})).toEqual({
      nats: { servers: ['127.0.0.1:4222'], login: { kind: 'none' }, tls: null, inboxPrefix: null },
      replicas: 1,
      httpPort: null,
      logLevel: 'info',
      lockTtlMs: 15_000,
      ackWaitMs: 10_000,
      logMaxAgeMs: 168 * 3_600_000,
      logMaxBytes: -1,
      rulesModules: [],
      policyModules: [],
      provision: true,
    });
  });

  test('an empty string counts as unset', () => {
    const names = ['NATS_URL', 'NATS_USER', 'NATS_PASSWORD', 'NATS_CREDS_FILE', 'REPLICAS', 'HTTP_PORT', 'LOCK_TTL_MS'];
    expect(readConfig(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(readConfig({}));
  });

  test('every variable is taken', () => {
    const config = readConfig({
      NATS_URL: 'nats://a:4222, tls://[::1]:4223/,c',
      NATS_USER: 'ann',
      NATS_PASSWORD: 'secret',
      NATS_TLS_CA: file,
      NATS_TLS_CERT: file,
      NATS_TLS_KEY: file,
      NATS_INBOX_PREFIX: '_INBOX_mine',
      REPLICAS: '3',
      HTTP_PORT: '9100',
      LOG_LEVEL: 'debug',
      LOCK_TTL_MS: '4000',
      ACK_WAIT_MS: '2000',
      LOG_MAX_AGE_H: '24',
      LOG_MAX_BYTES: '1073741824',
      RULES_MODULES: './a.ts, b ,',
      POLICY_MODULES: 'c',
      PROVISION: 'off',
    });
    expect(config).toEqual({
      nats: {
        servers: ['a:4222', '[::1]:4223', 'c'],
        login: { kind: 'password', user: 'ann', password: 'secret' },
        tls: { caFile: file, certFile: file, keyFile: file },
        inboxPrefix: '_INBOX_mine',
      },
      replicas: 3,
      httpPort: 9100,
      logLevel: 'debug',
      lockTtlMs: 4000,
      ackWaitMs: 2000,
      logMaxAgeMs: 86_400_000,
      logMaxBytes: 1_073_741_824,
      rulesModules: ['./a.ts', 'b'],
      policyModules: ['c'],
      provision: false,
    });
  });

  test('S4 addresses of IPv6 are in brackets, with a port or without', () => {
    const { servers, tls } = readConfig({ NATS_URL: 'nats://[::1]:4222,[2001:db8::1],tls://[2001:db8::2]:4333' }).nats;
    expect([servers, tls]).toEqual([['[::1]:4222', '[2001:db8::1]', '[2001:db8::2]:4333'], {}]);
  });

  test('a seed or a credentials file is a way to log in', () => {
    expect(readConfig({ NATS_NKEY_SEED_FILE: file }).nats.login).toEqual({ kind: 'nkey', seedFile: file });
    expect(readConfig({ NATS_CREDS_FILE: file }).nats.login).toEqual({ kind: 'creds', credsFile: file });
  });

  const missing = join(dir, 'missing');
  test.each([
    [{ NATS_URL: 'ws://a:1' }, 'NATS_URL: got "ws://a:1", expected nats:// or tls://'],
    [{ NATS_URL: 'nats://a:99999' }, 'NATS_URL: got "nats://a:99999", expected nats://host:port, comma-separated'],
    [{ NATS_URL: 'nats://a/b' }, 'NATS_URL: got "nats://a/b", expected nats://host:port, comma-separated'],
    [{ NATS_URL: 'nats://a b' }, 'NATS_URL: got "nats://a b", expected nats://host:port, comma-separated'],
    [{ NATS_URL: '::1' }, 'NATS_URL: got "::1", expected an IPv6 address in brackets, as in nats://[::1]:4222'],
    [
      { NATS_URL: 'nats://a:4222,nats://2001:db8::1' },
      'NATS_URL: got "nats://2001:db8::1", expected an IPv6 address in brackets, as in nats://[::1]:4222',
    ],
    [{ NATS_URL: 'nats://[::1' }, 'NATS_URL: got "nats://[::1", expected nats://host:port, comma-separated'],
    [{ NATS_URL: ' , ' }, 'NATS_URL: got " , ", expected nats://host:port, comma-separated'],
    [{ REPLICAS: '2' }, 'REPLICAS: got "2", expected one of 1, 3, 5'],
    [{ REPLICAS: '3.0' }, 'REPLICAS: got "3.0", expected one of 1, 3, 5'],
    [{ HTTP_PORT: 'http' }, 'HTTP_PORT: got "http", expected a port from 0 to 65535'],
    [{ HTTP_PORT: '65536' }, 'HTTP_PORT: got "65536", expected a port from 0 to 65535'],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: got "loud", expected one of trace, debug, info, warn, error, fatal, silent'],
    [{ LOCK_TTL_MS: '1000' }, 'LOCK_TTL_MS: got "1000", expected milliseconds in whole seconds, from 2000 to 3600000'],
    [{ LOCK_TTL_MS: '2500' }, 'LOCK_TTL_MS: got "2500", expected milliseconds in whole seconds, from 2000 to 3600000'],
    [{ ACK_WAIT_MS: '-1' }, 'ACK_WAIT_MS: got "-1", expected milliseconds in whole seconds, from 2000 to 3600000'],
    [{ ACK_WAIT_MS: '1e4' }, 'ACK_WAIT_MS: got "1e4", expected milliseconds in whole seconds, from 2000 to 3600000'],
    [{ LOG_MAX_AGE_H: '0' }, 'LOG_MAX_AGE_H: got "0", expected whole hours from 1 to 87600'],
    [{ LOG_MAX_BYTES: '1G' }, 'LOG_MAX_BYTES: got "1G", expected whole bytes, 1048576 at least'],
    [{ RULES_MODULES: ',' }, 'RULES_MODULES: got ",", expected comma-separated modules'],
    [{ POLICY_MODULES: ' ' }, 'POLICY_MODULES: got " ", expected comma-separated modules'],
    [{ PROVISION: 'yes' }, 'PROVISION: got "yes", expected one of on, off'],
    [{ NATS_INBOX_PREFIX: 'mine' }, 'NATS_INBOX_PREFIX: got "mine", expected _INBOX, or _INBOX_ and a name'],
    [{ NATS_INBOX_PREFIX: '_INBOX.x' }, 'NATS_INBOX_PREFIX: got "_INBOX.x", expected _INBOX, or _INBOX_ and a name'],
    [{ NATS_CREDS_FILE: missing }, 'NATS_CREDS_FILE: there is no such file, expected the path of a file'],
    [{ NATS_NKEY_SEED_FILE: dir }, 'NATS_NKEY_SEED_FILE: what it names is no file, expected the path of a file'],
    [{ NATS_TLS_CA: missing }, 'NATS_TLS_CA: there is no such file, expected the path of a file'],
    [{ NATS_TLS_CA: `${file}/x` }, 'NATS_TLS_CA: it cannot be read (ENOTDIR), expected the path of a file'],
    [{ NATS_TLS_CERT: file }, 'NATS_TLS_KEY: not set, expected with NATS_TLS_CERT'],
    [{ NATS_TLS_KEY: file }, 'NATS_TLS_CERT: not set, expected with NATS_TLS_KEY'],
    [{ NATS_USER: 'ann' }, 'NATS_PASSWORD: not set, expected with NATS_USER'],
    [{ NATS_PASSWORD: 'secret' }, 'NATS_USER: not set, expected with NATS_PASSWORD'],
    [
      { NATS_USER: 'ann', NATS_PASSWORD: 'secret', NATS_CREDS_FILE: file },
      'NATS_CREDS_FILE: set together with NATS_USER, expected one way to log in',
    ],
    [
      { REPLICAS: '2', HTTP_PORT: 'x' },
      'REPLICAS: got "2", expected one of 1, 3, 5; HTTP_PORT: got "x", expected a port from 0 to 65535',
    ],
  ] as [NodeJS.ProcessEnv, string][])('a bad value names its variable: %o', (env, line) => {
    expect(refusal(env)).toBe(line);
  });

  test('a secret is never repeated', () => {
    expect(refusal({ NATS_URL: 'nats://ann:hunter2@a:4222' })).toBe(
      'NATS_URL: a user does not belong in it, expected NATS_USER and NATS_PASSWORD',
    );
    expect(refusal({ NATS_URL: 'nats://ann:hun,ter2@a:4222' })).not.toMatch(/hun|ter2/);
    expect(refusal({ NATS_PASSWORD: 'hunter2', REPLICAS: 'x' })).not.toContain('hunter2');
  });

  test.each(['NATS_NKEY_SEED_FILE', 'NATS_CREDS_FILE', 'NATS_TLS_CA', 'NATS_TLS_CERT', 'NATS_TLS_KEY'])(
    '%s that holds the secret in place of its path does not repeat it',
    (name) => {
      const seed = new TextDecoder().decode(createUser().getSeed());
      const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      });
      // Too long for a path, too: the system's own error would have it.
      for (const secret of [seed, `/run/${seed}`, String(pem), `${seed} `.repeat(100)]) {
        const line = refusal({ [name]: secret });
        expect(line).toMatch(new RegExp(`^${name}: .*expected the path of a file`));
        for (const piece of secret.split(/[\s/]+/).filter((word) => word.length > 8)) expect(line).not.toContain(piece);
      }
    },
  );

  test('a long or many-lined value stays one short line', () => {
    expect(refusal({ REPLICAS: `1\n${'9'.repeat(5000)}` }).length).toBeLessThan(200);
  });

  test('a process with bad values exits 2 with the one line on stderr', async () => {
    await using child = new Child('role.ts', { LOCK_TTL_MS: '2500' });
    expect(await child.exited).toEqual({
      code: 2,
      signal: null,
      stdout: [],
      stderr: ['collector: LOCK_TTL_MS: got "2500", expected milliseconds in whole seconds, from 2000 to 3600000'],
    });
  }, 20_000);
});
