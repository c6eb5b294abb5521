// Proves that JSON nested deeper than any stack stops nobody (I10), wherever it stands: the message is refused or passed
// on, no process ends, and the session it was sent to and the one beside it fight on.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PATIENCE } from '#test/harness/patience.ts';
import { violationsOf } from '../../interop/history.ts';
import { openedBody, type Session, strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import type { Action, Move } from '../../interop/wire.ts';
import { until } from '../jetstream/rig.ts';

const LIMIT_MS = 120_000;
/** 200 KB of brackets: far within a message, far beyond a stack. */
const LEVELS = 100_000;

const DUEL = { red: ['a'], blue: ['b'] };
const STILL_OPEN = /never closed/;

const deep = '['.repeat(LEVELS) + ']'.repeat(LEVELS);
/** A body as JSON, with the deep value in the place of the word. */
const nested = (body: object): Uint8Array => new TextEncoder().encode(JSON.stringify(body).replace('"DEEP"', deep));

let stage: Stage;
let bystander: Session;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
  bystander = stage.session('bystander');
  await bystander.open({ teams: DUEL, stats: { hp: 100_000 } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** Two blows at each other, and the result they come to. Waits by itself: the session's log cannot be printed. */
async function pairUp(session: Session): Promise<void> {
  const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
  await session.send({ signal_type: 'check_immediate', moves: [ab, ba] });
  await resulted(session, ab);
}

async function resulted(session: Session, move: Move): Promise<Action> {
  return await until(`the result of ${move.move_id} in ${session.id}`, () => {
    const action = session.actionOf(move);
    return session.results().some((result) => result.action_id === action?.action_id) && action;
  });
}

/** Pairs resolve, and snapshots are taken: by then whatever the session holds has been through every hand. */
async function goesOn(session: Session): Promise<void> {
  await pairUp(session);
  const executed = session.actions().length;
  const kv = await stage.outsider.bucket('battles');
  await until(`a snapshot of the battle with ${executed} results, or a word on why there is none`, async () => {
    const snapshot = (await kv.get(session.id))?.json<{ executed?: number }>();
    const said = stage.roles('executor').flatMap((role) => role.lines.filter((line) => /snapshot/.test(line)));
    return snapshot?.executed === executed || said.length > 0;
  });
  await pairUp(session);
  await pairUp(bystander);
  expect(violationsOf(bystander.entries).filter((line) => !STILL_OPEN.test(line))).toEqual([]);
  expect(stage.roles('collector')).toHaveLength(1);
  expect(stage.roles('executor')).toHaveLength(1);
}

describe('JSON nested deeper than any stack', { timeout: LIMIT_MS }, () => {
  test('in the payload of a move: the move alone is refused, and the session goes on', async () => {
    const session = stage.session();
    await session.open({ teams: DUEL });
    const [good, bad] = [strike('b', 'a'), strike('a', 'b', { effect: 'DEEP' })];
    await session.sendBytes(nested({ session_id: session.id, signal_type: 'check_immediate', moves: [bad, good] }));
    const answer = strike('a', 'b');
    await session.send({ signal_type: 'check_immediate', moves: [answer] });
    expect((await resulted(session, answer)).move.move_id).toBe(good.move_id);
    await goesOn(session);
  });

  test('in the stats of an actor, which the rules do not look at', async () => {
    const session = stage.session();
    const statsOf = { a: { hp: 1_000, rubbish: 'DEEP' } };
    const seq = await session.life(nested(openedBody(session.id, { teams: DUEL, statsOf })));
    // Refused as invalid, or as bytes nobody can read; then the session can still be opened properly.
    await session.deadLetterOf(seq);
    await stage.outsider.nc.request(`session.get.${session.id}`, new Uint8Array(), PATIENCE);
    if (session.closed() !== undefined) return;
    await session.life(openedBody(session.id, { teams: DUEL }));
    await goesOn(session);
  });

  test('in the stats of a newcomer', async () => {
    const session = stage.session();
    await session.open({ teams: DUEL });
    const actor = { kind: 'player', stats: { hp: 100, rubbish: 'DEEP' } };
    await session.life(nested({ type: 'joined', session_id: session.id, actor_id: 'c', team: 'red', actor }));
    await goesOn(session);
  });

  test('in vitals of a foreign result that continues the count', async () => {
    const session = stage.session();
    await session.open({ teams: DUEL });
    const blow = strike('a', 'b');
    await stage.without('executor', async () => {
      await session.send({ signal_type: 'check_immediate', moves: [blow] });
      await session.force(blow);
      await until('the forced action', () => session.actionOf(blow));
      const result = {
        session_id: session.id,
        through: session.entries.at(-1)?.seq,
        executed: 1,
        step: 1,
        results: [{ action_id: '1', status: 'done', hits: [] }],
        actors: { b: { hp: 90, dead: false, curse: 'DEEP' } },
        deaths: [],
        target_returns: [['a', 'b']],
      };
      await session.deadLetterOf(await stage.outsider.publish(`combat.result.${session.id}`, nested(result)));
    });
    await until('the executor’s own result', () => session.resultMessages().length === 2);
    await goesOn(session);
    expect(await session.ask({})).toMatchObject({ body: { status: 'open' } });
  });

  test('in what nobody reads: extra fields, bodies, lists of moves, questions', async () => {
    const session = stage.session();
    await session.open({ teams: DUEL });
    const { id } = session;
    await session.sendBytes(nested({ session_id: id, signal_type: 'check_immediate', extra: 'DEEP' }));
    await session.sendBytes(nested({ session_id: id, signal_type: 'check_immediate', moves: ['DEEP'] }));
    await session.sendBytes(nested({ session_id: id, signal_type: 'DEEP' }));
    await session.sendBytes(new TextEncoder().encode(deep));
    await session.life(new TextEncoder().encode(deep));
    for (const subject of [`combat.action.${id}`, `combat.result.${id}`, `executor.batch.${id}`, `timer.due.${id}`]) {
      await stage.outsider.publish(subject, new TextEncoder().encode(deep));
      await stage.outsider.publish(subject, nested({ session_id: id, extra: 'DEEP' }));
    }
    expect(
      await stage.outsider.nc.request(`session.get.${id}`, nested({ actor_id: 'a', extra: 'DEEP' }), PATIENCE),
    ).toBeDefined();
    await goesOn(session);
  });
});
