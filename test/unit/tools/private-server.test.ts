import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connect as connectAs } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { PrivateServerError } from '#tools/nats-server/private-server.ts';
import { serverForCommand } from '#tools/nats-server/server-for-command.ts';
import { ended, firstLine, isAlive, parentOf, until } from './processes.ts';

const SERVE = fileURLToPath(new URL('./programs/serve.ts', import.meta.url));

async function started(...options: Parameters<typeof startTestServer>): Promise<TestServer> {
  const server = await startTestServer(...options);
  onTestFinished(() => server.stop());
  return server;
}

async function serverInfo(server: { url: string }) {
  const nc = await connect({ servers: server.url, maxReconnectAttempts: 0 });
  const info = nc.info;
  await nc.close();
  return info!;
}

/** Starts a command with a private server in a session of its own, as a terminal would. */
async function command(mode: 'stay' | 'leave') {
  const child = spawn(process.execPath, [SERVE, mode], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const end = ended(child);
  const server: { url: string; pid: number; workDir: string } = JSON.parse(await firstLine(child));
  return { child, end, server };
}

describe('a private server', () => {
  test('takes connections on loopback, with JetStream, and leaves nothing behind when stopped', async () => {
    const server = await started();
    const info = await serverInfo(server);
    expect(server.url).toBe(`nats://127.0.0.1:${server.port}`);
    expect({ host: info.host, port: info.port, jetstream: info.jetstream }).toEqual({
      host: '127.0.0.1',
      port: server.port,
      jetstream: true,
    });
    const { pid } = server;
    await server.stop();
    await server.stop();
    expect(server.pid).toBeUndefined();
    expect(isAlive(pid!)).toBe(false);
    expect(existsSync(dirname(server.logFile))).toBe(false);
  });

  test('keeps its port and its store over a kill and a restart', async () => {
    const server = await started();
    const { port, pid } = server;
    const nc = await connect({ servers: server.url, maxReconnectAttempts: 0 });
    await (await jetstreamManager(nc, PATIENCE)).streams.add({ name: 'KEPT', subjects: ['kept'] });
    await jetstream(nc).publish('kept', 'before');
    await nc.close();

    await server.kill();
    expect(server.pid).toBeUndefined();
    expect(isAlive(pid!)).toBe(false);
    await server.restart();

    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    const again = await connect({ servers: server.url });
    const stream = await (await jetstreamManager(again, PATIENCE)).streams.info('KEPT');
    expect(stream.state.messages).toBe(1);
    await again.close();
  });

  test('a restart of a running server may change its configuration', async () => {
    const server = await started();
    await server.restart({ config: 'max_payload: 4KB', jetstream: false });
    expect(await serverInfo(server)).toMatchObject({ max_payload: 4096 });
    expect((await serverInfo(server)).jetstream ?? false).toBe(false);
  });

  test('takes configuration inside the jetstream block', async () => {
    const server = await started({ jetstream: 'max_file_store: 1MB' });
    const nc = await connect({ servers: server.url });
    const jsm = await jetstreamManager(nc, PATIENCE);
    const asking = jsm.streams.add({ name: 'LARGE', subjects: ['large'], max_bytes: 2 * 1024 * 1024 });
    await expect(asking).rejects.toThrow(/insufficient storage/);
    await nc.close();
  });

  test('can be paused, goes on where it was, and can be stopped while paused', async () => {
    const server = await started();
    const { pid } = server;
    await server.kill('SIGSTOP');
    expect(server.pid).toBe(pid);
    await server.kill('SIGCONT');
    expect(await serverInfo(server)).toMatchObject({ port: server.port });
    await server.kill('SIGSTOP');
    await server.stop();
    expect(isAlive(pid!)).toBe(false);
  });

  test('tries another port where a stranger has the first', async () => {
    const stranger = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void stranger.close());
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port: taken } = stranger.address() as { port: number };
    const offered = [taken, undefined];
    const server = await started({ nextPort: () => offered.shift() ?? randomInt(19_000, 20_000) });
    expect(server.port).not.toBe(taken);
    expect(await serverInfo(server)).toMatchObject({ port: server.port });
  });

  test('a store of the caller stays where it is', async () => {
    const storeDir = mkdtempSync(join(tmpdir(), 'riposte-test-store-'));
    onTestFinished(() => rmSync(storeDir, { recursive: true }));
    const server = await started({ storeDir });
    await server.stop();
    expect(existsSync(join(storeDir, 'jetstream'))).toBe(true);
  });

  test('a configuration that the server refuses is an error that says why', async () => {
    const failing = startTestServer({ config: 'no_such_setting: 1' });
    await expect(failing).rejects.toThrow(PrivateServerError);
    await expect(failing).rejects.toThrow(/no_such_setting/);
  });

  test('a binary that is not there is an error that says so', async () => {
    await expect(startTestServer({ binary: '/nowhere/nats-server' })).rejects.toThrow(/ENOENT/);
  });
});

describe('no private server outlives the command that started it', () => {
  test('when the command is killed outright, the server goes and its directory with it', async () => {
    const { child, server } = await command('stay');
    expect(isAlive(server.pid)).toBe(true);
    child.kill('SIGKILL');
    await until('the server is gone', () => !isAlive(server.pid));
    await until('its directory is gone', () => !existsSync(server.workDir));
  });

  test('when the command ends without stopping it', async () => {
    const { end, server } = await command('leave');
    expect(await end).toEqual({ code: 0, signal: null });
    await until('the server is gone', () => !isAlive(server.pid));
    await until('its directory is gone', () => !existsSync(server.workDir));
  });

  test('when the guardian is killed, the command takes the server down and says so', async () => {
    const server = await started();
    const { pid } = server;
    process.kill(parentOf(pid!), 'SIGKILL');
    await until('the server is gone', () => !isAlive(pid!));
    await until('its directory is gone', () => !existsSync(dirname(server.logFile)));
    await expect(server.restart()).rejects.toThrow(/guardian/);
  });

  test("a terminal's Ctrl-C leaves the server to the command", async () => {
    const { child, server } = await command('stay');
    // To the whole foreground group, as a terminal does it.
    process.kill(-child.pid!, 'SIGINT');
    expect(await serverInfo(server)).toMatchObject({ jetstream: true });
    expect(isAlive(server.pid)).toBe(true);
    process.kill(-child.pid!, 'SIGKILL');
    await until('the server is gone', () => !isAlive(server.pid));
  });
});

describe('the server of a command', () => {
  test('is the one of NATS_URL where that is set, and nothing is started', async () => {
    const server = await serverForCommand({ binary: '/nowhere/nats-server' }, { NATS_URL: 'nats://192.0.2.1:4222' });
    expect({ url: server.url, own: server.own }).toEqual({ url: 'nats://192.0.2.1:4222', own: undefined });
    await server.stop();
  });

  test('is a private one otherwise, which lets in those whom it has given a key, and nobody else', async () => {
    const server = await serverForCommand({}, {});
    const logger = pino({ level: 'silent' });
    const env = server.environmentOf('operator');
    const connection = await connectAs(readConfig(env), { name: 'test', user: 'operator', logger, onClosed: () => {} });
    expect(connection.nc.info).toMatchObject({ jetstream: true, tls_required: true, auth_required: true });
    await connection.close();
    await expect(serverInfo(server)).rejects.toThrow();
    await server.stop();
    expect(server.own?.pid).toBeUndefined();
  });
});
