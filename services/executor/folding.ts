/** Owns what the executor makes of a session's log: the battle, and what it keeps of it. */
import { type Battle, evolveBattle, initialBattle } from '#combat/battle.ts';
import { restoreBattle, snapshotBattle } from '#combat/battle-snapshot.ts';
import type { RuleBook } from '#combat/rules.ts';
import { BATTLES_BUCKET } from '#contracts/streams.ts';
import { battleLogFilter } from '#contracts/subjects.ts';
import type { Folding } from '#jetstream/session-log.ts';

/** The executor's fold of a battle, by the rule sets it knows. */
export function battleFolding(rules: RuleBook): Folding<Battle> {
  return {
    filter: battleLogFilter,
    bucket: BATTLES_BUCKET,
    initial: initialBattle,
    evolve: (battle, entry) => evolveBattle(battle, entry, rules),
    position: (battle) => battle.seq,
    snapshot: snapshotBattle,
    restore: (sessionId, value) => restoreBattle(sessionId, value, rules),
    isSettled: ({ status, melee }) => status === 'closed' && (melee === null || melee.pending.length === 0),
    memo: () => null,
  };
}
