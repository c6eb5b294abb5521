// Proves that bad input stops nobody: it is refused with a code or dead-lettered whole, and the session goes on. One
// collector, one executor, the rule set `plain`, no AI.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, type DeadLetter, type Session, strike } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';

const DUEL = { red: ['a'], blue: ['b'] };
const MOVES_IN_SIGNAL = 256;
const MESSAGE_BYTES = 512 * 1_024;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

async function duel(): Promise<Session> {
  const session = stage.session();
  await session.open({ teams: DUEL });
  return session;
}

/** The session resolves one pair more, and has emitted nothing else since. */
async function goesOn(session: Session): Promise<void> {
  const before = session.decisions();
  const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
  await session.pair(ab, ba);
  expect(session.decisions()).toEqual([...before, `${before.length + 1} exchange ${ab.move_id} ${ba.move_id}`]);
}

function signal(session: Session, change: object): Uint8Array {
  const body = { session_id: session.id, signal_type: 'check_immediate', moves: [strike('a', 'b')], ...change };
  return new TextEncoder().encode(JSON.stringify(body));
}

/** Sends it and checks that its dead letter is whole. */
async function deadLetter(session: Session, data: Uint8Array): Promise<DeadLetter> {
  const seq = await session.sendBytes(data);
  const letter = await session.deadLetterOf(seq);
  expect(letter.subject).toBe(`dead.collector.signal.${session.id}`);
  expect(letter.origin).toBe(`COMBAT:${seq}`);
  expect(letter.reason).toMatch(/./);
  expect(Buffer.from(letter.data).equals(data)).toBe(true);
  return letter;
}

describe.concurrent('bad input', { timeout: TEST_LIMIT_MS }, () => {
  test('C12 undecodable bytes are dead-lettered with the reason, and the session goes on', async () => {
    const session = await duel();
    await goesOn(session);
    await deadLetter(session, Uint8Array.of(0xff, 0xfe, 0x00, 0x7b));
    await goesOn(session);
    await deadLetter(session, new TextEncoder().encode('{"session_id": "s1", "signal_type": '));
    await deadLetter(session, new Uint8Array());
    await goesOn(session);
  });

  test('C12 the same on a session that never opened', async () => {
    const session = stage.session();
    await deadLetter(session, Uint8Array.of(0xff));
    await session.open({ teams: DUEL });
    await goesOn(session);
  });

  test('a signal that is JSON and no signal is dead-lettered', async () => {
    const session = await duel();
    await deadLetter(session, new TextEncoder().encode('[]'));
    await deadLetter(session, new TextEncoder().encode('null'));
    await deadLetter(session, signal(session, { signal_type: 'check_never' }));
    await deadLetter(session, signal(session, { moves: 'a strikes b' }));
    await goesOn(session);
  });

  test('a signal that speaks of another session than its subject is dead-lettered', async () => {
    const [session, other] = [await duel(), await duel()];
    await deadLetter(session, signal(session, { session_id: other.id }));
    await goesOn(session);
    await goesOn(other);
  });

  test(`${MOVES_IN_SIGNAL} moves make a signal, one more is dead-lettered whole`, async () => {
    const session = await duel();
    const many = Array.from({ length: MOVES_IN_SIGNAL }, () => cast('a', 'b', { damage: 0 }));
    await deadLetter(session, signal(session, { moves: [...many, cast('a', 'b', { damage: 0 })] }));
    await goesOn(session);
    await session.accept(...many);
    await session.resolved(MOVES_IN_SIGNAL + 1);
    expect(
      session
        .actions()
        .slice(1)
        .map(({ move }) => move.move_id),
    ).toEqual(many.map((move) => move.move_id));
  });

  test('a message above 512 KiB is not taken in, by the server or by a dead letter, and the session goes on', async () => {
    const session = await duel();
    const move = strike('a', 'b');
    const data = signal(session, { moves: [move], pad: 'p'.repeat(MESSAGE_BYTES) });
    const seq = await session.sendBytes(data).catch(() => undefined);
    if (seq !== undefined) await session.deadLetterOf(seq);
    await goesOn(session);
    expect(session.actionOf(move)).toBeUndefined();
  });

  test('foreign bytes on combat.action and combat.result do not stop the session', async () => {
    const session = await duel();
    const foreign: [string, Uint8Array][] = [
      ['combat.action', Uint8Array.of(0xff, 0x00)],
      ['combat.result', Uint8Array.of(0xff, 0x00)],
      ['combat.action', new TextEncoder().encode('{"actions": 7}')],
      ['combat.result', new TextEncoder().encode('[]')],
    ];
    for (const [subject, data] of foreign) {
      await stage.outsider.publish(`${subject}.${session.id}`, data);
      await goesOn(session);
    }
    const waiting = strike('a', 'b');
    await session.accept(waiting);
    await stage.outsider.publish(`combat.action.${session.id}`, Uint8Array.of(1));
    const answer = strike('b', 'a');
    await session.accept(answer);
    await session.resultOf(answer);
    expect(session.outcomes()).toEqual(['1 done', '2 done', '3 done', '4 done', '5 done']);
  });

  test('nudges, heartbeats and timeouts of nobody change nothing', async () => {
    const session = await duel();
    for (const signal_type of ['check_immediate', 'check_timeout', 'heartbeat'] as const) {
      await session.send({ signal_type });
      await session.send({ signal_type, char_id: 'ghost', move_id: 'never-was' });
      await session.send({ signal_type, moves: [] });
    }
    await goesOn(session);
    expect(session.deadLetters).toEqual([]);
  });
});
