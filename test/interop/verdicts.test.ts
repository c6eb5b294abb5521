// Proves the verdicts: every code, their order where several apply, and what a session says after it has closed. One
// collector, one executor, the rule set `plain`, no AI.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, freshMoveId, type Session, strike, use } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';

const FATAL = { damage: 1_000 };

/** One move may have 2 KiB. */
const MOVE_BYTES = 2 * 1_024;

/** The accepted moves whose ids a session remembers, where it has no more than a quarter as many actors. */
const REMEMBERED_MOVES = 1_024;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** A melee of `a` and `c` against `x`, `y` and `z`, in which `y` is dead. */
async function melee(): Promise<Session> {
  const session = stage.session();
  await session.open({ teams: { red: ['a', 'c'], blue: ['x', 'y', 'z'] } });
  await session.pair(strike('a', 'y', FATAL), strike('y', 'a'));
  return session;
}

/** A move that is exactly so many bytes of JSON. */
function sized(bytes: number): object {
  const bare = { ...strike('a', 'x'), payload: { target_id: 'x', pad: '' } };
  return { ...bare, payload: { target_id: 'x', pad: 'p'.repeat(bytes - JSON.stringify(bare).length) } };
}

describe.concurrent('verdicts', { timeout: TEST_LIMIT_MS }, () => {
  test('an accepted exchange is told the place of its signal and its deadline', async () => {
    const session = await melee();
    const blow = strike('a', 'x');
    const { seq, verdicts } = await session.accept(blow);
    const { timeMs } = await session.reached(seq);
    expect(verdicts).toMatchObject([
      { session_id: session.id, move_id: blow.move_id, accepted: true, seq, deadline: timeMs + 60_000 },
    ]);
  });

  test('an accepted instant or item is told its place and no deadline', async () => {
    const session = await melee();
    const [fire, drink] = [cast('a', 'all_enemies'), use('a', 'self')];
    const { seq, verdicts } = await session.accept(fire, drink);
    expect(verdicts).toMatchObject([
      { session_id: session.id, move_id: fire.move_id, accepted: true, seq },
      { session_id: session.id, move_id: drink.move_id, accepted: true, seq },
    ]);
    for (const verdict of verdicts) expect(verdict).not.toHaveProperty('deadline', expect.any(Number));
  });

  test('C13 a signal for a session that never opened is refused, emits nothing, and leaves nothing behind', async () => {
    const session = stage.session();
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    const { seq, verdicts } = await session.submit(ab, ba);
    expect(verdicts).toMatchObject([
      { session_id: session.id, move_id: ab.move_id, accepted: false, seq, code: 'session_not_found' },
      { session_id: session.id, move_id: ba.move_id, accepted: false, seq, code: 'session_not_found' },
    ]);
    await session.open({ teams: { red: ['a'], blue: ['b'] } });
    await session.pair(ba, ab);
    expect(session.decisions()).toEqual([`1 exchange ${ba.move_id} ${ab.move_id}`]);
  });

  test('invalid_move: what is no move by the contract', async () => {
    const session = await melee();
    const good = strike('a', 'x');
    const bad: Record<string, object> = {
      'no strategy': { move_id: freshMoveId(), char_id: 'a', payload: { target_id: 'x' } },
      'an unknown strategy': { ...good, strategy: 'dance' },
      'no payload': { move_id: freshMoveId(), char_id: 'a', strategy: 'exchange' },
      'no target': { ...good, payload: {} },
      'no actor': { move_id: freshMoveId(), strategy: 'exchange', payload: { target_id: 'x' } },
      'an actor id with a dot': { ...good, char_id: 'a.b' },
      'an actor id of 65 characters': { ...good, char_id: 'a'.repeat(65) },
      'a target id with a space': { ...good, payload: { target_id: 'x y' } },
      'a target that is a fraction': { ...good, payload: { target_id: 1.5 } },
      'an actor that is no safe integer': { ...good, char_id: 2 ** 53 },
      'an alias in an exchange': { ...good, payload: { target_id: 'all_enemies' } },
      'a move above 2 KiB': sized(MOVE_BYTES + 1),
    };
    const codes: string[] = [];
    for (const [what, move] of Object.entries(bad)) codes.push(`${what}: ${await session.refusal(move)}`);
    expect(codes).toEqual(Object.keys(bad).map((what) => `${what}: invalid_move`));
    await session.pair(good, strike('x', 'a'));
    expect(session.results().length).toBe(2);
  });

  test('a move of 2 KiB is one, and its payload passes whole', async () => {
    const session = await melee();
    const large = sized(MOVE_BYTES);
    const { verdicts } = await session.submit(large);
    expect(verdicts).toMatchObject([{ accepted: true }]);
    await session.accept(strike('x', 'a'));
    await session.resolved(2);
    expect(session.actions()[1]?.move).toMatchObject(large);
  });

  test('duplicate_move: the id of a move that was accepted, of whoever and whatever', async () => {
    const session = await melee();
    const blow = strike('a', 'x');
    await session.accept(blow);
    expect(await session.refusal(blow)).toBe('duplicate_move');
    expect(await session.refusal({ ...strike('c', 'z'), move_id: blow.move_id })).toBe('duplicate_move');
    expect(await session.refusal({ ...cast('c', 'z'), move_id: blow.move_id })).toBe('duplicate_move');
    const { verdicts } = await session.submit(blow, blow);
    expect(verdicts).toMatchObject([{ code: 'duplicate_move' }, { code: 'duplicate_move' }]);
  });

  test(`duplicate_move: for as long as ${REMEMBERED_MOVES} accepted moves are remembered`, async () => {
    const session = await melee();
    const first = cast('a', 'x', { damage: 0 });
    await session.accept(first);
    const others = Array.from({ length: REMEMBERED_MOVES - 1 }, () => cast('c', 'z', { damage: 0 }));
    for (let from = 0; from < others.length; from += 256) await session.accept(...others.slice(from, from + 256));
    expect(await session.refusal(first)).toBe('duplicate_move');
    await session.accept(cast('c', 'z', { damage: 0 }));
    await session.accept(first);
  });

  test('a refused move has used up nothing: its id may come again', async () => {
    const session = await melee();
    const move = { ...strike('a', 'nobody') };
    expect(await session.refusal(move)).toBe('target_unknown');
    await session.pair({ ...move, payload: { target_id: 'x' } }, strike('x', 'a'));
    expect(session.actions()[1]?.move.move_id).toBe(move.move_id);
  });

  test('the same id twice in one signal: the first stands', async () => {
    const session = await melee();
    const blow = strike('a', 'x');
    const { verdicts } = await session.submit(blow, { ...strike('a', 'z'), move_id: blow.move_id });
    expect(verdicts).toMatchObject([
      { move_id: blow.move_id, accepted: true },
      { move_id: blow.move_id, accepted: false, code: 'duplicate_move' },
    ]);
  });

  test('actor_unknown, actor_dead, target_unknown, target_dead, target_not_in_queue', async () => {
    const session = await melee();
    expect(await session.refusal(strike('ghost', 'x'))).toBe('actor_unknown');
    expect(await session.refusal(strike('y', 'a'))).toBe('actor_dead');
    expect(await session.refusal(strike('a', 'ghost'))).toBe('target_unknown');
    expect(await session.refusal(strike('a', 'y'))).toBe('target_dead');
    expect(await session.refusal(strike('a', 'c'))).toBe('target_not_in_queue');
    expect(await session.refusal(strike('a', 'a'))).toBe('target_not_in_queue');
    await session.accept(strike('a', 'x'));
    expect(await session.refusal(strike('a', 'x'))).toBe('target_not_in_queue');
  });

  test('instants and items are refused for their actor and their target alike', async () => {
    const session = await melee();
    expect(await session.refusal(cast('ghost', 'self'))).toBe('actor_unknown');
    expect(await session.refusal(cast('y', 'self'))).toBe('actor_dead');
    expect(await session.refusal(use('a', 'ghost'))).toBe('target_unknown');
    expect(await session.refusal(use('a', 'y'))).toBe('target_dead');
  });

  test('of several faults the first in order is the code', async () => {
    const session = await melee();
    const taken = strike('a', 'x');
    await session.accept(taken);
    expect(await session.refusal({ ...taken, strategy: 'dance' })).toBe('invalid_move');
    expect(await session.refusal({ ...strike('ghost', 'ghost'), move_id: taken.move_id })).toBe('duplicate_move');
    expect(await session.refusal(strike('ghost', 'y'))).toBe('actor_unknown');
    expect(await session.refusal(strike('y', 'ghost'))).toBe('actor_dead');
    expect(await session.refusal(strike('c', 'ghost'))).toBe('target_unknown');
    expect(await session.refusal(strike('c', 'y'))).toBe('target_dead');
  });

  test('session_closed comes before everything else, and session_not_found too', async () => {
    const session = await melee();
    const seq = await session.life({
      type: 'closed',
      session_id: session.id,
      winner: null,
      reason: 'cancelled',
      through: session.entries.at(-1)?.seq,
    });
    await session.reached(seq);
    expect(await session.refusal(strike('a', 'x'))).toBe('session_closed');
    expect(await session.refusal({ ...strike('a', 'x'), strategy: 'dance' })).toBe('session_closed');
    expect(await session.refusal(strike('ghost', 'x'))).toBe('session_closed');
    expect(await stage.session().refusal({ ...strike('a', 'x'), strategy: 'dance' })).toBe('session_not_found');
  });

  test('signals without a reply subject are as good as others', async () => {
    const session = await melee();
    const [ax, xa] = [strike('a', 'x'), strike('x', 'a')];
    await session.send({ signal_type: 'check_immediate', moves: [ax] });
    await session.send({ signal_type: 'check_immediate', moves: [xa], char_id: 'x' });
    await session.resultOf(xa);
    expect(session.decisions().at(-1)).toBe(`2 exchange ${ax.move_id} ${xa.move_id}`);
  });

  test("a move's own char_id decides, not the signal's", async () => {
    const session = await melee();
    const [ax, xa] = [strike('a', 'x'), strike('x', 'a')];
    await session.send({ signal_type: 'check_immediate', moves: [ax, xa], char_id: 'z' });
    await session.resultOf(xa);
    expect(session.actions()[1]).toMatchObject({ move: { char_id: 'a' }, partner_move: { char_id: 'x' } });
  });
});
