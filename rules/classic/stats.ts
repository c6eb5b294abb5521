/**
 * Owns the stats of classic: their names, defaults, ranges and caps (docs/rules-classic.md has them as a table). A value
 * outside its range is refused; one inside it and above the cap counts as the cap. Reading stats that were read before
 * changes nothing, and what is read is plain JSON, so a snapshot may keep either form. What the stats do is for the
 * other files of this folder.
 */
import * as z from 'zod';
import { objectOf, pairsOf } from '#contracts/json.ts';

/** Hit points, damage, armour, energy and the like: far above any game, and sums of them stay exact integers. */
const POINTS_MAX = 1_000_000_000;
/** The mightiest crit: one lucky roll may decide an exchange, not a war. */
const CRIT_MULTIPLIER_MAX = 10;
/** Nobody evades more than this: a fight must come to an end. */
const EVASION_CAP = 0.75;
/** Nobody shrugs off more than this share of a blow, for the same reason. */
const RESISTANCE_CAP = 0.9;
/** Zones of one body. This also bounds the strikes of one blow. */
const ZONES_MAX = 8;
/** Zones guarded at once, whatever the stat says: of five zones some stay open. */
const BLOCK_ZONES_CAP = 3;
/** A zone's name travels in every hit. */
const ZONE_MAX_CHARS = 32;
/** Skills of one actor, and items: charges of items travel in the vitals. */
const ABILITIES_MAX = 32;
/** A skill's or an item's id travels in every hit. */
const ABILITY_ID_MAX_CHARS = 64;
/** Uses of one item in one fight. */
const CHARGES_MAX = 1_000;

const DEFAULT_ZONES = ['head', 'chest', 'arms', 'body', 'legs'];

/** A chance, from 0 to 1. */
const probability = (fallback: number, cap: number) =>
  z
    .number()
    .min(0)
    .max(1)
    .transform((value) => Math.min(value, cap))
    .default(fallback);

/** Whole points. Adding 0 turns JSON's `-0` into the 0 that it would be after a round trip. */
const wholePoints = z
  .int()
  .min(0)
  .max(POINTS_MAX)
  .transform((value) => value + 0);

const ability = {
  effect: z.enum(['damage', 'heal']),
  power: wholePoints,
  spread: wholePoints.default(0),
  cost: wholePoints.default(0),
};

/** An object of skills or items. Pairs in between, because a zod record would lose an id such as `__proto__`. */
const abilitiesOf = <Ability extends z.ZodType>(schema: Ability, what: string) =>
  pairsOf(schema, `an object of ${what}`)
    .refine((pairs) => pairs.length <= ABILITIES_MAX, `more than ${ABILITIES_MAX} ${what}`)
    .refine(
      (pairs) => pairs.every(([id]) => id.length >= 1 && id.length <= ABILITY_ID_MAX_CHARS),
      `ids of ${what} have 1 to ${ABILITY_ID_MAX_CHARS} characters`,
    )
    .transform((pairs) => objectOf(pairs))
    .default(() => ({}));

/** What one strike is made with. */
export type Weapon = { readonly damage: number; readonly spread: number };

const Skill = z.object(ability);
/** A skill: what it does to each target, and what it costs in energy. */
export type Skill = z.output<typeof Skill>;

/** An item: a skill that can be used `charges` times in a fight. */
const Item = z.object({ ...ability, charges: z.int().min(1).max(CHARGES_MAX).default(1) });

/** Stats of an actor under classic. Everything has a default; what is not listed here is ignored. */
export const ClassicStats = z.object({
  hp: z.int().min(1).max(POINTS_MAX).default(100),
  energy: wholePoints.default(100),
  damage: wholePoints.default(13),
  spread: wholePoints.default(4),
  off_hand: z.object({ damage: wholePoints.default(7), spread: wholePoints.default(2) }).optional(),
  accuracy: probability(0.9, 1),
  crit_chance: probability(0.1, 1),
  crit_multiplier: z.number().min(1).max(CRIT_MULTIPLIER_MAX).default(1.5),
  dodge: probability(0.08, EVASION_CAP),
  parry: probability(0.05, EVASION_CAP),
  counter: probability(0.3, 1),
  resistance: probability(0, RESISTANCE_CAP),
  armour: wholePoints.default(0),
  zones: z
    .array(z.string().min(1).max(ZONE_MAX_CHARS))
    .min(1)
    .max(ZONES_MAX)
    .refine((zones) => new Set(zones).size === zones.length, 'a zone is named twice')
    .default(() => DEFAULT_ZONES.slice()),
  block_zones: z
    .int()
    .min(0)
    .max(ZONES_MAX)
    .transform((count) => Math.min(count + 0, BLOCK_ZONES_CAP))
    .default(2),
  skills: abilitiesOf(Skill, 'skills'),
  items: abilitiesOf(Item, 'items'),
});
export type ClassicStats = z.output<typeof ClassicStats>;
