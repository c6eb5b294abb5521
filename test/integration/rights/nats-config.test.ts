// Proves `riposte nats-config`: what it writes is what a server takes, alone and as a cluster; what is secret is for its owner;
// what was made once is kept; and what it does not understand is refused in one line.

import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectByTcp } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectByTls } from 'node:tls';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { USERS } from '#contracts/rights.ts';
import { loginOptions } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';
import { onThisMachine } from '#test/harness/cluster-places.ts';
import { start } from '#test/integration/cli/riposte.ts';
import { type PrivateServer, startPrivateServer } from '#tools/nats-server/private-server.ts';

const CLUSTER_LIMIT_MS = 120_000;
const OWNERS_ONLY = 0o600;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'riposte-conf-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (...args: string[]) => start(['nats-config', directory, ...args], {}).answer;
const file = (name: string): string => readFileSync(join(directory, name), 'utf8');
const everyFile = (): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
const connection = (port: number, user: string): NodeJS.ProcessEnv => ({
  NATS_URL: `nats://127.0.0.1:${port}`,
  NATS_TLS_CA: join(directory, 'ca.pem'),
  NATS_NKEY_SEED_FILE: join(directory, `seeds/${user}.nk`),
});

/** A server with a configuration that the command has written; only where its log goes is the test's. */
function serve(name: string, port: number): Promise<PrivateServer> {
  return startPrivateServer({ config: async () => file(`${name}.conf`), nextPort: () => port });
}

describe('what it writes', () => {
  test('is a seed for each user, certificates, and a configuration that has no secret in it', async () => {
    const { code, out, said } = await write();
    expect({ code, said }).toEqual({ code: 0, said: [`one server in ${directory}`] });
    const names = [...USERS, 'system'].map((user) => `seeds/${user}.nk`);
    expect(out).toEqual([...names, 'ca.pem', 'nats.pem', 'nats.conf'].map((name) => `${name} written`));
    const secrets = [...names, 'ca-key.pem', 'nats-key.pem'];
    expect(everyFile().sort()).toEqual(
      [...secrets, 'ca.pem', 'nats.pem', 'nats.conf'].map((name) => join(directory, name)).sort(),
    );
    for (const secret of secrets) {
      expect([secret, statSync(join(directory, secret)).mode & 0o777]).toEqual([secret, OWNERS_ONLY]);
      expect(file('nats.conf')).not.toContain(file(secret).trim());
    }
    expect(file('nats.conf')).toContain('http: "127.0.0.1:8222"');
    expect(file('nats.conf')).toMatch(/^ {2}# sync_interval: always$/m);
  });

  test('is kept when it is written again, but for the configuration', async () => {
    await write();
    const before = new Map(everyFile().map((path) => [path, readFileSync(path, 'utf8')]));
    writeFileSync(join(directory, 'nats.conf'), 'something else');
    const { code, out } = await write();
    expect([code, out.filter((line) => line.endsWith('written'))]).toEqual([0, ['nats.conf written']]);
    expect(new Map(everyFile().map((path) => [path, readFileSync(path, 'utf8')]))).toEqual(before);
    const wider = await write(
      '--also',
      'nats.example.org,10.0.0.7',
      '--sync-interval',
      '1s',
      '--results',
      'rewards,ladder',
    );
    expect(wider.out.filter((line) => line.endsWith('written'))).toEqual(['nats.pem written', 'nats.conf written']);
    const certificate = new X509Certificate(file('nats.pem'));
    expect(certificate.checkHost('nats.example.org')).toBe('nats.example.org');
    expect(certificate.checkIP('10.0.0.7')).toBe('10.0.0.7');
    expect(file('nats.conf')).toMatch(/^ {2}sync_interval: 1s$/m);
    expect(file('nats.conf')).toContain('"$JS.ACK.COMBAT.rewards.>"');
    expect(file('nats.conf')).not.toContain('COMBAT.results');
  });

  test('is named as the servers will see it', async () => {
    await write('--as', '/conf', '--store', '/data', '--listen', '10.0.0.7');
    expect(file('nats.conf')).toContain('store_dir: "/data"');
    expect(file('nats.conf')).toContain('key_file: "/conf/nats-key.pem"');
    expect(file('nats.conf')).toContain('listen: "10.0.0.7:4222"');
    expect(file('nats.conf')).not.toContain(directory);
  });
});

describe('a run that was killed', () => {
  const anew = (out: readonly string[]): string[] => out.filter((line) => line.endsWith('written'));
  const strangersKey = (): string =>
    String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const isPair = (certificate: string, key: string): boolean =>
    new X509Certificate(file(certificate)).checkPrivateKey(createPrivateKey(file(key)));

  test('between a server’s key and its certificate leaves a pair that is made anew', async () => {
    await write();
    writeFileSync(join(directory, 'nats-key.pem'), strangersKey());
    const { code, out } = await write();
    expect([code, anew(out)]).toEqual([0, ['nats.pem written', 'nats.conf written']]);
    expect(isPair('nats.pem', 'nats-key.pem')).toBe(true);
  });

  test('between the authority’s key and its certificate leaves a key that gets one, and what it has signed stays good', async () => {
    await write();
    const key = file('ca-key.pem');
    rmSync(join(directory, 'ca.pem'));
    const { code, out } = await write();
    expect([code, anew(out)]).toEqual([0, ['ca.pem written', 'nats.conf written']]);
    expect([file('ca-key.pem'), isPair('ca.pem', 'ca-key.pem')]).toEqual([key, true]);
    expect(new X509Certificate(file('nats.pem')).verify(new X509Certificate(file('ca.pem')).publicKey)).toBe(true);
  });

  test('leaves no authority of another’s key, and none without a key: such a one is named, and left', async () => {
    await write();
    writeFileSync(join(directory, 'ca-key.pem'), strangersKey());
    const [other, authority] = [await write(), file('ca.pem')];
    expect([other.code, other.said]).toEqual([2, [expect.stringContaining('are not an authority that this command')]]);
    rmSync(join(directory, 'ca-key.pem'));
    const none = await write();
    expect([none.code, none.said]).toEqual([2, [expect.stringMatching(/there is .*ca\.pem and no .*ca-key\.pem/)]]);
    expect(file('ca.pem')).toBe(authority);
  });

  test('leaves files whole, and what it left beside them stands in nobody’s way', async () => {
    await write();
    const before = file('nats.conf');
    linkSync(join(directory, 'nats.conf'), join(directory, 'as-it-was'));
    writeFileSync(join(directory, 'other'), 'not to be written over');
    linkSync(join(directory, 'other'), join(directory, 'nats.conf.next'));
    chmodSync(join(directory, 'nats.conf.next'), 0o400);
    expect((await write('--sync-interval', '1s')).code).toBe(0);
    expect(file('nats.conf')).not.toBe(before);
    expect([file('as-it-was'), file('other')]).toEqual([before, 'not to be written over']);
    expect(everyFile().filter((path) => path.endsWith('.next'))).toEqual([]);
  });
});

describe('a cluster of three', () => {
  test('finds itself over TLS, is provisioned with three replicas, and keeps the seal', {
    timeout: CLUSTER_LIMIT_MS,
  }, async () => {
    const places = await onThisMachine(3);
    const server = ({ port, route }: (typeof places)[number], index: number): string[] => [
      '--server',
      `n${index}=127.0.0.1:${port}:${route.split(':')[1]}:0`,
    ];
    const { code } = await write('--listen', '127.0.0.1', ...places.flatMap(server));
    expect(code).toBe(0);
    expect(file('n1.conf')).toMatch(/^ {2}sync_interval: always$/m);
    expect(file('n1.conf').match(/verify: true/g)).toHaveLength(1);
    // S12: the operator comes before the servers, and one of them before the others.
    const operator = { ...connection(places[0]!.port, 'operator'), REPLICAS: '3' };
    const provisioning = start(['provision', '--json'], operator);
    const [waits] = await once(provisioning.child.stderr!, 'data');
    expect(waits).toMatch(/^waiting for a NATS server: .*\n$/);
    const servers = [await serve('n0', places[0]!.port)];
    try {
      servers.push(...(await Promise.all([1, 2].map((index) => serve(`n${index}`, places[index]!.port)))));
      const first = await provisioning.answer;
      expect([first.code, first.out.map((line) => JSON.parse(line).change)]).toEqual([0, Array(12).fill('created')]);
      const elsewhere = { ...operator, ...connection(places[1]!.port, 'operator'), ACK_WAIT_MS: '7000' };
      const again = await start(['provision', '--json'], elsewhere).answer;
      const changes = again.out.map((line) => JSON.parse(line)).filter(({ change }) => change !== 'unchanged');
      expect(changes).toEqual(
        ['collector', 'timers', 'executor', 'ai'].map((name) => ({
          kind: 'consumer',
          name,
          change: 'changed',
          settings: ['ack_wait'],
        })),
      );
      const nc = await connect({
        ...loginOptions(readConfig(connection(places[2]!.port, 'game_server')).nats, 'game_server'),
      });
      // It would seek the others there after a lost connection, and fail: their certificates have other names.
      expect(nc.info?.connect_urls).toBeUndefined();
      const config = {
        durable_name: 'collector',
        name: 'collector',
        ack_policy: 'explicit',
        deliver_policy: 'all',
        filter_subject: 'combat.*.*',
      };
      const request = JSON.stringify({ stream_name: 'COMBAT', config });
      const subject = '$JS.API.CONSUMER.CREATE.COMBAT.collector.combat.*.*';
      const answer = (await nc.request(subject, request, { timeout: 10_000 })).json();
      expect(answer).toMatchObject({ error: { description: 'deliver policy can not be updated' } });
      await nc.close();
      const logs = servers.map(({ logFile }) => readFileSync(logFile, 'utf8')).join('\n');
      expect(logs).not.toMatch(/TLS route handshake error/);
    } finally {
      await Promise.all(servers.map((each) => each.stop()));
    }
  });

  test('does not let a server in that has no certificate of its authority', async () => {
    const places = await onThisMachine(3);
    const own = places.map(({ port, route }, index) => `n${index}=127.0.0.1:${port}:${route.split(':')[1]}:0`);
    await write('--listen', '127.0.0.1', ...own.flatMap((each) => ['--server', each]));
    await using server = await serve('n0', places[0]!.port);
    const stranger = `cluster { name: "riposte", listen: "127.0.0.1:-1", routes: ["nats-route://127.0.0.1:${places[0]!.route.split(':')[1]}"] }`;
    await using other = await startPrivateServer({ jetstream: false, config: stranger });
    const said = (): string => readFileSync(server.logFile, 'utf8') + readFileSync(other.logFile, 'utf8');
    while (!/TLS route handshake error|Route connection.*(closed|Error)|tls: /i.test(said())) await pause(50);
    expect(said()).not.toMatch(/Route RTT|JetStream cluster new/);
  });
});

describe('a server of a cluster', () => {
  /** Whether a server lets somebody make a route who speaks TLS: then it says INFO. */
  async function letsIn(port: number, shown: { cert: Buffer; key: Buffer } | null): Promise<boolean> {
    const ca = readFileSync(join(directory, 'ca.pem'));
    const socket = connectByTls({ host: '127.0.0.1', port, ca, servername: 'localhost', ...shown });
    const { promise, resolve } = Promise.withResolvers<boolean>();
    socket.once('data', (said) => resolve(String(said).startsWith('INFO ')));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    return promise.finally(() => socket.destroy());
  }

  test('makes routes over TLS with whoever shows a certificate of its authority, and with nobody else', async () => {
    const places = await onThisMachine(3);
    const routePort = Number(places[0]!.route.split(':')[1]);
    const own = places.map(({ port, route }, index) => `--server=n${index}=127.0.0.1:${port}:${route.split(':')[1]}:0`);
    await write('--listen', '127.0.0.1', ...own);
    const others = join(directory, 'others');
    await start(['nats-config', others, ...own], {}).answer;
    await using server = await serve('n0', places[0]!.port);
    const said = async (reason: RegExp): Promise<void> => {
      while (!reason.test(readFileSync(server.logFile, 'utf8'))) await pause(20);
    };
    const pair = (from: string) => ({
      cert: readFileSync(join(from, 'n1.pem')),
      key: readFileSync(join(from, 'n1-key.pem')),
    });
    expect(await letsIn(routePort, pair(directory))).toBe(true);
    expect(await letsIn(routePort, null)).toBe(false);
    await said(/TLS route handshake error: tls: client didn't provide a certificate/);
    expect(await letsIn(routePort, pair(others))).toBe(false);
    await said(/TLS route handshake error: .*certificate signed by unknown authority/);
  });

  // All of 127.0.0.0/8 is the machine itself there.
  test.skipIf(process.platform !== 'linux')(
    'shows its monitoring on loopback, and listens for it nowhere else',
    async () => {
      const [client, monitor] = (await onThisMachine(2)).map(({ port }) => port) as [number, number];
      await write('--listen', '0.0.0.0', `--server=nats=127.0.0.1:${client}:6222:${monitor}`);
      await using _server = await serve('nats', client);
      const page = await fetch(`http://127.0.0.1:${monitor}/healthz`);
      expect([page.status, await page.json()]).toEqual([200, { status: 'ok' }]);
      const attempt = async (host: string, port: number): Promise<string> => {
        const socket = connectByTcp(port, host);
        const outcome = once(socket, 'connect').then(
          () => 'let in',
          ({ code }) => String(code),
        );
        return outcome.finally(() => socket.destroy());
      };
      const outside = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
      const addresses = outside
        .filter(({ internal, family }) => !internal && family === 'IPv4')
        .map((each) => each.address);
      for (const address of ['127.0.0.2', ...addresses]) {
        const found = { clients: await attempt(address, client), monitoring: await attempt(address, monitor) };
        expect([address, found]).toEqual([address, { clients: 'let in', monitoring: 'ECONNREFUSED' }]);
      }
    },
  );
});

describe('what it does not understand', () => {
  test('a seed that is none is named, and not repeated', async () => {
    await write();
    writeFileSync(join(directory, 'seeds/ai.nk'), 'SUSECRET');
    const { code, said } = await write();
    expect([code, said]).toEqual([
      2,
      [`riposte nats-config: ${join(directory, 'seeds/ai.nk')} does not hold a user's nkey seed`],
    ]);
  });
});
