// Proves that the three roles, started with nothing but NATS_URL against an empty server, are all that a stranger needs: it
// opens a session, publishes moves, sees actions and results, and reads the state, with the npm package `nats` 2.x alone.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { violationsOf } from './history.ts';
import { type Session, strike } from './outsider.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import type { Move } from './wire.ts';

const FIGHT_LIMIT_MS = 120_000;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, ais: 1 });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** A player that strikes each target as often as it gets it back, until the session is closed. */
async function fightOn(session: Session, player: string, target: string): Promise<void> {
  for (let returned = 0; ; returned += 1) {
    await session.send({ signal_type: 'check_immediate', moves: [strike(player, target, { attack_zones: ['head'] })] });
    const pairs = () => session.resultMessages().flatMap((message) => message.target_returns);
    const backs = () => pairs().filter(([owner, back]) => owner === player && back === target).length;
    const next = () => (session.closed() !== undefined || backs() > returned ? true : undefined);
    await session.until(`${target} back in the queue of ${player}`, next);
    if (session.closed() !== undefined) return;
  }
}

test('an outsider plays a whole session against a bot on a server that was empty', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const session = stage.session();
  const opened = {
    type: 'opened',
    session_id: session.id,
    teams: { red: ['101'], blue: ['-7'] },
    actors: {
      101: { kind: 'player', name: 'Ann', stats: { hp: 100 } },
      '-7': { kind: 'ai', stats: { hp: 80 } },
    },
  };
  await session.life(opened, { 'Nats-Expected-Last-Subject-Sequence': '0' });
  await fightOn(session, '101', '-7');
  const closed = await session.ended(FIGHT_LIMIT_MS);

  expect(violationsOf(session.entries)).toEqual([]);
  const state = await session.state('101');
  expect(state).toMatchObject({
    winner: closed.winner,
    teams: opened.teams,
    step: session.resultMessages().at(-1)?.step,
  });
  const vitals = Object.assign({}, ...session.resultMessages().map((message) => message.actors));
  for (const id of ['101', '-7']) expect(state.actors[id]).toMatchObject(vitals[id]);
  const dead = Object.entries(state.actors).filter(([, { dead }]) => dead);
  expect(dead.length).toBeGreaterThan(0);

  const light = await session.snapshot('sessions', 'the end', (value) => value.status === state.status);
  expect(light).toMatchObject({ v: expect.any(Number), seq: expect.any(Number), winner: closed.winner });
  const heavy = await session.snapshot(
    'battles',
    'every action',
    (value) => value.executed === session.actions().length,
  );
  expect(heavy).toMatchObject({ v: expect.any(Number), step: state.step });
  await stage.outsider.untilHeld('ACTIONS', `combat.action.${session.id}`, session.actionMessages().length);
});

test('bots fight each other to the end without anyone', { timeout: TEST_LIMIT_MS }, async () => {
  const session = stage.session();
  const rules = { name: 'classic', version: 1 };
  await session.open({
    teams: { red: ['r1', 'r2'], blue: ['b1', 'b2'] },
    bots: ['r1', 'r2', 'b1', 'b2'],
    also: { rules, seed: 'bots' },
  });
  await session.ended(FIGHT_LIMIT_MS);
  expect(violationsOf(session.entries)).toEqual([]);
  const answers = session.signals().map(({ signal }) => (signal.moves ?? []) as readonly Move[]);
  const odd = answers.filter((moves) => {
    const targets = new Set(moves.map((move) => move.payload.target_id));
    const ids = moves.every((move) => /^[A-Za-z0-9_-]{20}$/.test(move.move_id) && move.strategy === 'exchange');
    return !ids || targets.size < moves.length || new Set(moves.map((move) => move.char_id)).size > 1;
  });
  expect(odd).toEqual([]);
  expect(answers.some((moves) => moves.length === 2)).toBe(true);
});

test('the same seed and the same order of moves are the same fight', { timeout: TEST_LIMIT_MS }, async () => {
  const fights: unknown[] = [];
  for (const id of ['one', 'two']) {
    const session = stage.session(`same-${id}`);
    const also = { rules: { name: 'classic', version: 1 }, seed: 'the very same' };
    await session.open({ teams: { red: ['a'], blue: ['b'] }, stats: { hp: 100_000 }, also });
    for (let round = 0; round < 10; round += 1) await session.pair(strike('a', 'b'), strike('b', 'a'));
    fights.push([session.results(), session.resultMessages().map((message) => message.actors)]);
  }
  expect(fights[1]).toEqual(fights[0]);
});
