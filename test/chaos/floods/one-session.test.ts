// Proves I2 to I4 and I10 under a flood at one session: every signal of it is in the log and dealt with, no blow is lost or
// doubled, sessions beside it fight on to faultless ends, memory stays bounded, and the flooded fight itself goes on.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { ACTORS_MAX } from '#contracts/limits.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import type { Signal } from '../../interop/wire.ts';
import { Bystanders, DUEL } from '../fuzz/bystanders.ts';
import { atRest, crewOf, peakMib } from '../fuzz/rest.ts';
import { Victim } from '../fuzz/victim.ts';
import { pour } from './pour.ts';

const SIGNALS = depth({ slice: 5_000, full: 100_000 });
/** More than a session may ever know. */
const JOINS = depth({ slice: ACTORS_MAX + 100, full: 5_000 });
const RINGS = 2;
const TEST_LIMIT_MS = depth({ slice: 120_000, full: 900_000 });
const REST_LIMIT_MS = depth({ slice: 60_000, full: 600_000 });
const FIGHT_LIMIT_MS = 60_000;
/** What is in hand is bounded by what a server delivers unacknowledged; what is open, by two actors. */
const ROLE_MAX_MIB = 700;
const STURDY = { hp: 1_000_000, damage: 1 };

let stage: Stage;
let nc: NatsConnection;
let bystanders: Bystanders;
let crew: string[];

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, ais: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
  nc = await connect({ servers: stage.server.url });
  bystanders = new Bystanders(stage, RINGS);
  crew = crewOf(stage);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await stage?.close();
}, STAGE_LIMIT_MS);

const blow = (id: string, from: string, to: string) => ({ ...strike(from, to), move_id: id });

/** One signal of the flood: nudges, blows that may or may not be due, the same blows again, and words of nobody. */
function signalOf(ordinal: number): Signal {
  switch (ordinal % 10) {
    case 4:
      return { signal_type: 'check_immediate', moves: [blow(`f${ordinal}`, 'a', 'b')] };
    case 5:
      return { signal_type: 'check_immediate', moves: [blow(`f${ordinal}`, 'b', 'a')] };
    case 6:
      return {
        signal_type: 'check_immediate',
        moves: [blow(`f${ordinal - 2}`, 'a', 'b'), blow(`f${ordinal - 1}`, 'b', 'a')],
      };
    case 7:
      return { signal_type: 'check_timeout', move_id: `f${ordinal - 3}`, char_id: 'a' };
    case 8:
      return { signal_type: 'heartbeat', lock_rev: ordinal };
    case 9:
      return { signal_type: 'check_immediate', moves: [blow(`f${ordinal}`, 'ghost', 'b'), null, {}] };
    default:
      return { signal_type: 'check_immediate' };
  }
}

test(`I2 I3 I4 ${SIGNALS} signals at one session: each blow acts once, and the fight goes on`, {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const flooded = stage.session('flooded');
  await flooded.open({ teams: DUEL, stats: STURDY });
  const subject = `collector.signal.${flooded.id}`;
  await pour(stage.server.url, SIGNALS, (ordinal) => ({
    subject,
    body: { session_id: flooded.id, ...signalOf(ordinal) },
  }));
  await atRest(nc, REST_LIMIT_MS);
  const poured = flooded
    .signals()
    .filter(({ signal }) => signal.signal_type !== 'heartbeat' || Number(signal.lock_rev) % 10 === 8);
  expect(poured.length).toBeGreaterThanOrEqual(SIGNALS);
  expect(flooded.actions().length).toBeGreaterThan(0);
  await new Victim(nc, flooded.id).exchange(FIGHT_LIMIT_MS);
  await flooded.life({ type: 'closed', session_id: flooded.id, winner: null, reason: 'cancelled' });
  await atRest(nc, REST_LIMIT_MS);
  const audited = await audit(nc, { sessionId: flooded.id, atRest: true });
  expect(audited.breaches.map(breachLine)).toEqual([]);
  expect(crewOf(stage)).toEqual(crew);
});

test(`I10 ${JOINS} joins, nudges and moves of the newcomers: as many join as may, the others are dead-lettered`, {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const crowded = stage.session('crowded');
  await crowded.open({ teams: DUEL, stats: STURDY });
  const { id } = crowded;
  const newcomer = { kind: 'player', stats: STURDY };
  await pour(stage.server.url, 2 * JOINS, (ordinal) => {
    const name = `n${ordinal >> 1}`;
    return ordinal % 2 === 0
      ? {
          subject: `combat.session.${id}`,
          body: { type: 'joined', session_id: id, actor_id: name, team: 'red', actor: newcomer },
        }
      : {
          subject: `collector.signal.${id}`,
          body: { session_id: id, signal_type: 'check_immediate', moves: [blow(`j${ordinal}`, name, 'b')] },
        };
  });
  await atRest(nc, REST_LIMIT_MS);
  expect(Object.keys((await crowded.state()).actors)).toHaveLength(ACTORS_MAX);
  await crowded.until('a dead letter of every other', () =>
    crowded.deadLetters.length >= JOINS - ACTORS_MAX + 2 ? true : undefined,
  );
  expect(crowded.deadLetters).toHaveLength(JOINS - ACTORS_MAX + 2);
  await new Victim(nc, id).exchange(FIGHT_LIMIT_MS);
  await crowded.life({ type: 'closed', session_id: id, winner: null, reason: 'cancelled' });
  await atRest(nc, REST_LIMIT_MS);
  const audited = await audit(nc, { sessionId: id, atRest: true });
  expect(audited.breaches.map(breachLine)).toEqual([]);
  expect(crewOf(stage)).toEqual(crew);
});

test('the bystanders have fought on through all of it, each to a faultless end', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const { duels, lost, doubled, breaches } = await bystanders.finish(nc);
  expect(duels).toBeGreaterThan(RINGS);
  const peaks = (['collector', 'executor', 'ai'] as const).map((name) => [name, peakMib(stage, name)] as const);
  for (const [name, peak] of peaks) expect(peak, `the ${name}'s peak in MiB`).toBeLessThan(ROLE_MAX_MIB);
  recordFigures('floods-one-session', {
    signals: SIGNALS,
    joins: JOINS,
    bystander_duels: duels,
    lost: lost.length,
    doubled: doubled.length,
    ...Object.fromEntries(peaks.map(([name, peak]) => [`${name}_peak_mib`, peak])),
    command: 'RIPOSTE_CHAOS=full npx vitest run test/chaos/floods/one-session.test.ts',
  });
  expect({ lost, doubled, breaches }).toEqual({ lost: [], doubled: [], breaches: [] });
});
