import { describe, expect, test } from 'vitest';
import { chanceOf } from '#combat/chance.ts';
import { weighted } from '#policies/weighted/weighted.ts';
import { ATTACK_WEIGHTS, BLOCK_WEIGHTS, type ZoneWeights } from '#policies/weighted/zone-weights.ts';
import { classic } from '#rules/classic/classic.ts';

const TURNS = 10_000;
const request = { session_id: 's1', bot_id: '-7', missing_targets: ['101', '9', 'b'], request_id: '-7@5' };
const chance = (requestId: string) => chanceOf('s1', requestId, 'policy');
const zonesOf = (weights: ZoneWeights) => weights.map(([zone]) => zone).sort();

describe('the weighted policy', () => {
  test('gives each missing target one blow: one zone struck, two different ones guarded', () => {
    const blows = weighted.choose(request, chance(request.request_id));
    expect([...blows.keys()]).toEqual(request.missing_targets);
    for (const [targetId, blow] of blows) {
      expect(blow).toEqual({
        target_id: targetId,
        attack_zones: [expect.toBeOneOf(zonesOf(ATTACK_WEIGHTS))],
        block_zones: [expect.toBeOneOf(zonesOf(BLOCK_WEIGHTS)), expect.toBeOneOf(zonesOf(BLOCK_WEIGHTS))],
      });
      expect(new Set(blow.block_zones as string[]).size).toBe(2);
    }
  });

  test('answers the same request with the same blows, and another with others', () => {
    const answer = (requestId: string) => [...weighted.choose(request, chance(requestId))];
    expect(answer('-7@5')).toEqual(answer('-7@5'));
    expect(answer('-7@5')).not.toEqual(answer('-7@6'));
  });

  test('strikes and guards each zone by its weight', () => {
    const struck = new Map<string, number>();
    const guardedFirst = new Map<string, number>();
    const one = { ...request, missing_targets: ['101'] };
    for (let n = 0; n < TURNS; n++) {
      const blow = weighted.choose(one, chance(`-7@${n}`)).get('101') as {
        attack_zones?: string[];
        block_zones?: string[];
      };
      const [attack, block] = [blow.attack_zones![0]!, blow.block_zones![0]!];
      struck.set(attack, (struck.get(attack) ?? 0) + 1);
      guardedFirst.set(block, (guardedFirst.get(block) ?? 0) + 1);
    }
    for (const [counts, weights] of [
      [struck, ATTACK_WEIGHTS],
      [guardedFirst, BLOCK_WEIGHTS],
    ] as const) {
      const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [zone, weight] of weights) {
        expect(Math.abs(counts.get(zone)! / TURNS - weight / total)).toBeLessThan(0.015);
      }
    }
  });

  test('knows the zones of a classic actor, all of them and no others', () => {
    const zones = classic.stats.parse({}).zones.toSorted();
    expect(zonesOf(ATTACK_WEIGHTS)).toEqual(zones);
    expect(zonesOf(BLOCK_WEIGHTS)).toEqual(zones);
  });
});
