// `riposte/core`: the pure core. It folds a session's log, says what the session needs next and what its actions come to, and
// has the built-in rules. It imports nothing of Node.js, so that it runs in a browser too (I9).

export {
  type Batch,
  type Battle,
  evolveBattle,
  type Fighter,
  initialBattle,
  type Melee,
  resolve,
} from '#combat/battle.ts';
export { type BattleSnapshot, restoreBattle, snapshotBattle } from '#combat/battle-snapshot.ts';
export { type Chance, chanceOf, type Purpose } from '#combat/chance.ts';
export type { OpenMove, Pool } from '#combat/pool.ts';
export type { Actor, Roster, Situation, Standing } from '#combat/roster.ts';
export {
  type AnyRuleSet,
  type BattleActor,
  type BattleView,
  type Outcome,
  type RuleBook,
  type RuleSet,
  ruleBook,
} from '#combat/rules.ts';
export {
  type Decision,
  decide as decideSession,
  evolve as evolveSession,
  type Fight,
  type Folded,
  initialSession,
  type Session,
} from '#combat/session.ts';
export { restoreSession, type SessionSnapshot, snapshotSession } from '#combat/session-snapshot.ts';
export type { Team, Teams } from '#combat/teams.ts';
export { viewOf } from '#combat/view.ts';
export type { ActionMessage, CombatAction } from '#contracts/action.ts';
export type { Decoded, Refusal } from '#contracts/decode.ts';
export type { JsonObject } from '#contracts/json.ts';
export { type LogEntry, type LogMessage, readLogMessage } from '#contracts/log-message.ts';
export type { CombatMove, MoveTarget } from '#contracts/move.ts';
export type { ActionResult, Hit, ResultMessage, Vitals } from '#contracts/result.ts';
export type {
  ActorKind,
  ActorSheet,
  RulesRef,
  SessionClosed,
  SessionJoined,
  SessionLeft,
  SessionMessage,
  SessionOpened,
} from '#contracts/session-message.ts';
export type { CollectorSignal } from '#contracts/signal.ts';
export { type LogKind, parseLogSubject } from '#contracts/subjects.ts';
export type { AiTurnRequest } from '#contracts/tasks.ts';
export type { RefusalCode, Verdict } from '#contracts/verdict.ts';
export { classic } from '#rules/classic/classic.ts';
export type { ClassicStats } from '#rules/classic/stats.ts';
export type { ClassicVitals } from '#rules/classic/vitals.ts';
