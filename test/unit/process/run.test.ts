import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { Child } from './child.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

const start = (env: Readonly<Record<string, string>> = {}) => new Child('role.ts', { NATS_URL: server.url, ...env });

describe('a role', () => {
  test('says ready, shows its pages, and drains on SIGTERM', async () => {
    await using child = start({ HTTP_PORT: '0' });
    const ready = await child.logged('ready');
    expect(ready).toMatchObject({ level: 'info', role: 'collector' });
    expect(ready.replica).toMatch(/^[0-9a-f]{6}$/);
    const url = `http://127.0.0.1:${ready.httpPort}`;

    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ ready: true });
    child.kill('SIGUSR2');
    await child.logged('toggled');
    const readiness = await fetch(`${url}/readyz`);
    expect([readiness.status, await readiness.json()]).toEqual([
      503,
      { ready: false, reasons: { consuming: 'no consumer' } },
    ]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);

    const metrics = await (await fetch(`${url}/metrics`)).text();
    for (const line of [
      'riposte_wakes_total{role="collector"} 3',
      'riposte_appends_total{subject_kind="action",outcome="committed",role="collector"} 2',
      'riposte_verdicts_total{code="target_not_in_queue",role="collector"} 1',
      'riposte_publish_ack_seconds_bucket{le="0.001",role="collector"} 1',
      'riposte_connected{role="collector"} 1',
    ]) {
      expect(metrics.split('\n')).toContain(line);
    }
    expect(metrics).toContain('process_cpu_seconds_total');

    child.kill('SIGTERM');
    const ending = await child.exited;
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: [] });
    expect(child.log.map((line) => line.msg)).toEqual([
      ...['ready', 'toggled', 'draining', 'consumer stopped', 'snapshots written', 'drained'],
    ]);
  });

  test.each([
    ['start-error', 1, "collector: stream COMBAT is somebody else's"],
    ['config-error', 2, 'collector: RULES_MODULES: "./rules.ts" cannot be loaded'],
  ])('what its user can put right is one line: %s', async (fixture, code, line) => {
    await using child = start({ FIXTURE: fixture });
    expect(await child.exited).toMatchObject({ code, stdout: [], stderr: [line] });
  });

  test('a port in use is one line', async () => {
    await using first = start({ HTTP_PORT: '0' });
    const { httpPort } = await first.logged('ready');
    await using second = start({ HTTP_PORT: String(httpPort) });
    expect(await second.exited).toMatchObject({
      code: 1,
      stdout: [],
      stderr: [`collector: HTTP_PORT: cannot listen on port ${httpPort}: it is in use`],
    });
  });

  test.each([
    ['bug', 'uncaught error', 'a bug at the start'],
    ['rejects', 'uncaught error', 'nobody caught this'],
  ])('a bug is logged with its stack, and the exit is 1: %s', async (fixture, msg, message) => {
    await using child = start({ FIXTURE: fixture });
    expect((await child.exited).code).toBe(1);
    const last = child.log.at(-1)!;
    expect(last).toMatchObject({ level: 'fatal', msg, err: { message } });
    expect((last.err as { stack: string }).stack).toContain('role.ts');
  });

  test('what is thrown and is no error is logged with its text', async () => {
    await using child = start({ FIXTURE: 'rejects-text' });
    expect((await child.exited).code).toBe(1);
    expect(child.log.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'uncaught error',
      err: { message: 'no error at all' },
    });
  });

  test('a part that fails for good ends the process', async () => {
    await using child = start({ FIXTURE: 'fails' });
    expect((await child.exited).code).toBe(1);
    expect(child.log.at(-1)).toMatchObject({ level: 'fatal', msg: 'the consumer is gone' });
  });

  test('a connection that closes by itself ends the process', async () => {
    await using child = start({ FIXTURE: 'closes' });
    expect((await child.exited).code).toBe(1);
    expect(child.log.at(-1)).toMatchObject({
      level: 'fatal',
      msg: 'the connection to NATS has closed: no reason given',
    });
  });

  test('SIGTERM while it waits for a server ends it, drained', async () => {
    await using child = start({ NATS_URL: 'nats://127.0.0.1:1', HTTP_PORT: '0' });
    await child.logged('waiting for a NATS server');
    child.kill('SIGTERM');
    expect(await child.exited).toMatchObject({ code: 0, stderr: [] });
  });
});
