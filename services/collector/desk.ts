/**
 * Owns what one collector process knows of a session beyond its fold: wakes to acknowledge, what to tell about the
 * messages it saw folded, and beliefs about lock, timer and bots asked. Beliefs save round trips; a wrong one costs a
 * read, and losing them all costs nothing else: they are rebuilt from the log and the server.
 */

import type { Folded, Session } from '#combat/session.ts';
import type { LogEntry } from '#contracts/log-message.ts';
import type { Verdict } from '#contracts/verdict.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import { PassingMap } from '#jetstream/passing.ts';
import type { Cached } from '#jetstream/session-log.ts';
import { type ArmedTimer, forget, unknownTimer } from '#jetstream/timer.ts';
import { newPace, type Pace } from './pace.ts';

/** What is to be said about a message when its wake is acknowledged. */
export interface Note {
  /** A `check_timeout`: what was armed may be gone with the timer that fired. */
  readonly timeout: boolean;
  /** Why the message deserves a dead letter; null where it was folded. */
  readonly refused: string | null;
  readonly verdicts: readonly Verdict[];
  readonly replyTo: string | null;
}

/** One session on this process's desk. */
export interface Desk {
  readonly sessionId: string;
  /** Wakes in hand, in the order of their delivery. */
  readonly wakes: Delivery[];
  /** A pass is under way; wakes that come meanwhile are taken by the next. */
  running: boolean;
  /** Notes by log sequence, for the messages folded in this process. */
  readonly notes: PassingMap<number, Note>;
  /** Notes are complete above this sequence; a wake at or below it is read again. */
  notesFrom: number;
  /** Bots whose situation is at or below this sequence have been asked. */
  askedThrough: number;
  /** This process's last append: the next pass folds to it first. */
  floor: number;
  readonly pace: Pace;
  readonly timer: ArmedTimer;
  /** The revision at which the lock was last freed; 0 where that is unknown. */
  freeRevision: number;
  /** Local time at which that was heard of: a free lock expires like any other. */
  freedAt: number;
  /** Local time until which the lock is another's; a heartbeat ends it. */
  busyUntil: number;
  /** It is held for a task this process has sent. */
  taskSent: boolean;
}

/** Notes kept for wakes that another replica got, before the oldest are dropped. */
const NOTES_MAX = 1024;

/** An empty desk. */
export function newDesk(sessionId: string): Desk {
  return {
    sessionId,
    wakes: [],
    running: false,
    notes: new PassingMap(),
    notesFrom: 0,
    askedThrough: 0,
    floor: 0,
    pace: newPace(),
    timer: unknownTimer(),
    freeRevision: 0,
    freedAt: 0,
    busyUntil: 0,
    taskSent: false,
  };
}

/** Notes what folding a message said. */
export function noteFolded(desk: Desk, entry: LogEntry, folded: Folded): void {
  const { message } = entry;
  const signal = message.kind === 'signal' ? message.body : null;
  const timeout = signal?.signal_type === 'check_timeout';
  const replyTo = signal?.reply_to ?? null;
  if (!timeout && folded.refused === null && (replyTo === null || folded.verdicts.length === 0)) return;
  desk.notes.set(entry.seq, { timeout, refused: folded.refused, verdicts: folded.verdicts, replyTo });
  for (const oldest of desk.notes.keys()) {
    if (desk.notes.size <= NOTES_MAX) break;
    desk.notes.delete(oldest);
    desk.notesFrom = oldest;
  }
}

/**
 * Corrects beliefs by what the log says now: after a heartbeat the lock is free, at the revision it names; with a
 * `check_timeout` the timer has fired, whichever replica was woken by it.
 */
export function correctBeliefs(desk: Desk, entry: LogEntry, now: number): void {
  if (entry.message.kind !== 'signal') return;
  const { body } = entry.message;
  if (body.signal_type === 'check_timeout') forget(desk.timer);
  if (body.signal_type !== 'heartbeat') return;
  desk.busyUntil = 0;
  desk.taskSent = false;
  desk.freeRevision = body.lock_rev ?? 0;
  desk.freedAt = now;
}

/** The note on a wake that this process folded; undefined where its message must be read again. */
export function noteOn(session: Cached<Session, Desk>, wake: Delivery): Note | undefined {
  const { notes, notesFrom } = session.memo;
  if (wake.seq <= Math.max(notesFrom, session.foldedFrom)) return undefined;
  return notes.get(wake.seq) ?? NOTHING_TO_SAY;
}

const NOTHING_TO_SAY: Note = { timeout: false, refused: null, verdicts: [], replyTo: null };
