// Proves what the client says when there is no answer, and that calling again is safe: a server that stands still, a
// collector that is not there.

import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { exchange } from '#client/moves.ts';
import { FAST_CLOCKS } from '#test/harness/roles.ts';
import { fight, openStage, PATIENT, STAGE_LIMIT_MS, type Stage } from './stage.ts';

/** Long enough for the log to have the move, which it has in a millisecond. */
const NO_VERDICT_MS = 5_000;
const LOOK_MS = 20;

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ env: FAST_CLOCKS });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** Messages of a session in the log, by subject. */
async function logOf(sessionId: string): Promise<{ opened: number; accepted: number }> {
  let accepted = 0;
  let opened = 0;
  const events = await stage.client.follow(['session', 'action'], { sessionId });
  await stage.client.close(sessionId);
  for await (const event of events) {
    if (event.kind === 'action') accepted += event.body.actions.length;
    else if (event.body.type === 'opened') opened += 1;
    else if (event.body.type === 'closed') break;
  }
  return { opened, accepted };
}

test('a server that stands still: what is repeated meanwhile counts once, and is still the call’s own', async () => {
  const nc = await connect({ servers: stage.server.url });
  const client = new RiposteClient(nc, PATIENT);
  const [fresh, known] = [fight({ red: ['a'], blue: ['x'] }), fight({ red: ['a'], blue: ['x'] })];
  await client.open(known);
  await client.submit(known.session_id, [exchange('a', 'x')]); // it listens for verdicts from here on

  await stage.server.kill('SIGSTOP');
  const before = nc.stats().outMsgs;
  const opening = client.open(fresh);
  const submitting = client.submit(known.session_id, [exchange('x', 'a')]);
  // Each is sent once, and once more when the first has not been answered in time.
  while (nc.stats().outMsgs < before + 4) await pause(LOOK_MS);
  await stage.server.kill('SIGCONT');

  expect(await opening).toMatchObject({ outcome: 'opened' });
  expect(await client.open(fresh)).toMatchObject({ outcome: 'exists' });
  expect(await logOf(fresh.session_id)).toEqual({ opened: 1, accepted: 0 });
  expect(await submitting).toMatchObject([{ outcome: 'accepted' }]);
  for await (const { body } of await client.followResults({ sessionId: known.session_id })) {
    expect(body.executed).toBe(1);
    break;
  }
  expect(await logOf(known.session_id)).toEqual({ opened: 1, accepted: 1 });
  await client.disconnect();
  await nc.close();
});

describe('no collector', () => {
  test('moves are unknown and in the log; said again, they are accepted', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    await stage.client.submit(sessionId, [exchange('x', 'a')]);
    await stage.roles.kill('collector');

    const moves = [exchange('a', 'x')];
    const [outcome] = await stage.client.submit(sessionId, moves, { timeoutMs: NO_VERDICT_MS });
    expect(outcome).toEqual({
      outcome: 'unknown',
      move_id: moves[0]!.move_id,
      seq: expect.any(Number),
      reason: 'no verdict in time',
    });
    await expect(stage.client.state(sessionId)).rejects.toMatchObject({ code: 'unavailable', retryable: true });

    await stage.roles.start('collector');
    expect(await stage.client.submit(sessionId, moves, { again: true })).toMatchObject([{ outcome: 'accepted' }]);
    for await (const { body } of await stage.client.followResults({ sessionId })) {
      expect(body.executed).toBe(1);
      break;
    }
  });
});
