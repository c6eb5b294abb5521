// Owns: what came of a session, without what differs between two plays of the same script: log sequences, times, and the
// ids of bots' moves, which are hashes of the session's name. Two plays of one script must come to the same lines.

import type { Session } from '../../interop/outsider.ts';
import { type Action, closedOf, type LogEntry, type Move, signalOf } from '../../interop/wire.ts';

/** The script's own move ids; a bot's is a hash of 20 characters. */
const SCRIPTED = /^m\d+$/;

/** Every action and result in order, what is left of everybody, the turns bots took, and the close. */
export function outcomeOf(session: Session): string[] {
  const vitals = new Map<string, string>();
  for (const message of session.resultMessages()) {
    for (const [id, { hp, dead }] of Object.entries(message.actors)) vitals.set(id, `${hp}${dead ? ' dead' : ''}`);
  }
  const closings = session.entries.filter((entry) => closedOf(entry) !== undefined).length;
  const closed = session.closed();
  return [
    ...session.actions().map(describe),
    ...session.outcomes(),
    ...[...vitals].sort().map(([id, left]) => `${id} left with ${left}`),
    ...turnsOf(session),
    closed === undefined ? 'open' : `closed ${closed.reason}, winner ${closed.winner}, ${closings} time(s)`,
  ];
}

/** Moves that are in no action although the uncrashed play has them in one, and moves and results that are there twice. */
export function countLosses(session: Session, outcome: readonly string[]): { lost: number; doubled: number } {
  const expected = new Set(outcome.flatMap((line) => line.match(/\bm\d+\b/g) ?? []));
  const moves = session.actions().flatMap(({ move, partner_move }) => [move.move_id, partner_move?.move_id ?? '']);
  const there = moves.filter((id) => id !== '');
  const results = session.results().map(({ action_id }) => action_id);
  const doubled = there.length - new Set(there).size + results.length - new Set(results).size;
  const unresolved = session.actions().filter(({ action_id }) => !results.includes(action_id)).length;
  return { lost: [...expected].filter((id) => !there.includes(id)).length + unresolved, doubled };
}

/** Whether a message of the log was put there by a role, and not by the script. */
export function isOfRoles(entry: LogEntry): boolean {
  if (entry.kind === 'session') return closedOf(entry) !== undefined;
  const signal = signalOf(entry);
  if (signal?.signal_type !== 'check_immediate') return entry.kind !== 'signal' || signal !== undefined;
  const [move] = (signal.moves ?? []) as readonly Move[];
  return move !== undefined && !SCRIPTED.test(move.move_id);
}

function describe({ action_id, type, move, partner_move, is_forced }: Action): string {
  const partner = partner_move === null ? '' : ` with ${nameOf(partner_move)}`;
  return `${action_id} ${type} ${nameOf(move)}${partner}${is_forced ? ' forced' : ''}`;
}

function nameOf({ move_id, char_id, payload, targets }: Move): string {
  const aim = targets === undefined ? String(payload.target_id) : `[${targets}]`;
  return `${SCRIPTED.test(move_id) ? `${move_id} ` : ''}${char_id}>${aim}`;
}

/** A bot is asked once for each situation, and answers once: so many signals it has sent. */
function turnsOf(session: Session): string[] {
  const turns = new Map<string, number>();
  for (const { signal } of session.signals()) {
    const moves = (signal.moves ?? []) as readonly Move[];
    const bot = moves.find(({ move_id }) => !SCRIPTED.test(move_id))?.char_id;
    if (bot !== undefined) turns.set(bot, (turns.get(bot) ?? 0) + 1);
  }
  return [...turns].sort().map(([bot, count]) => `${bot} took ${count} turn(s)`);
}
