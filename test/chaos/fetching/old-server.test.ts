// Proves that a real nats-server which is too old is refused in one line and left as it was. The server comes from Debian's
// archive, so this is no quick test. That every older version is refused: test/unit/process/connection.test.ts.

import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { startTestServer } from '#test/harness/server.ts';
import { Role } from '#test/interop/roles.ts';
import { ensureOldNatsServer } from '#tools/nats-server/ensure.ts';
import { NatsServerUnavailable } from '#tools/nats-server/step.ts';

const END_LIMIT_MS = 100_000;

test('a server that is too old is one line that names both versions, and stays empty', async ({ skip }) => {
  const binary = await ensureOldNatsServer().catch((error: unknown) => {
    if (error instanceof NatsServerUnavailable) return skip(error.message);
    throw error;
  });
  await using server = await startTestServer({ binary });
  const role = Role.spawn('collector', { NATS_URL: server.url });
  expect((await role.end(END_LIMIT_MS)).code).toBe(1);
  expect(role.lines).toEqual([
    expect.stringMatching(/^collector: nats-server 2\.9\.\d+ at [\d.:]+ is too old: 2\.12\.0 or later is needed$/),
  ]);
  const nc = await connect({ servers: server.url });
  const answer = await nc.request('$JS.API.STREAM.NAMES', '');
  expect(answer.json()).toMatchObject({ total: 0 });
  await nc.close();
});
