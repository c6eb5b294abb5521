// Owns: which crash points there are: from the calls that a play made, every call of every role, with every way to die
// there; and after each of a few first deaths, every call of the recovery.

import { chanceOf } from '#combat/chance.ts';
import type { RoleName } from '#tools/roles/role-process.ts';
import type { Played } from './lane.ts';
import type { ToldCall } from './mortal-role.ts';
import { type Point, printPoint, readPoint, type When } from './order.ts';
import type { Deaths } from './play.ts';
import type { Scenario } from './scenarios.ts';

/** Where somebody dies, in which script. */
export interface Case {
  readonly scenario: Scenario;
  readonly deaths: Deaths;
}

/** Calls that change nothing on the server: dying while the answer is on its way is dying before. */
const READS = /^(lastInLog|endOfLog|read\w+)$/;
/** Calls that have no answer to be waited for. */
const WITHOUT_ANSWER = /^(verdict|ack|retry|working)$/;
/** A recovery that waits for a lock looks at it again and again: of a call made more often, the later ones are alike. */
const ALIKE_FROM = 4;

/**
 * First deaths, by role, after which dying in the recovery is tried at each of its calls: what stands on the server is
 * another after each. Dying elsewhere leaves behind what one of these does.
 */
export const FIRST_DEATHS: Readonly<Record<RoleName, readonly Point[]>> = {
  collector: ['append#1 before', 'append#1 during', 'append#1 after', 'enqueue#1 during'].map(readPoint),
  executor: ['append#1 before', 'append#1 during', 'append#1 after', 'signal#1 during', 'signal#1 after'].map(
    readPoint,
  ),
  ai: ['signal#1 during'].map(readPoint),
};

/** Every case of a script, from the calls that the first process of each role made in it. */
export function casesOf(scenario: Scenario, calls: Played['calls']): Case[] {
  const { only = /./, until } = scenario;
  return scenario.victims.flatMap((role) => {
    const made = calls[role][0] ?? [];
    const last = made.findIndex(({ call }) => call === until?.[role]);
    const tried = (last === -1 ? made : made.slice(0, last + 1)).filter(({ call }) => only.test(call ?? ''));
    return pointsOf(tried).map((point) => ({ scenario, deaths: { role, points: [point] } }));
  });
}

/** Every way to die at each of some calls, in their order. */
function pointsOf(calls: readonly ToldCall[]): Point[] {
  return calls.flatMap(({ call, name }) => (call === null ? [] : waysToDie(name).map((when) => ({ call, when }))));
}

/** Every way to die at the calls of a recovery: until what it was woken for has been acknowledged. */
export function recoveryPoints(calls: readonly ToldCall[]): Point[] {
  const acknowledged = calls.findIndex(({ name }) => name === 'ack');
  const recovery = acknowledged === -1 ? calls : calls.slice(0, acknowledged + 1);
  const ordinal = ({ call }: ToldCall): number => Number(call?.split('#')[1]);
  return pointsOf(recovery.filter((call) => ordinal(call) < ALIKE_FROM));
}

/** Every way to die at a call of a method. */
export function waysToDie(name: string): readonly When[] {
  return READS.test(name) || WITHOUT_ANSWER.test(name) ? ['before', 'after'] : ['before', 'during', 'after'];
}

/** `duel/executor/append#1 after/ack#1 before` */
export function printCase({ scenario, deaths }: Case): string {
  return [scenario.name, deaths.role, ...deaths.points.map(printPoint)].join('/');
}

/** Reads what printCase wrote. */
export function readCase(text: string, scenarios: readonly Scenario[]): Case {
  const [name, role, ...points] = text.split('/');
  const scenario = scenarios.find((known) => known.name === name);
  if (scenario === undefined || points.length === 0) throw new Error(`no crash case: ${JSON.stringify(text)}`);
  return { scenario, deaths: { role: role as RoleName, points: points.map(readPoint) } };
}

/** A few of many: of each role so many, by a seed. */
export function choose(cases: readonly Case[], perRole: number, seed: string): Case[] {
  const chance = chanceOf(seed, 'crash', 'targets');
  const roles = [...new Set(cases.map(({ deaths }) => deaths.role))];
  return roles.flatMap((role) =>
    chance.draw(
      cases.filter(({ deaths }) => deaths.role === role),
      perRole,
    ),
  );
}
