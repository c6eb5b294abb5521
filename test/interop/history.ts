// Owns: what is wrong with the log of one session that an outsider has seen, by the history checker of the command line
// (cli/audit, what `riposte audit` is); and what the sessions of this suite must come to: opened, closed, every action with its
// result. The checker's books are kept from contract.md and semantics.md alone, as an outsider would.

import { Judge, type Read } from '#cli/audit/judge.ts';
import { type AnyRuleSet, ruleBook } from '#combat/rules.ts';
import { ORIGIN_HEADER, REASON_HEADER } from '#contracts/streams.ts';
import { classic } from '#rules/classic/classic.ts';
import plain from './fixtures/plain.ts';
import type { LogEntry } from './wire.ts';

/** The rules of this suite; outcomes by any other are left unjudged. */
const RULES = ruleBook([classic, ...(plain as unknown as AnyRuleSet[])]);

/**
 * Reads the log of one session to its end.
 * @param entries every message of the session, in log order; one without a body has been dead-lettered
 * @returns what is wrong with it, one line each; none when all is well
 */
export function violationsOf(entries: readonly LogEntry[]): string[] {
  const judge = new Judge(RULES, { firstSeq: 1, isWhole: false });
  for (const entry of entries) judge.take(asRead(entry));
  for (const entry of entries) if (entry.body === undefined) judge.letters.take(asLetter(entry));
  const trials = judge.held();
  const unfinished = trials.flatMap(({ session, emitted, executed, open }) => [
    ...(session.fight === null ? ['the session never opened'] : []),
    ...(session.status === 'closed' ? [] : ['the session never closed']),
    ...(emitted > executed ? [`${emitted - executed} of ${emitted} actions have no result`] : []),
    ...open.map((move) => `move ${move} ended nowhere`),
  ]);
  // Whether everything that was refused is in DEAD is for those to say who have read DEAD.
  const { breaches } = judge.finish(0, 0, false);
  return [...breaches.map(({ seq, invariant, what }) => `at ${seq}: ${invariant}: ${what}`), ...unfinished];
}

function asRead({ seq, timeMs, subject, data }: LogEntry): Read {
  return { seq, time: timeMs, subject, data, header: () => '' };
}

function asLetter(entry: LogEntry): Read {
  const headers: Record<string, string> = {
    [ORIGIN_HEADER]: `COMBAT:${entry.seq}`,
    [REASON_HEADER]: 'one that the outsider has seen',
  };
  const header = (name: string): string => headers[name] ?? '';
  return { ...asRead(entry), subject: `dead.${entry.subject}`, header };
}
