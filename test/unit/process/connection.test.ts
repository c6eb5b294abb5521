// Proves how a process gets in: which servers, logins and certificates are taken, and what is said of the others. What becomes
// of the connection later: connection-stays.test.ts.

import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { ConfigError } from '#process/start-error.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { Child } from './child.ts';
import { open, PATIENT, refusalOf, serve, Witness } from './witness.ts';

const dir = mkdtempSync(join(tmpdir(), 'riposte-connection-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('getting in', () => {
  test('a server without JetStream is one line', async (context) => {
    const server = await serve(context, { jetstream: false });
    await using child = new Child('role.ts', { NATS_URL: server.url });
    expect(await child.exited).toMatchObject({
      code: 1,
      stdout: [],
      stderr: [`collector: nats-server at 127.0.0.1:${server.port} runs without JetStream: start it with -js`],
    });
  });

  test('2.12.0 is not too old, whatever is less is', async (context) => {
    for (const version of ['2.11.99', '1.13.0', '2.12.0', '2.12.0-RC.1', '3.0.0']) {
      const announced = await announce(context, version);
      const opened = open(context, { NATS_URL: announced });
      if (/^(2\.11|1)\./.test(version)) await expect(opened).rejects.toThrow(`nats-server ${version} at`);
      else expect((await opened).serverVersion).toBe(version);
    }
  });

  test('a server that is too slow for its own limit on logins is waited for', async (context) => {
    const opened = open(context, { NATS_URL: await announce(context, '2.15.1', { slowLogins: 1 }) });
    expect((await opened).connected).toBe(true);
  });

  test('an account without JetStream is one line', async (context) => {
    const server = await serve(context, {
      config: `
        accounts {
          WITH { jetstream: enabled, users: [{user: with, password: pw}] }
          WITHOUT { users: [{user: without, password: pw}] }
        }`,
    });
    const env = { NATS_URL: server.url, NATS_PASSWORD: 'pw' };
    await open(context, { ...env, NATS_USER: 'with' });
    expect((await refusalOf(context, { ...env, NATS_USER: 'without' })).message).toBe(
      'the NATS account of the login by NATS_USER is not enabled for JetStream',
    );
  });

  test('a server that is not there yet is waited for, with a line now and then', async (context) => {
    const server = await serve(context);
    await server.kill();
    await using child = new Child('role.ts', { NATS_URL: server.url });
    expect(await child.logged('waiting for a NATS server')).toMatchObject({
      level: 'warn',
      servers: [`127.0.0.1:${server.port}`],
      reason: 'connection refused',
    });
    // The second line is five seconds after the first: it proves that waiting goes on, and how often that is said.
    const second = await child.logged(
      (line) => line.msg === 'waiting for a NATS server' && Number(line.waitedMs) > 4_000,
    );
    expect(second.waitedMs).toBeGreaterThanOrEqual(5_000);
    await server.restart();
    await child.logged('ready');
    expect(child.log.filter((line) => line.msg === 'waiting for a NATS server').length).toBeLessThanOrEqual(4);
  });

  test('waiting ends', async (context) => {
    const error = await refusalOf(context, { NATS_URL: 'nats://127.0.0.1:1,127.0.0.1:2' }, new Witness(1_000));
    expect(error.message).toBe('no NATS server at 127.0.0.1:1, 127.0.0.1:2 in 1 s: connection refused');
  });

  test('one of several servers is enough', async (context) => {
    const server = await serve(context);
    const connection = await open(context, { NATS_URL: `127.0.0.1:1,${server.url}` });
    expect(connection.connected).toBe(true);
    expect(connection.serverVersion).toBe(connection.nc.info?.version);
  });

  test('a refused login is one line at once, whatever the way', async (context) => {
    const server = await serve(context, { config: `authorization { ${PATIENT}, user: ann, password: right }` });
    for (const [login, name] of [
      [{}, 'a connection without a login'],
      [{ NATS_USER: 'ann', NATS_PASSWORD: 'wrong' }, 'the login by NATS_USER'],
      [{ NATS_NKEY_SEED_FILE: seedFile() }, 'the login by NATS_NKEY_SEED_FILE'],
    ] as const) {
      await using child = new Child('role.ts', { NATS_URL: server.url, ...login });
      expect(await child.exited).toMatchObject({
        code: 1,
        stdout: [],
        stderr: [`collector: NATS at 127.0.0.1:${server.port} refuses ${name}: Authorization Violation`],
      });
    }
    await open(context, { NATS_URL: server.url, NATS_USER: 'ann', NATS_PASSWORD: 'right' });
  });

  test('a seed file gets in, bare or with words around it', async (context) => {
    const pair = nkeys.createUser();
    const server = await serve(context, {
      config: `authorization { ${PATIENT}, users: [{nkey: ${pair.getPublicKey()}}] }`,
    });
    const seed = new TextDecoder().decode(pair.getSeed());
    for (const text of [seed, `${seed}\n`, `# ours\r\n-----BEGIN USER NKEY SEED-----\r\n${seed}\r\n------\r\n`]) {
      const file = join(dir, 'seed');
      writeFileSync(file, text);
      expect((await open(context, { NATS_URL: server.url, NATS_NKEY_SEED_FILE: file })).connected).toBe(true);
    }
  });

  test('credentials get in, with line ends of any system', async (context) => {
    const operator = nkeys.createOperator();
    const system = nkeys.createAccount();
    const account = nkeys.createAccount();
    const user = nkeys.createUser();
    const everything = { subs: -1, data: -1, payload: -1, conn: -1, leaf: -1, mem_storage: -1, disk_storage: -1 };
    const accountJwt = jwt(operator, account, { type: 'account', limits: everything });
    const systemJwt = jwt(operator, system, {
      type: 'account',
      limits: { subs: -1, data: -1, payload: -1, conn: -1 },
    });
    const server = await serve(context, {
      config: `operator: ${jwt(operator, operator, { type: 'operator' })}
        system_account: ${system.getPublicKey()}
        resolver: MEMORY
        resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
    });
    const userJwt = jwt(account, user, { type: 'user', subs: -1, data: -1, payload: -1 });
    const seed = new TextDecoder().decode(user.getSeed());
    const text = [
      ...['-----BEGIN NATS USER JWT-----', userJwt, '------END NATS USER JWT------', ''],
      ...['-----BEGIN USER NKEY SEED-----', seed, '------END USER NKEY SEED------'],
    ];
    for (const lineEnd of ['\n', '\r\n']) {
      const file = join(dir, 'user.creds');
      writeFileSync(file, text.join(lineEnd));
      expect((await open(context, { NATS_URL: server.url, NATS_CREDS_FILE: file })).connected).toBe(true);
    }
  });

  test('unsound seeds, credentials and certificates name their variable and keep their secret', async (context) => {
    const file = join(dir, 'unsound');
    writeFileSync(file, 'SUsecretsecret');
    for (const [variable, message] of [
      ['NATS_NKEY_SEED_FILE', "NATS_NKEY_SEED_FILE: the file does not hold a user's nkey seed"],
      ['NATS_CREDS_FILE', 'NATS_CREDS_FILE: the file does not hold credentials'],
    ] as const) {
      const error = await refusalOf(context, { [variable]: file });
      expect(error).toBeInstanceOf(ConfigError);
      expect(error.message).toBe(message);
    }
    const error = await refusalOf(context, { NATS_TLS_CERT: file, NATS_TLS_KEY: file });
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(/^NATS_TLS_CERT, NATS_TLS_KEY: not usable, expected PEM/);
    expect(error.message).not.toContain('secret');
  });
});

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('over TLS', () => {
  let certFile: string;
  let keyFile: string;
  let server: TestServer;

  beforeAll(async () => {
    certFile = join(dir, 'cert.pem');
    keyFile = join(dir, 'key.pem');
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-keyout', keyFile, '-out', certFile, '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ],
      { stdio: 'pipe' },
    );
    server = await startTestServer({
      config: `tls { ${PATIENT}, cert_file: "${certFile}", key_file: "${keyFile}", ca_file: "${certFile}", verify: true }`,
    });
  });
  afterAll(() => server?.stop());

  test('the right certificates get in', async (context) => {
    const env = { NATS_URL: `tls://127.0.0.1:${server.port}`, NATS_TLS_CA: certFile };
    const connection = await open(context, { ...env, NATS_TLS_CERT: certFile, NATS_TLS_KEY: keyFile });
    expect(connection.connected).toBe(true);
  });

  test('an unknown authority is one line at once', async (context) => {
    const error = await refusalOf(context, { NATS_URL: `tls://127.0.0.1:${server.port}` });
    expect(error.message).toMatch(/^NATS at 127\.0\.0\.1:\d+ cannot be reached over TLS: /);
  });

  test('a server without TLS is one line at once', async (context) => {
    const plain = await serve(context);
    const error = await refusalOf(context, { NATS_URL: `tls://127.0.0.1:${plain.port}` });
    expect(error.message).toMatch(
      /^NATS at 127\.0\.0\.1:\d+ cannot be reached over TLS: server does not support 'tls'$/,
    );
  });
});

/** Something that calls itself a server of some version, and knows no more than to answer pings and requests. */
async function announce({ onTestFinished }: TestContext, version: string, { slowLogins = 0 } = {}): Promise<string> {
  let logins = 0;
  const info = { server_id: 'x', version, proto: 1, headers: true, jetstream: true, max_payload: 1_048_576 };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on('data', (chunk) => {
      const text = String(chunk);
      if (text.startsWith('CONNECT') && ++logins <= slowLogins) {
        socket.end("-ERR 'Authentication Timeout'\r\n");
        return;
      }
      for (const _ of text.matchAll(/PING\r\n/g)) socket.write('PONG\r\n');
      const [, inbox] = /PUB \$JS\.API\.INFO (\S+) /.exec(text) ?? [];
      if (inbox !== undefined) socket.write(`MSG ${inbox} 1 2\r\n{}\r\n`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A token as operators sign them, without an end. */
function jwt(issuer: KeyPair, subject: KeyPair, nats: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { jti: 'x', iat: 1, iss: issuer.getPublicKey(), name: 'x', sub: subject.getPublicKey() };
  const signed = `${part({ typ: 'JWT', alg: 'ed25519-nkey' })}.${part({ ...claims, nats: { ...nats, version: 2 } })}`;
  return `${signed}.${Buffer.from(issuer.sign(new TextEncoder().encode(signed))).toString('base64url')}`;
}

type KeyPair = ReturnType<typeof nkeys.createUser>;

function seedFile(): string {
  const file = join(dir, 'stranger');
  writeFileSync(file, nkeys.createUser().getSeed());
  return file;
}
