/**
 * Owns skills and items: data in the stats that say what they do to each target. They need no aim and cannot be evaded or
 * blocked; their damage is lessened by resistance and armour as any other. An ability the actor does not have, or cannot
 * pay for, throws: the action is `failed` with that reason, and changes nothing.
 */
import type { Chance } from '#combat/chance.ts';
import type { BattleActor, Outcome } from '#combat/rules.ts';
import type { CombatAction } from '#contracts/action.ts';
import type { Hit } from '#contracts/result.ts';
import { damageDealt, rollPoints } from './damage.ts';
import type { ClassicStats, Skill } from './stats.ts';
import { type ClassicView, type ClassicVitals, VitalsLedger } from './vitals.ts';

/** Abilities come in one wave. */
const WAVE = 1;
/** A client may name anything; an error message shows this much of it. */
const SHOWN_MAX_CHARS = 64;

/** What the hits of one ability have in common. */
type Mark = Pick<Hit, 'source_id' | 'wave' | 'hand'>;

/** Resolves an instant: the skill `payload.skill_id` over `move.targets`. Throws where it is unknown or too dear. */
export function resolveSkill({ move }: CombatAction, view: ClassicView, chance: Chance): Outcome<ClassicVitals> {
  const source = view.actor(move.char_id);
  const [id, skill] = abilityOf(source, 'skill', source.stats.skills, move.payload.skill_id);
  const ledger = new VitalsLedger(view);
  ledger.pay(source.id, skill.cost);
  const mark = { source_id: source.id, wave: WAVE, hand: 'skill', skill_id: id };
  return use(skill, mark, move.targets ?? [], view, ledger, chance);
}

/** Resolves the use of an item: `payload.item_id` over `move.targets`. Throws where it is unknown, used up or too dear. */
export function resolveItem({ move }: CombatAction, view: ClassicView, chance: Chance): Outcome<ClassicVitals> {
  const source = view.actor(move.char_id);
  const [id, item] = abilityOf(source, 'item', source.stats.items, move.payload.item_id);
  if (source.vitals.charges[id] === 0) throw new Error(`item ${id} of ${source.id} is used up`);
  const ledger = new VitalsLedger(view);
  ledger.pay(source.id, item.cost);
  ledger.takeCharge(source.id, id);
  const mark = { source_id: source.id, wave: WAVE, hand: 'item', item_id: id };
  return use(item, mark, move.targets ?? [], view, ledger, chance);
}

/** The ability a payload names, if it can be paid for. Own properties only: `constructor` is nobody's skill. */
function abilityOf<Ability extends Skill>(
  { id: actorId, vitals }: BattleActor<ClassicStats, ClassicVitals>,
  kind: 'skill' | 'item',
  abilities: { readonly [id: string]: Ability },
  named: unknown,
): [id: string, ability: Ability] {
  const id = Number.isSafeInteger(named) ? String(named) : named;
  if (typeof id !== 'string' || !Object.hasOwn(abilities, id)) {
    const shown = (JSON.stringify(named) ?? 'without a name').slice(0, SHOWN_MAX_CHARS);
    throw new Error(`${actorId} has no ${kind} ${shown}`);
  }
  const ability = abilities[id]!;
  if (ability.cost > vitals.energy) {
    throw new Error(`${kind} ${id} costs ${ability.cost} energy and ${actorId} has ${vitals.energy}`);
  }
  return [id, ability];
}

/** Does to each target that still lives what the ability does, in the order of the list. */
function use(
  ability: Skill,
  mark: Mark,
  targets: readonly string[],
  view: ClassicView,
  ledger: VitalsLedger,
  chance: Chance,
): Outcome<ClassicVitals> {
  const hits: Hit[] = [];
  for (const targetId of targets) {
    if (ledger.of(targetId).dead) continue;
    const points = rollPoints(ability.power, ability.spread, chance);
    hits.push({ ...mark, target_id: targetId, outcome: 'hit', ...take(ability, targetId, points, view, ledger) });
  }
  return { hits, vitals: ledger.changed };
}

/** What one target takes: damage, or healing, which is a hit without damage that says in `healed` what it gave. */
function take({ effect }: Skill, targetId: string, points: number, view: ClassicView, ledger: VitalsLedger) {
  switch (effect) {
    case 'damage': {
      const damage = damageDealt(points, 1, view.actor(targetId).stats);
      ledger.hurt(targetId, damage);
      return { damage };
    }
    case 'heal':
      return { damage: 0, healed: ledger.heal(targetId, points) };
    default:
      return effect satisfies never;
  }
}
