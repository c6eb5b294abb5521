import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test } from 'vitest';
import { type HttpServer, type ReadinessChecks, startHttp } from '#process/http.ts';

let server: HttpServer;
afterEach(() => server.close());

async function start(checks: ReadinessChecks = {}): Promise<string> {
  server = await startHttp(0, {
    checks: () => checks,
    metrics: async () => ({ type: 'text/plain', text: 'riposte_wakes_total 1\n' }),
  });
  return `http://127.0.0.1:${server.port}`;
}

describe('the pages of a process', () => {
  test('/healthz answers while the event loop does', async () => {
    const response = await fetch(`${await start({ never: () => 'not this one' })}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { ok: true }]);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((cards) => cards?.some(({ address }) => address === '::1'));
  test.skipIf(!hasIpv6)('S4 are there over IPv6 as over IPv4', async () => {
    await start();
    const hosts = ['127.0.0.1', '[::1]'].map((host) => fetch(`http://${host}:${server.port}/healthz`));
    expect((await Promise.all(hosts)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test('/readyz is 200 when every check is content', async () => {
    const response = await fetch(`${await start({ connected: () => null })}/readyz?verbose`);
    expect([response.status, await response.json()]).toEqual([200, { ready: true }]);
  });

  test('/readyz is 503 and names what is not ready', async () => {
    const url = await start({
      connected: () => null,
      consuming: () => 'no consumer',
      lag: () => {
        throw new Error('who knows');
      },
    });
    const response = await fetch(`${url}/readyz`);
    expect([response.status, await response.json()]).toEqual([
      503,
      { ready: false, reasons: { consuming: 'no consumer', lag: 'the check failed: who knows' } },
    ]);
  });

  test('/metrics is what the registry says', async () => {
    const response = await fetch(`${await start()}/metrics`);
    expect([response.status, await response.text()]).toEqual([200, 'riposte_wakes_total 1\n']);
  });

  test('other paths, methods and bodies are refused', async () => {
    const url = await start();
    expect((await fetch(url)).status).toBe(404);
    expect((await fetch(`${url}/readyz`, { method: 'HEAD' })).status).toBe(200);
    const post = await fetch(`${url}/healthz`, { method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const withBody = await raw(server.port, 'GET /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n');
    expect(withBody).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('headers without end are cut off', async () => {
    await start();
    expect(await raw(server.port, `GET / HTTP/1.1\r\nx: ${'y'.repeat(10_000)}`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('a port in use is one line that names the variable', async () => {
    await start();
    await expect(
      startHttp(server.port, { checks: () => ({}), metrics: async () => ({ type: '', text: '' }) }),
    ).rejects.toThrow(`HTTP_PORT: cannot listen on port ${server.port}: it is in use`);
  });

  test('closing does not wait for a connection that is kept alive', async () => {
    await start();
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    await server.close();
    await closed(socket);
  });
});

/** Sends bytes and reads until the server ends the connection. */
async function raw(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.write(bytes);
  await closed(socket);
  return answer;
}

async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  if (!socket.closed) await once(socket, 'close');
}

test('metrics that fail are an answer, and the process goes on', async () => {
  const metrics = async () => {
    throw new Error('no registry');
  };
  server = await startHttp(0, { checks: () => ({}), metrics });
  const failed = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  expect([failed.status, await failed.json()]).toEqual([500, { error: 'no registry' }]);
  expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
});
