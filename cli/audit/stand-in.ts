/**
 * Owns what an audit does about rules it does not know: it folds the session all the same, because what the rules made of it
 * stands in the results, and leaves their outcomes unjudged.
 */
import * as z from 'zod';
import type { AnyRuleSet, RuleBook } from '#combat/rules.ts';
import type { RulesRef } from '#contracts/session-message.ts';

/** A book that has a stand-in for every rule set that `rules` does not know: it lets everybody in, alive. */
export function withStandIns(rules: RuleBook): RuleBook {
  return { find: (wanted) => rules.find(wanted) ?? standIn(wanted) };
}

function standIn({ name, version }: RulesRef): AnyRuleSet {
  return {
    name,
    version,
    stats: z.unknown(),
    initial: () => ({ hp: 1, dead: false }),
    resolve: () => {
      throw new Error(`rules ${name}, version ${version}, are not known here`);
    },
  };
}
