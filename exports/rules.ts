// `riposte/rules`: what an author of rule sets (RULES_MODULES) and of bots' policies (POLICY_MODULES) needs to write and to
// test them. docs/guide-package.md shows both.

export { type Chance, chanceOf, type Purpose } from '#combat/chance.ts';
export type { AnyRuleSet, BattleActor, BattleView, Outcome, RuleSet } from '#combat/rules.ts';
export type { CombatAction } from '#contracts/action.ts';
export type { JsonObject } from '#contracts/json.ts';
export { type CombatMove, exchangeTarget } from '#contracts/move.ts';
export type { Hit, Vitals } from '#contracts/result.ts';
export type { AiTurnRequest } from '#contracts/tasks.ts';
export type { BlowPayload, Policy } from '#policies/policy.ts';
