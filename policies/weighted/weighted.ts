/**
 * Owns the built-in policy `weighted`: each missing target gets one blow into one zone, with two zones guarded, chosen by
 * the weights of zone-weights.ts. It handles every request. It knows nothing of the fight: the request says whom it owes.
 */
import type { Chance } from '#combat/chance.ts';
import type { Policy } from '../policy.ts';
import { ATTACK_WEIGHTS, BLOCK_WEIGHTS, type ZoneWeights } from './zone-weights.ts';

/** One zone: a blow at several shares its damage among them. */
const ZONES_ATTACKED = 1;
/** What a classic actor can guard at once by default. */
const ZONES_BLOCKED = 2;

/** The built-in policy. */
export const weighted: Policy = {
  name: 'weighted',
  choose: (request, chance) =>
    new Map(
      request.missing_targets.map((targetId) => [
        targetId,
        {
          target_id: targetId,
          attack_zones: drawZones(ATTACK_WEIGHTS, ZONES_ATTACKED, chance),
          block_zones: drawZones(BLOCK_WEIGHTS, ZONES_BLOCKED, chance),
        },
      ]),
    ),
};

/** `count` distinct zones in the order drawn, each by its share of the weight still in the hat. */
function drawZones(weights: ZoneWeights, count: number, chance: Chance): string[] {
  const hat = [...weights];
  const drawn: string[] = [];
  while (drawn.length < count && hat.length > 0) {
    const total = hat.reduce((sum, [, weight]) => sum + weight, 0);
    let left = chance.integer(1, total);
    const index = hat.findIndex(([, weight]) => {
      left -= weight;
      return left <= 0;
    });
    drawn.push(hat.splice(index, 1)[0]![0]);
  }
  return drawn;
}
