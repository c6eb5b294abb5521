// Proves what a game server is told in an account of its own: all it follows, however much and however large, since flow control
// reaches home from there; and a consumer that it may not have, by the name of the right it lacks.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { freshId, STAGE_LIMIT_MS } from '#test/integration/client/stage.ts';

/** Together some 60 MB: the server pushes 2 MB before it asks for the first sign that they were taken, and 32 MB at most. */
const RESULTS = 3_000;
const RESULT_BYTES = 20_000;
const WRITTEN_AT_ONCE = 50;

let secured: SecuredServer;
let client: RiposteClient;

beforeAll(async () => {
  secured = await startSecuredServer();
  client = await RiposteClient.connect(connectionFrom(secured.environmentOf('game_server')));
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await client?.disconnect();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

/** Writes large results, by the executor's hand. */
async function write(sessionId: string): Promise<void> {
  const executor = await connectAs(secured, 'executor');
  for (let first = 1; first <= RESULTS; first += WRITTEN_AT_ONCE) {
    const ordinals = Array.from({ length: WRITTEN_AT_ONCE }, (_, index) => first + index);
    const written = ordinals.map((ordinal) => {
      const results = [{ action_id: `${ordinal}`, status: 'done', hits: [] }];
      const body = { session_id: sessionId, through: 1, executed: ordinal, step: ordinal, results };
      const rest = { actors: {}, deaths: [], target_returns: [], unknown: 'x'.repeat(RESULT_BYTES) };
      return executor.request(`combat.result.${sessionId}`, JSON.stringify({ ...body, ...rest }), { timeout: 60_000 });
    });
    await Promise.all(written);
  }
  await executor.close();
}

test('a guest follows thousands of large messages, each once and in order, past the window of flow control', {
  timeout: STAGE_LIMIT_MS,
}, async () => {
  const sessionId = freshId();
  await write(sessionId);
  const seen: number[] = [];
  for await (const { body } of await client.followResults({ sessionId })) {
    seen.push(body.executed);
    if (seen.length === RESULTS) break;
  }
  expect(seen).toEqual(Array.from({ length: RESULTS }, (_, index) => index + 1));
});

test('a durable consumer of another name than was given is refused for good, and the right that lacks is named', async () => {
  await expect(client.durableResults('unlisted')).rejects.toMatchObject({
    code: 'refused',
    retryable: false,
    message: expect.stringMatching(/^results unlisted: no right .*riposte nats-config --results/),
  });
});

test('what nobody answers may be for want of a right, and says so', async () => {
  await expect(client.state('s')).rejects.toMatchObject({
    code: 'unavailable', // there is no collector
  });
  const worker = new RiposteClient(await connectAs(secured, 'ai'), {}, true);
  await expect(worker.followResults()).rejects.toMatchObject({ message: expect.stringContaining('no right to it') });
  await worker.disconnect();
});
