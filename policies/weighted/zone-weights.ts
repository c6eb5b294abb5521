/**
 * Owns what the weighted policy prefers, as data: of every hundred choices, how many fall on a zone. Bots strike high and
 * guard the middle, so that neither half of a bot's mind reads the other. The zones are those of a classic actor that
 * names none of its own.
 */

/** Zones and their weights: whole numbers above 0. */
export type ZoneWeights = readonly (readonly [zone: string, weight: number])[];

export const ATTACK_WEIGHTS: ZoneWeights = [
  ['head', 30],
  ['chest', 25],
  ['arms', 10],
  ['body', 20],
  ['legs', 15],
];

export const BLOCK_WEIGHTS: ZoneWeights = [
  ['head', 20],
  ['chest', 25],
  ['arms', 15],
  ['body', 25],
  ['legs', 15],
];
