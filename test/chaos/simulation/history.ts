/**
 * Owns the second opinion on a run: its log and its dead letters, as they stand in the end, before the history checker of the
 * command line (`riposte audit`), which keeps its books by the contract alone and shares nothing with the core that decides.
 */
import { type Breach, breachLine } from '#cli/audit/breach.ts';
import { Judge as Audit } from '#cli/audit/judge.ts';
import type { RuleBook } from '#combat/rules.ts';
import { ORIGIN_HEADER, REASON_HEADER } from '#contracts/streams.ts';
import type { Stored } from './model-stream.ts';

/** What the history checker has against a whole log, whose wakes have all been dealt with: one line for each breach. */
export function breachesOf(log: readonly Stored[], letters: readonly Stored[], rules: RuleBook): string[] {
  const audit = new Audit(rules, { firstSeq: 1, isWhole: true });
  for (const { publish: _, ...message } of log) audit.take({ ...message, header: () => '' });
  for (const { publish, ...letter } of letters)
    audit.letters.take({ ...letter, header: (name) => headerOf(publish, name) });
  const { breaches } = audit.finish(log.length, 0, false);
  return breaches.map((breach: Breach) => breachLine(breach));
}

/** Letters are named by their origin, and the model keeps no more of their headers than that there was a reason. */
function headerOf({ msgId = '' }: Stored['publish'], name: string): string {
  if (name === ORIGIN_HEADER) return msgId;
  return name === REASON_HEADER ? 'given' : '';
}
