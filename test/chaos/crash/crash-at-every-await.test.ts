// Proves the crash table of docs/design.md row by row and everything between two rows: whoever is killed (SIGKILL), before,
// during or after whichever call of Effects, the session comes to rest with the very history it has without a crash.
//
// The scripts are played once without a crash, which enumerates their calls; then once for each way to die at each call. In
// `npm run test:slices` a few of them are drawn by a seed, which is printed; CRASH_SEED draws the same again, and CRASH_CASE plays
// single ones, with commas between them, and tells how long each took to go on. CRASH_ROLE plays all of one role's, one at a time:
// how long a session takes to go on says something where no other seven want the same cores.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RoleName } from '#tools/roles/role-process.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { Crew, explain, type Tried } from './crew.ts';
import { type Case, casesOf, choose, FIRST_DEATHS, printCase, readCase, recoveryPoints } from './enumeration.ts';
import { readPoint } from './order.ts';
import { countLosses } from './outcome.ts';
import { SCENARIOS, STUBBORN } from './scenarios.ts';

const FULL = depth({ slice: false, full: true });
const LANES = depth({ slice: 4, full: 8 });
/** A slice draws from these: they have every role in them. */
const SLICE_SCENARIOS = ['duel', 'bots'];
const SLICE_PER_ROLE = 2;
const SLICE_PER_ROLE_TWICE = 1;
const LIMIT_MS = depth({ slice: 180_000, full: 40 * 60_000 });
const HOOK_LIMIT_MS = 120_000;
const SLOWEST_SHOWN = 10;
const AGAIN_MAX = 4;

const seed = process.env.CRASH_SEED ?? String(Date.now() % 1_000_000);
const only = process.env.CRASH_CASE;
const victim = process.env.CRASH_ROLE;
const everything = only === undefined;

const crew = new Crew(everything && victim === undefined ? LANES : 1);
const expected = new Map<string, readonly string[]>();
const cases: Case[] = [];
const tried: Tried[] = [];
let startedAt = 0;

beforeAll(() => {
  startedAt = performance.now();
});

afterAll(async () => {
  await crew.close();
  if (everything) record();
}, HOOK_LIMIT_MS);

describe.skipIf(!everything)('a process killed at a call of Effects', { timeout: LIMIT_MS }, () => {
  test('each script comes to its end without a crash', async () => {
    if (!FULL) process.stdout.write(`crash points drawn with CRASH_SEED=${seed}\n`);
    const played = await crew.baselines(SCENARIOS.filter(({ name }) => FULL || SLICE_SCENARIOS.includes(name)));
    for (const {
      scenario,
      played: { outcome, calls },
    } of played) {
      expected.set(scenario.name, outcome);
      cases.push(...casesOf(scenario, calls).filter(({ deaths }) => victim === undefined || deaths.role === victim));
    }
    expect(played.flatMap(({ played: { breaches } }) => breaches)).toEqual([]);
    expect(cases.length).toBeGreaterThan(0);
  });

  test('I2 I3 I4 I6 I8 killed once, wherever it is: the session ends as without a crash', async () => {
    await attempt(FULL ? cases : choose(cases, SLICE_PER_ROLE, seed));
  });

  test('I2 I3 I4 I6 I8 killed again while it recovers: the session ends as without a crash', async () => {
    const deaths = firstDeaths();
    const first = await attempt(FULL ? deaths : choose(deaths, SLICE_PER_ROLE_TWICE, seed));
    const second = first.flatMap(({ tried: { scenario, deaths }, played }) => {
      const points = recoveryPoints(played?.calls[deaths.role][1] ?? []);
      return points.map((point) => ({ scenario, deaths: { ...deaths, points: [...deaths.points, point] } }));
    });
    expect(second.length).toBeGreaterThan(0);
    await attempt(FULL ? second : choose(second, SLICE_PER_ROLE_TWICE, seed));
  });

  test.skipIf(!FULL)(
    'an action begun four times in vain is done the fifth time, begun five times it is failed',
    async () => {
      const point = readPoint('append#1 before');
      const dying = (times: number): Case => ({
        scenario: STUBBORN,
        deaths: { role: 'executor', points: Array(times).fill(point) },
      });
      const cancelled = 'closed cancelled, winner null, 1 time(s)';
      const pair = '1 exchange m1 a>b with m2 b>a';
      expected.set(STUBBORN.name, [pair, '1 done', 'a left with 20', 'b left with 20', cancelled]);
      await attempt([dying(4)]);
      expected.set(STUBBORN.name, [pair, '1 failed', cancelled]);
      await attempt([dying(5)]);
    },
  );

  test.skipIf(!FULL || victim !== undefined)(
    'every method of Effects, and every place that calls one, was reached, and died at in every way',
    () => {
      process.stdout.write(`${crew.sites.table().join('\n')}\n`);
      expect(crew.sites.methodsMissed()).toEqual([]);
      expect(crew.sites.sitesMissed()).toEqual([]);
      expect(crew.sites.deathsMissed()).toEqual([]);
    },
  );
});

test.skipIf(everything)(`the crash of ${only}`, { timeout: LIMIT_MS }, async () => {
  const chosen = (only ?? '').split(',').map((text) => readCase(text, [...SCENARIOS, STUBBORN]));
  const scenarios = new Set(chosen.map(({ scenario }) => scenario));
  for (const { scenario, played } of await crew.baselines([...scenarios])) expected.set(scenario.name, played.outcome);
  for (const { tried: one, played } of await attempt(chosen)) {
    process.stdout.write(`${played?.session.print()}\n${printCase(one)}: ${played?.recoveriesMs} ms to go on\n`);
    expect(played?.reached).toBe(true);
  }
});

/** Plays cases, and those again whose point was not come by: how often a role looks at a lock is not the same each time. */
async function attempt(chosen: readonly Case[]): Promise<readonly Tried[]> {
  let done = await play(chosen);
  for (let again = 0; again < AGAIN_MAX; again++) {
    const missed = done.filter(isMissed);
    if (missed.length === 0) break;
    const repeated = await play(missed.map((one) => one.tried));
    done = [...done.filter((one) => !isMissed(one)), ...repeated];
  }
  tried.push(...done);
  return done;
}

async function play(chosen: readonly Case[]): Promise<readonly Tried[]> {
  const done = await crew.cases(chosen, expected);
  expect(done.filter(({ breaches }) => breaches.length > 0).map(explain)).toEqual([]);
  return done;
}

const isMissed = ({ played }: Tried): boolean => played?.reached === false;

/** The first deaths of the duel and, for the AI, of the bots. */
function firstDeaths(): Case[] {
  return cases.filter(({ scenario, deaths: { role, points } }) => {
    const [point] = points.map((at) => `${at.call} ${at.when}`);
    const known = FIRST_DEATHS[role].some((at) => `${at.call} ${at.when}` === point);
    return known && scenario.name === (role === 'ai' ? 'bots' : 'duel');
  });
}

function record(): void {
  const unreached = tried.filter(isMissed).map((one) => printCase(one.tried));
  if (unreached.length > 0) process.stdout.write(`points not come by: ${unreached.join(', ')}\n`);
  for (const line of slowest()) process.stdout.write(`${line}\n`);
  const plays = tried.flatMap(({ tried: { scenario }, played }) => (played === null ? [] : [{ scenario, played }]));
  const losses = plays.map(({ scenario, played }) => countLosses(played.session, expected.get(scenario.name) ?? []));
  const longest = (role: RoleName | null, deaths: number): number => {
    const of = tried.filter(({ tried: one }) => one.deaths.points.length === deaths);
    const ofRole = of.filter(({ tried: one }) => role === null || one.deaths.role === role);
    return Math.max(0, ...ofRole.flatMap(({ played }) => played?.recoveriesMs ?? []));
  };
  const deaths = tried.map((one) => (one.played?.reached === false ? 0 : one.tried.deaths.points.length));
  recordFigures(victim === undefined ? 'crash' : `crash_of_${victim}`, {
    points: tried.length,
    points_reached: tried.length - unreached.length,
    kills: deaths.reduce((sum, count) => sum + count, 0),
    scripts: expected.size,
    effects_reached: crew.sites.methods,
    call_sites_reached: crew.sites.sites,
    messages: plays.reduce((sum, { played }) => sum + played.session.entries.length, 0),
    lost: losses.reduce((sum, { lost }) => sum + lost, 0),
    doubled: losses.reduce((sum, { doubled }) => sum + doubled, 0),
    breaches: tried.reduce((sum, { breaches }) => sum + breaches.length, 0),
    longest_recovery_ms: longest(null, 1),
    longest_recovery_of_an_executor_ms: longest('executor', 1),
    longest_recovery_from_two_kills_ms: longest(null, 2),
    seconds: Math.round((performance.now() - startedAt) / 1000),
    command: `${victim === undefined ? '' : `CRASH_ROLE=${victim} `}npm run test:chaos -- test/chaos/crash`,
  });
}

/** The cases that took longest to go on. */
function slowest(): string[] {
  const all = tried.flatMap(({ tried: one, played }) =>
    (played?.recoveriesMs ?? []).map((ms) => ({
      ms,
      line: `${String(ms).padStart(6)} ms to go on: ${printCase(one)}`,
    })),
  );
  return all
    .sort((left, right) => right.ms - left.ms)
    .slice(0, SLOWEST_SHOWN)
    .map(({ line }) => line);
}
