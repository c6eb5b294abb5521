/**
 * Owns a session's one timer: a schedule that the server keeps, for the earliest deadline. Keeps I6 with the traps in mind
 * that are written in docs/adr: a firing schedule purges whatever stands on its subject, a newer one too, so a pass that
 * a timer woke arms anew, whatever it believes is armed; a timer is never disarmed, and only ever moved to an earlier time.
 */
import type { Effects } from './effects.ts';
import { EffectFailed } from './receipt.ts';

/** What a process believes about a session's timer. Wrong beliefs cost a read, never a wakeup. */
export interface ArmedTimer {
  /** The last sequence of its subject. */
  seq: number;
  /** When it fires, in milliseconds since the epoch; infinite where nothing is known to be armed. */
  atMs: number;
}

/** Compare-and-swaps that lose in a row before the caller's wake is given back. */
const TRIES = 8;

/** Nothing is known about the timer. */
export function unknownTimer(): ArmedTimer {
  return { seq: 0, atMs: Number.POSITIVE_INFINITY };
}

/** Forgets what is believed: the timer has fired, and what was armed may be gone with it. */
export function forget(timer: ArmedTimer): void {
  timer.seq = 0;
  timer.atMs = Number.POSITIVE_INFINITY;
}

/** True where the session is believed to be woken at `atMs` or before. A time that has passed is no belief. */
export function isArmed(effects: Effects, timer: ArmedTimer, atMs: number): boolean {
  return timer.atMs <= atMs && timer.atMs > effects.now();
}

/**
 * Sees to it that the session is woken at `atMs` or before.
 *
 * @param anew the timer has just fired: what is believed to be armed may be gone with it
 */
export async function arm(
  effects: Effects,
  sessionId: string,
  timer: ArmedTimer,
  atMs: number,
  anew: boolean,
): Promise<void> {
  if (!anew && isArmed(effects, timer, atMs)) return;
  // A time that has passed was the timer's end, whoever has been woken by it.
  if (anew || timer.atMs <= effects.now()) forget(timer);
  let at = atMs;
  for (let tries = 0; tries < TRIES; tries++) {
    const receipt = await effects.setTimer(sessionId, at, timer.seq);
    if (receipt.kind === 'stored') {
      timer.seq = receipt.seq;
      timer.atMs = at;
      return;
    }
    if (receipt.kind === 'refused') throw new EffectFailed(`the timer of ${sessionId}: ${receipt.reason}`);
    const standing = await effects.readTimer(sessionId);
    timer.seq = standing?.seq ?? 0;
    timer.atMs = standing?.atMs ?? Number.POSITIVE_INFINITY;
    if (timer.atMs <= at) {
      if (!anew) return;
      at = timer.atMs; // the earlier of the two, written anew: the one that stands may be about to be purged
    }
  }
  timer.atMs = Number.POSITIVE_INFINITY;
  throw new EffectFailed(`the timer of ${sessionId}: lost ${TRIES} times in a row`);
}
