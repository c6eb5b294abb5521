// Proves what the client says when there is no answer, and that calling again is safe: a server that stands still, a
// collector that is not there.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange } from '#client/moves.ts';
import { FAST_CLOCKS } from '#test/harness/roles.ts';
import { fight, openStage, STAGE_LIMIT_MS, type Stage } from './stage.ts';

/** Longer than one publish waits for its answer, shorter than the connection is given up. */
const STANDSTILL_MS = 6_000;

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ env: FAST_CLOCKS });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** Lets the server stand still while `work` begins. */
async function standstill<Result>(work: () => Promise<Result>): Promise<Result> {
  await stage.server.kill('SIGSTOP');
  try {
    const working = work();
    await new Promise((resolve) => setTimeout(resolve, STANDSTILL_MS));
    await stage.server.kill('SIGCONT');
    return await working;
  } finally {
    await stage.server.kill('SIGCONT');
  }
}

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

describe('a server that stands still', () => {
  test('an opening that was repeated is still this call’s own, and stands once in the log', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const opened = await standstill(() => stage.client.open(session));
    expect(opened).toMatchObject({ outcome: 'opened' });
    expect(await stage.client.open(session)).toMatchObject({ outcome: 'exists' });
    expect(await logOf(session.session_id)).toEqual({ opened: 1, accepted: 0 });
  });

  test('moves that were repeated are accepted once', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    await stage.client.open(session);
    const outcomes = await standstill(() =>
      stage.client.submit(session.session_id, [exchange('a', 'x'), exchange('x', 'a')], { timeoutMs: 20_000 }),
    );
    expect(outcomes).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
    for await (const { body } of await stage.client.followResults({ sessionId: session.session_id })) {
      expect(body.executed).toBe(1);
      break;
    }
    expect(await logOf(session.session_id)).toEqual({ opened: 1, accepted: 1 });
  });
});

describe('no collector', () => {
  test('moves are unknown and in the log; said again, they are accepted', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    await stage.client.submit(sessionId, [exchange('x', 'a')]);
    await stage.roles.kill('collector');

    const moves = [exchange('a', 'x')];
    const [outcome] = await stage.client.submit(sessionId, moves, { timeoutMs: 300 });
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
