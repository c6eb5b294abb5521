// Proves that a role is watched: one whose event loop hangs is killed after the limit that watchdogLimitMs gives it. It waits
// for thirty seconds and does nothing meanwhile, so it is alone in its file.

import { expect, test } from 'vitest';
import { startTestServer } from '#test/harness/server.ts';
import { Child } from '#test/unit/process/child.ts';

test('an event loop that hangs ends the process', async () => {
  await using server = await startTestServer();
  await using child = new Child('role.ts', { NATS_URL: server.url, FIXTURE: 'blocks', ACK_WAIT_MS: '2000' });
  const { signal, stderr } = await child.exited;
  expect([signal, stderr]).toEqual([
    'SIGKILL',
    [
      'collector: killed, its event loop was blocked for 30000 ms (rules or a policy that hang, or a stdout that nobody reads?)',
    ],
  ]);
});
