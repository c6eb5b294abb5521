// Proves the cases in which two come at once, many times over: two collectors, two executors, the rule set `plain`, no AI.
// What is right is read from the order of the log, never from the order of sending. `npm run test:chaos` runs them as often as
// docs/semantics.md says (test/chaos/races).

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { depth } from '#test/harness/depth.ts';
import { violationsOf } from './history.ts';
import { Outsider, type Session, strike } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import type { Move } from './wire.ts';

const TIMES = depth({
  slice: { C4: 20, C11: 15, C18: 20, C21: 90 },
  full: { C4: 100, C11: 50, C18: 100, C21: 500 },
});

const DUEL = { red: ['a'], blue: ['b'] };

let stage: Stage;
let other: Outsider;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 2, executors: 2, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
  other = await Outsider.connect(stage.server.url);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await other?.close();
  await stage?.close();
}, STAGE_LIMIT_MS);

async function times<T>(count: number, one: (index: number) => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
}

/** What is wrong with the log, but for its end: these sessions are left open. */
function violations(session: Session): string[] {
  const open = /never closed|ended nowhere|have no result/;
  return violationsOf(session.entries).filter((violation) => !open.test(violation));
}

async function close(session: Session): Promise<void> {
  const through = session.entries.at(-1)?.seq;
  await session.life({ type: 'closed', session_id: session.id, winner: null, reason: 'cancelled', through });
}

describe('races', { timeout: TEST_LIMIT_MS }, () => {
  test(`C18 the same two blows at once on two connections, ${TIMES.C18} times over: one accepted each time`, async () => {
    const found = await times(TIMES.C18, async () => {
      const here = stage.session();
      const there = other.session(here.id);
      await here.open({ teams: DUEL });
      const [one, two] = [strike('a', 'b'), strike('a', 'b')];
      const replies = await Promise.all([here.submit(one), there.submit(two)]);
      const inLogOrder = [...replies].sort((left, right) => left.seq - right.seq);
      const codes = inLogOrder.map(({ verdicts: [verdict] }) => (verdict?.accepted ? 'accepted' : verdict?.code));
      const answer = strike('b', 'a');
      await here.accept(answer);
      await here.resultOf(answer);
      const first = inLogOrder[0] === replies[0] ? one : two;
      const decided = here.decisions().join() === `1 exchange ${first.move_id} ${answer.move_id}`;
      await close(here);
      return [...codes, decided ? 'one exchange' : here.print(), ...violations(here)].join(', ');
    });
    expect([...new Set(found)]).toEqual(['accepted, target_not_in_queue, one exchange']);
  });

  test(`C11 the same move at once on two connections, ${TIMES.C11} times over: one action`, async () => {
    const found = await times(TIMES.C11, async () => {
      const here = stage.session();
      const there = other.session(here.id);
      await here.open({ teams: DUEL });
      const blow = strike('a', 'b');
      const replies = await Promise.all([here.submit(blow), there.submit(blow)]);
      const inLogOrder = [...replies].sort((left, right) => left.seq - right.seq);
      const codes = inLogOrder.map(({ verdicts: [verdict] }) => (verdict?.accepted ? 'accepted' : verdict?.code));
      const answer = strike('b', 'a');
      await here.accept(answer);
      await here.resultOf(answer);
      const decided = here.decisions().join() === `1 exchange ${blow.move_id} ${answer.move_id}`;
      await close(here);
      return [...codes, decided ? 'one exchange' : here.print(), ...violations(here)].join(', ');
    });
    expect([...new Set(found)]).toEqual(['accepted, duplicate_move, one exchange']);
  });

  test(`C4 answer and timeout race, ${TIMES.C4} times over: exactly one action contains A's move`, async () => {
    const found = await times(TIMES.C4, async () => {
      const here = stage.session();
      const there = other.session(here.id);
      await here.open({ teams: DUEL });
      const [blow, answer] = [strike('a', 'b'), strike('b', 'a')];
      await here.accept(blow);
      const [answered, timedOut] = await Promise.all([
        here.send({ signal_type: 'check_immediate', moves: [answer] }),
        there.force(blow),
      ]);
      await here.resultOf(blow);
      // A later blow that is forced: its action proves that nothing of the race is still to come.
      const marker = strike('a', 'b');
      await here.accept(marker);
      await here.force(marker);
      await here.resultOf(marker);
      await close(here);
      const holding = here.actions().filter((action) => action.move.move_id === blow.move_id);
      const paired = holding[0]?.partner_move?.move_id === answer.move_id;
      const consistent = paired || timedOut < answered;
      return [holding.length, consistent ? 'as the log says' : here.print(), ...violations(here)].join(', ');
    });
    expect([...new Set(found)]).toEqual(['1, as the log says']);
  });

  test(`C21 the answer comes in the very second the timer fires, ${TIMES.C21} times over`, async () => {
    const sessions = Array.from({ length: TIMES.C21 }, () => stage.session());
    const anyFired = stage.outsider.until('a timer of any session', () => sessions.some(fired) || undefined);
    const found = await times(sessions.length, async (index) => {
      const session = sessions[index]!;
      const neighbour = sessions[(index + 1) % sessions.length]!;
      const [blow, answer, later] = [strike('a', 'b'), strike('b', 'a'), strike('a', 'c')];
      await session.open({ teams: { red: ['a'], blue: ['b', 'c'] }, also: { move_timeouts_ms: [1_000] } });
      await session.accept(blow);
      // The log gives the moment: the first timer of all, a neighbour's, or the session's own has just fired.
      if (index % 3 === 0) await anyFired;
      else await timer(index % 3 === 1 ? neighbour : session);
      await session.submit(answer);
      await session.resultOf(blow);
      // A deadline of a later blow, and of the answer where it came too late, still fires.
      await session.accept(later);
      await Promise.all([session.resultOf(later), session.resultOf(answer)]);
      await close(session);
      return [describe21(session, blow, answer, later), ...violations(session)].join(', ');
    });
    const expected = ['pair, then forced', 'forced, then two forced'];
    expect([...new Set(found)].filter((outcome) => !expected.includes(outcome))).toEqual([]);
  });
});

function fired(session: Session): boolean {
  return session.timedOut;
}

/** Waits for a timer of the session to fire. */
async function timer(session: Session): Promise<void> {
  await session.until('its timer', () => session.timedOut || undefined);
}

/** The only two ways C21 may go; anything else is printed. */
function describe21(session: Session, blow: Move, answer: Move, later: Move): string {
  const lines = session.actions().map(({ move, partner_move, is_forced }) => {
    return `${move.move_id}${partner_move === null ? '' : ` ${partner_move.move_id}`}${is_forced ? ' forced' : ''}`;
  });
  const [first, ...rest] = lines;
  const two = [`${answer.move_id} forced`, `${later.move_id} forced`];
  if (first === `${blow.move_id} ${answer.move_id}` && rest.join() === two[1]) return 'pair, then forced';
  if (first === `${blow.move_id} forced` && [...rest].sort().join() === [...two].sort().join()) {
    return 'forced, then two forced';
  }
  return session.print();
}
