import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { watchdogLimitMs } from '#process/watchdog.ts';
import { Child } from './child.ts';

const LIMIT_MS = 900;

describe('the watchdog', () => {
  test('an event loop that hangs ends the process with a line that says why', async () => {
    await using child = new Child('watched.ts', { LIMIT_MS: String(LIMIT_MS) });
    await child.logged('ready');
    child.kill('SIGUSR2');
    const { signal, stderr } = await child.exited;
    expect(signal).toBe('SIGKILL');
    expect(stderr).toEqual([
      `executor: killed, its event loop was blocked for ${LIMIT_MS} ms (rules or a policy that hang, or a stdout that nobody reads?)`,
    ]);
  }, 20_000);

  test('a process that was paused goes on', async () => {
    await using child = new Child('watched.ts', { LIMIT_MS: String(LIMIT_MS) });
    await child.logged('ready');
    for (let pause = 0; pause < 3; pause++) {
      child.kill('SIGSTOP');
      await sleep(2 * LIMIT_MS);
      child.kill('SIGCONT');
      await sleep(LIMIT_MS / 4);
    }
    child.kill('SIGTERM');
    expect(await child.exited).toMatchObject({ code: 0, signal: null, stderr: [] });
    expect(child.log.at(-1)?.msg).toBe('alive');
  }, 20_000);

  test('the limit is three times ACK_WAIT, 30 s at least', () => {
    expect([2_000, 10_000, 20_000].map(watchdogLimitMs)).toEqual([30_000, 30_000, 60_000]);
  });
});
