/**
 * Owns the heavy snapshot: a battle as the bucket `battles` keeps it, with every actor's stats and vitals and the actions
 * that wait. Folding on from a snapshot equals folding from the start. A value that cannot be read is no snapshot, and
 * the log is folded instead (I1).
 */
import * as z from 'zod';
import { CombatAction } from '#contracts/action.ts';
import { check, type Decoded, refusal } from '#contracts/decode.ts';
import { ActorId, Id } from '#contracts/ids.ts';
import { Vitals } from '#contracts/result.ts';
import { RulesRef } from '#contracts/session-message.ts';
import { type Battle, type Fighter, initialBattle, type Melee } from './battle.ts';
import { type AnyRuleSet, deepFreeze, type RuleBook } from './rules.ts';
import { enlist, everybody } from './teams.ts';

const VERSION = 1;

const Count = z.int().nonnegative();

const BattleSnapshot = z.object({
  v: z.literal(VERSION),
  session_id: Id,
  seq: Count,
  last_result: Count,
  status: z.enum(['open', 'closed']),
  rules: RulesRef,
  seed: z.string(),
  emitted: Count,
  executed: Count,
  step: Count,
  /** In roster order. */
  actors: z.array(z.object({ id: ActorId, team: z.string(), gone: z.boolean(), stats: z.unknown(), vitals: Vitals })),
  /** Actions without a result, in emission order. */
  pending: z.array(CombatAction),
});
/** A battle's snapshot as it stands in the bucket. */
export type BattleSnapshot = z.output<typeof BattleSnapshot>;

/** Takes a snapshot; null for a battle of which there is nothing to keep. */
export function snapshotBattle(battle: Battle): BattleSnapshot | null {
  const { status, melee } = battle;
  if ((status !== 'open' && status !== 'closed') || melee === null || battle.rulesUnknown !== null) return null;
  return {
    v: VERSION,
    session_id: battle.id,
    seq: battle.seq,
    last_result: battle.lastResult,
    status,
    rules: melee.rules,
    seed: melee.seed,
    emitted: melee.emitted,
    executed: melee.executed,
    step: melee.step,
    actors: [...everybody(melee.teams)].map(({ id, gone, sheet, seen }) => ({
      id,
      team: seen.team,
      gone,
      stats: sheet,
      vitals: seen.vitals,
    })),
    pending: [...melee.pending],
  };
}

/** Reads a snapshot back. Refuses a value that is none, or of another version, or whose stats its rules refuse. */
export function restoreBattle(sessionId: string, value: unknown, rules: RuleBook): Decoded<Battle> {
  const read = check(BattleSnapshot, value);
  if (!read.ok) return read;
  const snapshot = read.value;
  if (snapshot.session_id !== sessionId) return refusal(`a snapshot of ${snapshot.session_id}`);
  if (snapshot.pending.length !== snapshot.emitted - snapshot.executed) return refusal('its actions do not add up');
  const ruleSet = rules.find(snapshot.rules);
  const melee: Melee = {
    rules: snapshot.rules,
    ruleSet,
    seed: snapshot.seed,
    teams: [],
    byId: new Map(),
    pending: snapshot.pending,
    emitted: snapshot.emitted,
    executed: snapshot.executed,
    step: snapshot.step,
  };
  for (const kept of snapshot.actors) {
    const fighter = fighterFrom(kept, ruleSet);
    if (fighter === null) return refusal(`stats of ${kept.id} are refused by their rules`);
    enlist(melee.teams, kept.team, fighter);
    melee.byId.set(fighter.id, fighter);
  }
  const battle = initialBattle(sessionId);
  battle.seq = snapshot.seq;
  battle.lastResult = snapshot.last_result;
  battle.status = snapshot.status;
  battle.rulesUnknown = ruleSet === undefined ? snapshot.rules : null;
  battle.melee = melee;
  return { ok: true, value: battle };
}

function fighterFrom(kept: BattleSnapshot['actors'][number], ruleSet: AnyRuleSet | undefined): Fighter | null {
  const { id, team, gone, stats: sheet, vitals } = kept;
  if (ruleSet === undefined) return { id, sheet, seen: deepFreeze({ id, team, stats: sheet, vitals }), gone };
  const read = ruleSet.stats.safeParse(sheet);
  return read.success ? { id, sheet, seen: deepFreeze({ id, team, stats: read.data, vitals }), gone } : null;
}
