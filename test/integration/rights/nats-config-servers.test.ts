// Proves that what `riposte nats-config` writes is what servers take: a cluster finds itself over TLS and lets nobody else in, and
// monitoring is for the machine itself.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectByTcp } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectByTls } from 'node:tls';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { natsConfigCommand } from '#cli/nats-config/command.ts';
import { provisionCommand } from '#cli/provision/command.ts';
import { loginOptions } from '#jetstream/login.ts';
import { readConfig } from '#process/config.ts';
import { onThisMachine, type Place } from '#test/harness/cluster-places.ts';
import { runHere } from '#test/integration/cli/in-process.ts';
import { type Running, start } from '#test/integration/cli/riposte.ts';
import { type PrivateServer, startPrivateServer } from '#tools/nats-server/private-server.ts';

const LOOK_MS = 20;
const ANSWER_LIMIT_MS = 60_000;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'riposte-conf-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (...args: string[]) => runHere(natsConfigCommand, [directory, ...args]);
const file = (name: string): string => readFileSync(join(directory, name), 'utf8');
const connection = (port: number, user: string): NodeJS.ProcessEnv => ({
  NATS_URL: `nats://127.0.0.1:${port}`,
  NATS_TLS_CA: join(directory, 'ca.pem'),
  NATS_NKEY_SEED_FILE: join(directory, `seeds/${user}.nk`),
});

/** The options for three servers at these places. */
const three = (places: readonly Place[]): string[] => [
  '--listen=127.0.0.1',
  ...places.map(({ port, route }, index) => `--server=n${index}=127.0.0.1:${port}:${route.split(':')[1]}:0`),
];

/**
 * Serves what the command writes for places that nobody has. Where somebody was quicker, it does the same for others.
 * @param size how many places
 * @param names the servers to start, on the first of them
 * @param argsOf the command's options
 * @param beforeStart called when the command has written, before a server starts
 */
async function serve(
  size: number,
  names: readonly string[],
  argsOf: (places: readonly Place[]) => readonly string[],
  beforeStart: (places: readonly Place[]) => Promise<void> = async () => {},
) {
  for (;;) {
    const places = await onThisMachine(size);
    const args = argsOf(places);
    expect((await write(...args)).code).toBe(0);
    await beforeStart(places);
    const tries = await Promise.allSettled(names.map((name, index) => serveOne(name, places[index]!)));
    const failed = tries.find((each) => each.status === 'rejected');
    const servers = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    if (failed === undefined) return { args, places, servers, [Symbol.asyncDispose]: () => stop(servers) };
    await stop(servers);
    if (!/address already in use/.test(String(failed.reason))) throw failed.reason;
  }
}

async function stop(servers: readonly PrivateServer[]): Promise<void> {
  await Promise.all(servers.map((each) => each.stop()));
}

/** A server says that it is ready before it listens for routes, and ends if it cannot. */
async function serveOne(name: string, { port }: Place): Promise<PrivateServer> {
  const config = file(`${name}.conf`);
  const server = await startPrivateServer({ config: async () => config, nextPort: () => port });
  while (config.includes('cluster {') && !logOf(server).includes('Listening for route connections')) {
    if (server.pid === undefined) {
      const log = logOf(server);
      await server.stop();
      throw new Error(log);
    }
    await pause(LOOK_MS);
  }
  return server;
}

const logOf = ({ logFile }: PrivateServer): string => readFileSync(logFile, 'utf8');

/** Resolves when a line is in the server's log, which another process writes. */
async function logged(server: PrivateServer, line: RegExp): Promise<void> {
  while (!line.test(logOf(server))) await pause(LOOK_MS);
}

test('a cluster of three finds itself over TLS, is provisioned with three replicas, and keeps the seal', async () => {
  let provisioning: Running | undefined;
  onTestFinished(() => void provisioning?.child.kill());
  // S12: the operator comes before the servers, and waits for them to find each other.
  await using cluster = await serve(3, ['n0', 'n1', 'n2'], three, async ([{ port } = { port: 0 }]) => {
    provisioning?.child.kill();
    provisioning = start(['provision', '--json'], { ...connection(port, 'operator'), REPLICAS: '3' });
    const [waits] = await once(provisioning.child.stderr!, 'data');
    expect(waits).toMatch(/^waiting for a NATS server: .*\n$/);
  });
  const { places, servers } = cluster;
  expect(file('n1.conf')).toMatch(/^ {2}sync_interval: always$/m);
  expect(file('n1.conf').match(/verify: true/g)).toHaveLength(1);
  const operator = { ...connection(places[1]!.port, 'operator'), REPLICAS: '3' };
  const first = await provisioning!.answer;
  expect([first.code, first.out.map((line) => JSON.parse(line).change)]).toEqual([0, Array(12).fill('created')]);
  const again = await runHere(provisionCommand, ['--json'], { ...operator, ACK_WAIT_MS: '7000' });
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
  const answer = (await nc.request(subject, request, { timeout: ANSWER_LIMIT_MS })).json();
  expect(answer).toMatchObject({ error: { description: 'deliver policy can not be updated' } });
  await nc.close();
  expect(servers.map(logOf).join('\n')).not.toMatch(/TLS route handshake error/);
});

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

test('a server of a cluster makes routes over TLS with whoever shows a certificate of its authority, and with nobody else', async () => {
  await using one = await serve(3, ['n0'], three);
  const [server] = one.servers as [PrivateServer];
  const routePort = Number(one.places[0]!.route.split(':')[1]);
  const others = join(directory, 'others');
  await runHere(natsConfigCommand, [others, ...one.args]);
  const pair = (from: string) => ({
    cert: readFileSync(join(from, 'n1.pem')),
    key: readFileSync(join(from, 'n1-key.pem')),
  });
  expect(await letsIn(routePort, pair(directory))).toBe(true);
  expect(await letsIn(routePort, null)).toBe(false);
  await logged(server, /TLS route handshake error: tls: client didn't provide a certificate/);
  expect(await letsIn(routePort, pair(others))).toBe(false);
  await logged(server, /TLS route handshake error: .*certificate signed by unknown authority/);

  const plain = `cluster { name: "riposte", listen: "127.0.0.1:-1", routes: ["nats-route://127.0.0.1:${routePort}"] }`;
  await using stranger = await startPrivateServer({ jetstream: false, config: plain });
  await logged(server, /TLS route handshake error: tls: first record does not look like a TLS handshake/);
  expect(logOf(server) + logOf(stranger)).not.toMatch(/Route RTT|JetStream cluster new/);
});

// All of 127.0.0.0/8 is the machine itself there.
test.skipIf(process.platform !== 'linux')(
  'a server shows its monitoring on loopback, and listens for it nowhere else',
  async () => {
    // The second place is for monitoring.
    await using one = await serve(2, ['nats'], ([own, monitoring]) => [
      '--listen=0.0.0.0',
      `--server=nats=127.0.0.1:${own!.port}:6222:${monitoring!.port}`,
    ]);
    const [client, monitor] = one.places.map(({ port }) => port) as [number, number];
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
