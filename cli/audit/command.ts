/**
 * Owns `riposte audit`: what it is asked, and how its answer is told.
 */
import { ruleBook } from '#combat/rules.ts';
import { isId } from '#contracts/ids.ts';
import { loadRuleSets } from '#process/modules.ts';
import { classic } from '#rules/classic/classic.ts';
import { BadUsage, type Command, EXIT, readArguments, readSession, SESSION_ID_HINT } from '../command.ts';
import { type Audited, audit, breachLine } from './audit.ts';

const HELP = `usage: riposte audit <session> | --session=<session> | --all  [--rest] [--json]

Reads the streams (never a bucket) and judges the history of a session, or of all, by the invariants of docs/reliability.md:

  I1   the log has no hole, and ACTIONS says what COMBAT says
  I2   every accepted move is in at most one action; if in none, it was dropped for a reason the log shows
  I3   no actor has two open blows at one target
  I4   every action has one result, in emission order, with totals that agree
  I5   every decision and every result is what the core gives on the prefix of the log it names; no stale writer
  I10  what cannot be read changes nothing, and is dead-lettered whole

  --session  the session, also one that begins with "-": --session=-x7. After -- it may stand alone: riposte audit -- -x7
  --all    every session
  --rest   the system has come to rest: an action without a result, a move that is due and not emitted, and an open session
           that nothing will ever wake (I6) are breaches, too. Waits some seconds for what is on its way
  --json   one JSON object: the counts and the breaches

One line for each breach on stdout: session, log sequence (0 for what is missing), invariant, what. '*' is the log as a whole.
Counts, and what could not be judged, are told on stderr. Sessions by rules of your own need RULES_MODULES, as the executor
does. Exit code: 0 no breach, 1 a breach, 2 no answer.
`;

const OPTIONS = {
  session: { type: 'string' },
  all: { type: 'boolean' },
  rest: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

/** How often progress is told, on a log that takes longer. */
const PROGRESS_EVERY_MS = 2_000;

export const auditCommand: Command = {
  summary: 'judges what the streams say happened: nothing lost, nothing doubled',
  help: HELP,
  async run(args, { out, say, connected }) {
    const { values, positionals } = readArguments(args, OPTIONS, SESSION_ID_HINT);
    const { all = false, rest: atRest = false, json = false } = values;
    const sessionId = readSession(values.session, positionals);
    if (sessionId !== undefined && !isId(sessionId))
      throw new BadUsage(`${JSON.stringify(sessionId)} is no session id: 1 to 64 of A-Z a-z 0-9 _ -`);
    if (all === (sessionId !== undefined)) throw new BadUsage('expected a session, or --all');

    let saidAt = performance.now();
    const progress = (seq: number, lastSeq: number): void => {
      if (performance.now() - saidAt < PROGRESS_EVERY_MS) return;
      saidAt = performance.now();
      say(`read ${seq} of ${lastSeq}`);
    };
    const audited = await connected('observer', async (nc, config) => {
      const rules = ruleBook(await loadRuleSets(config.rulesModules, [classic]));
      return audit(nc, { atRest, rules, progress, ...(sessionId === undefined ? {} : { sessionId }) });
    });
    if (json) out(`${JSON.stringify(audited)}\n`);
    else for (const breach of audited.breaches) out(`${breachLine(breach)}\n`);
    for (const line of summaryOf(audited)) say(line);
    return audited.breaches.length === 0 ? EXIT.ok : EXIT.no;
  },
};

/** What an audit has seen, in lines for people. */
export function summaryOf({
  sessions,
  closed,
  messages,
  moves,
  actions,
  results,
  unjudged,
  lag,
  breaches,
}: Audited): string[] {
  const lines = [
    `${sessions} sessions (${closed} closed), ${messages} messages, ${moves} moves, ${actions} actions, ${results} results: ` +
      `${breaches.length === 0 ? 'no breach' : `${breaches.length} breaches`}`,
  ];
  if (unjudged > 0) {
    lines.push(
      `not judged: ${unjudged} decisions or results (rules not known here, which RULES_MODULES adds, or a beginning that has expired)`,
    );
  }
  if (lag > 0) lines.push(`ACTIONS is ${lag} messages behind COMBAT: not lost, but not there yet`);
  return lines;
}
