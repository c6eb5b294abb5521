// Owns: who fights in the arena: names, and stats under the rules called classic. Everybody is drawn from a seed: the same
// seed and number give the same fighter.

import { type Chance, chanceOf } from '#combat/chance.ts';
import type { ActorSheet } from '#contracts/session-message.ts';

/** A fighter before the fight. */
export interface Fighter {
  readonly id: string;
  readonly name: string;
  readonly sheet: ActorSheet;
}

const NAMES = [
  ...[
    'Aldric',
    'Brenna',
    'Cador',
    'Dagny',
    'Edda',
    'Faolan',
    'Gisela',
    'Halvar',
    'Isolde',
    'Jorund',
    'Kestrel',
    'Leif',
  ],
  ...['Maren', 'Nessa', 'Orrin', 'Petra', 'Quill', 'Rurik', 'Sigrun', 'Torvald', 'Una', 'Vigdis', 'Wulfric', 'Yrsa'],
];

/** Ways to fight: what sets a fighter's stats apart from the defaults of classic. Each number is what it is, or a range. */
const SCHOOLS: readonly Readonly<Record<string, unknown>>[] = [
  { damage: 16, spread: 5, accuracy: 0.82, crit_chance: 0.18 },
  { dodge: 0.2, counter: 0.6, damage: 11 },
  { armour: 2, parry: 0.12, block_zones: 3, damage: 12 },
  { off_hand: { damage: 6, spread: 2 }, damage: 10, accuracy: 0.92 },
];

const HP_LEAST = 45;
const HP_MOST = 75;

/** Draws distinct fighters, all of them bots. */
export function drawFighters(seed: string, what: string, count: number): Fighter[] {
  const chance = chanceOf(seed, `fighters of ${what}`, 'targets');
  return chance.draw(NAMES, count).map((name) => ({
    id: name.toLowerCase(),
    name,
    sheet: { kind: 'ai', name, stats: drawStats(chance) },
  }));
}

function drawStats(chance: Chance): ActorSheet['stats'] {
  const [school] = chance.draw(SCHOOLS, 1);
  return { hp: chance.integer(HP_LEAST, HP_MOST), ...school };
}
