import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { watchdogLimitMs } from '#process/watchdog.ts';
import { Child } from './child.ts';

/** Longer than a busy machine keeps the main thread of a process waiting while another thread of it runs. */
const LIMIT_MS = 3_000;

describe.concurrent('the watchdog', () => {
  test('an event loop that hangs ends the process with a line that says why', async () => {
    await using child = new Child('watched.ts', { LIMIT_MS: String(LIMIT_MS) });
    await child.logged('ready');
    child.kill('SIGUSR2');
    const { signal, stderr } = await child.exited;
    expect(signal).toBe('SIGKILL');
    expect(stderr).toEqual([
      `executor: killed, its event loop was blocked for ${LIMIT_MS} ms (rules or a policy that hang, or a stdout that nobody reads?)`,
    ]);
  });

  test('a process that was paused for longer than the limit goes on', async () => {
    await using child = new Child('watched.ts', { LIMIT_MS: String(LIMIT_MS) });
    await child.logged('ready');
    child.kill('SIGSTOP');
    await sleep(1.5 * LIMIT_MS);
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    expect(await child.exited).toMatchObject({ code: 0, signal: null, stderr: [] });
    expect(child.log.at(-1)?.msg).toBe('alive');
  });

  test('the limit is three times ACK_WAIT, 30 s at least', () => {
    expect([2_000, 10_000, 20_000].map(watchdogLimitMs)).toEqual([30_000, 30_000, 60_000]);
  });
});
