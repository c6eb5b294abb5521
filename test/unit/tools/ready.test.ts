// Proves the health check of the images: it asks the role in its own container, whatever proxy the container is given.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { ended } from './processes.ts';

/** Answers every request with a status; returns its port. */
async function answering(status: number): Promise<number> {
  const server = createServer((_, response) => response.writeHead(status).end('{}'));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}

const check = (port: number | string, env: NodeJS.ProcessEnv = {}) =>
  ended(
    spawn(process.execPath, [join(ROOT, 'tools/containers/ready.mjs')], {
      env: { PATH: process.env.PATH, HTTP_PORT: String(port), ...env },
      stdio: 'ignore',
    }),
  );

describe('S12 the health check of a role', () => {
  test('is the answer of /readyz, and no proxy is asked for it', async () => {
    const [ready, notReady] = [await answering(200), await answering(503)];
    // Nobody listens there.
    const proxy = 'http://127.0.0.1:9';
    const proxied = { HTTP_PROXY: proxy, http_proxy: proxy, NODE_USE_ENV_PROXY: '1' };
    const ends = await Promise.all([check(ready), check(ready, proxied), check(notReady), check(9), check('')]);
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 1, 1, 1]);
  });
});
