// Proves what a process that starts cold makes of a session that is long under way: it folds from the snapshot, reads what
// came after and no more, and goes on as a warm one would. The rule set `classic`, whose chance shows any difference. The
// tests end and start processes, so they run one after the other. The server counts what it sends to whom.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MONITORED, monitorOf } from '../harness/server.ts';
import { cast, type Session, strike } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import type { Move } from './wire.ts';

const NUDGES = 10_000;
const LOOK_MS = 20;
const CLASSIC = { rules: { name: 'classic', version: 1 }, seed: 'the same for both' };
const TOUGH = { hp: 100_000 };

let stage: Stage;
let monitor: string;

beforeAll(async () => {
  stage = await Stage.open({
    collectors: 1,
    executors: 1,
    environment: { ...FAST_CLOCKS, ...PLAIN_RULES },
    config: MONITORED,
  });
  monitor = await monitorOf(stage.server);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** The server's connections, with the number of messages it has sent to each. */
async function connections(): Promise<Map<number, number>> {
  const answer = await fetch(`${monitor}/connz?limit=1024`);
  const { connections } = (await answer.json()) as { connections: { cid: number; out_msgs: number }[] };
  return new Map(connections.map(({ cid, out_msgs }) => [cid, out_msgs]));
}

/** Waits until no durable consumer of the log has anything to deliver or to be acknowledged. */
async function settled(): Promise<void> {
  const until = Date.now() + TEST_LIMIT_MS / 2;
  for (;;) {
    const consumers = await stage.outsider.jsm.consumers.list('COMBAT').next();
    const busy = consumers.filter(
      ({ config, num_pending, num_ack_pending }) =>
        config.durable_name !== undefined && num_pending + num_ack_pending > 0,
    );
    if (busy.length === 0) return;
    if (Date.now() > until) throw new Error(`the wakes are not acknowledged: ${JSON.stringify(busy)}`);
    await pause(LOOK_MS);
  }
}

/** The moves of a fight that is the same wherever it is fought. */
function blows(round: number): [Move, Move] {
  const fixed = (from: string, to: string): Move => ({
    ...strike(from, to, { attack_zones: ['head', 'legs'], block_zones: ['body'] }),
    move_id: `${from}-${to}-${round}`,
  });
  return [fixed('a', 'b'), fixed('b', 'a')];
}

async function play(session: Session, from: number, to: number): Promise<void> {
  for (let round = from; round < to; round += 1) await session.pair(...blows(round));
}

/** What was decided and what came of it, without the places in the log. */
function fight(session: Session): unknown {
  const results = session.resultMessages();
  return {
    actions: session.actions(),
    results: session.results(),
    vitals: results.map(({ actors, executed, step }) => ({ actors, executed, step })),
    returns: results.flatMap((message) => message.target_returns),
  };
}

describe('cold starts', { timeout: TEST_LIMIT_MS }, () => {
  test('C19 a cold collector folds the messages after the snapshot and no others, with the outcome of a warm one', async () => {
    const [warm, cold] = [stage.session(), stage.session()];
    for (const session of [warm, cold]) {
      await session.open({ teams: { red: ['a'], blue: ['b'] }, stats: TOUGH, also: CLASSIC });
    }
    await Promise.all([play(warm, 0, 20), play(cold, 0, 10)]);
    const nudges: Promise<number>[] = [];
    for (let count = 0; count < NUDGES; count += 1) {
      nudges.push(cold.send({ signal_type: 'check_immediate' }));
      if (nudges.length % 500 === 0) await Promise.all(nudges);
    }
    const last = Math.max(...(await Promise.all(nudges)));
    await cold.snapshot('sessions', `seq >= ${last}`, (value) => Number(value.seq) >= last);
    await settled();
    await stage.kill('collector');

    // What the snapshot does not know: a blow that nobody has seen but the log.
    const [blow, answer] = blows(10);
    const seq = await cold.send({ signal_type: 'check_immediate', moves: [blow] });
    const before = await connections();
    await stage.start('collector');
    await cold.reached(seq);
    await cold.accept(answer);
    await cold.resultOf(answer);
    await play(cold, 11, 20);
    expect(fight(cold)).toEqual(fight(warm));

    const after = await connections();
    const sent = [...after].filter(([cid]) => !before.has(cid)).map(([, messages]) => messages);
    expect(cold.entries.length).toBeGreaterThan(NUDGES);
    expect(sent.reduce((sum, messages) => sum + messages, 0)).toBeLessThan(NUDGES / 5);
  });

  test('a cold executor goes on from its snapshot with the outcome of a warm one', async () => {
    const [warm, cold] = [stage.session(), stage.session()];
    for (const session of [warm, cold]) {
      await session.open({ teams: { red: ['a'], blue: ['b'] }, stats: TOUGH, also: CLASSIC });
    }
    await Promise.all([play(warm, 0, 10), play(cold, 0, 5)]);
    await cold.snapshot('battles', 'executed 5', (value) => value.executed === 5);
    await stage.kill('executor');
    await cold.accept(...blows(5));
    await stage.start('executor');
    await cold.resolved(6);
    await play(cold, 6, 10);
    expect(fight(cold)).toEqual(fight(warm));
  });

  test('snapshots that are lost are folded again from the log', async () => {
    const [warm, cold] = [stage.session(), stage.session()];
    for (const session of [warm, cold]) {
      await session.open({ teams: { red: ['a'], blue: ['b'] }, stats: TOUGH, also: CLASSIC });
    }
    await Promise.all([play(warm, 0, 10), play(cold, 0, 5)]);
    const seq = cold.entries.findLast((entry) => entry.kind === 'result')?.seq ?? 0;
    await cold.snapshot('sessions', `seq >= ${seq}`, (value) => Number(value.seq) >= seq);
    await cold.snapshot('battles', 'executed 5', (value) => value.executed === 5);
    await Promise.all([stage.kill('collector'), stage.kill('executor')]);
    for (const bucket of ['sessions', 'battles']) await (await stage.outsider.bucket(bucket)).purge(cold.id);
    await Promise.all([stage.start('collector'), stage.start('executor')]);
    await play(cold, 5, 10);
    expect(fight(cold)).toEqual(fight(warm));
  });

  test('C22 rosters and queues are in the same order after a snapshot', async () => {
    const melee = stage.session();
    await melee.open({ teams: { Z: ['x'], a: ['c'], 9: ['101', '-7'], 10: ['b', '9'] } });
    const ids = ['x', 'c', '101', '-7', 'b', '9'];
    for (const target of ['-7', 'b', '101']) await melee.pair(strike('x', target), strike(target, 'x'));
    await melee.accept(strike('9', 'c'), strike('c', 'b'));
    const ask = async (): Promise<unknown> => {
      const states = await Promise.all(ids.map(async (id) => [id, await melee.state(id)] as const));
      return states.map(([id, { queue, open, incoming }]) => ({ id, queue, open, incoming }));
    };
    const live = await ask();
    expect(live).toMatchObject([
      { id: 'x', queue: ['9', 'c', '-7', 'b', '101'] },
      { id: 'c', queue: ['9', '101', '-7', 'x'] },
      { id: '101', queue: ['b', '9', 'c', 'x'] },
      { id: '-7', queue: ['b', '9', 'c', 'x'] },
      { id: 'b', queue: ['101', '-7', 'c', 'x'] },
      { id: '9', queue: ['101', '-7', 'x'] },
    ]);
    const seq = melee.entries.findLast((entry) => entry.kind === 'signal')?.seq ?? 0;
    const fits = (value: Readonly<Record<string, unknown>>): boolean => Number(value.seq) >= seq;
    await melee.snapshot('sessions', `seq >= ${seq}`, fits);
    await stage.kill('collector');
    await stage.start('collector');
    expect(await ask()).toEqual(live);
    const fire = cast('x', 'all_enemies');
    await melee.accept(fire);
    await melee.resultOf(fire);
    expect(melee.actions().at(-1)?.move.targets).toEqual(['b', '9', '101', '-7', 'c']);
  });
});
