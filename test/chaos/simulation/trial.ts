/**
 * Owns what the judge of a run keeps of a session: its whole log, folds of it, and who is still awake for it.
 */
import { type Battle, initialBattle } from '#combat/battle.ts';
import { initialSession, type Session } from '#combat/session.ts';
import type { LogEntry } from '#contracts/log-message.ts';
import type { Verdict } from '#contracts/verdict.ts';

/** A session as its judge knows it. */
export interface Trial {
  readonly id: string;
  readonly entries: LogEntry[];
  /** Folded through all of it. */
  readonly session: Session;
  readonly battle: Battle;
  /** Folded to the prefix of the last action, and of the last result. */
  readonly decided: Session;
  readonly resolved: Battle;
  readonly decidedAt: { index: number };
  readonly resolvedAt: { index: number };
  readonly movesInActions: Set<string>;
  readonly verdicts: Map<number, readonly Verdict[]>;
  readonly lastOf: { action: number; result: number };
  /** Deliveries of its wakes, batches and due timers that nobody has acknowledged. */
  awake: number;
  /** When it had caught up for the first time after the faults, in milliseconds of the run; null where it has not yet. */
  caughtUpAt: number | null;
  /** Revisions of its lock that have a task, and how often each was given. */
  readonly tasks: Set<number>;
  readonly locks: Map<number, number>;
  readonly requests: Map<string, number>;
  /** Tries that were counted, by action. */
  readonly tries: Map<string, number>;
  emitted: number;
  executed: number;
}

/** A session of which nothing is known yet. */
export function newTrial(id: string): Trial {
  return {
    id,
    entries: [],
    session: initialSession(id),
    battle: initialBattle(id),
    decided: initialSession(id),
    resolved: initialBattle(id),
    decidedAt: { index: 0 },
    resolvedAt: { index: 0 },
    movesInActions: new Set(),
    verdicts: new Map(),
    lastOf: { action: 0, result: 0 },
    awake: 0,
    caughtUpAt: null,
    tasks: new Set(),
    locks: new Map(),
    requests: new Map(),
    tries: new Map(),
    emitted: 0,
    executed: 0,
  };
}

/** Folds what has not been folded yet of a prefix. */
export function foldPrefix(
  { entries }: Trial,
  at: { index: number },
  through: number,
  fold: (entry: LogEntry) => void,
): void {
  for (; at.index < entries.length && entries[at.index]!.seq <= through; at.index++) fold(entries[at.index]!);
}
