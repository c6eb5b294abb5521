// Owns: making a zombie of a container: paused until what it had in hand is others' work, then let go on; and whether it was
// one. It was, where what is appended then has been decided on a log that has long gone on, and the log has refused an append
// of this container's since. A container is paused without its knowing: what it had in hand, and what the server has sent it
// meanwhile, it takes for news.

import { setTimeout as pause } from 'node:timers/promises';
import { FAST_CLOCKS } from '../../harness/roles.ts';
import type { Member, Scene } from './scene.ts';

/** What a role appends to the log. */
const APPENDS = { collector: 'action', executor: 'result' } as const;
/** Roles that append what a session has come to. */
export type Appender = keyof typeof APPENDS;

/** Longer than its lock and its deliveries are its own. */
const PAST_THE_LOCK_MS = 1.5 * Math.max(Number(FAST_CLOCKS.LOCK_TTL_MS), Number(FAST_CLOCKS.ACK_WAIT_MS));

/**
 * Pauses a container past the lock, and lets it go on. Resolves to whether it was a zombie then.
 * @param onward each resolves when the fights have gone on for a while
 */
export async function pauseOnce(
  scene: Scene,
  role: Appender,
  member: Member,
  onward: { readonly paused: () => Promise<void>; readonly resumed: () => Promise<void> },
): Promise<boolean> {
  const kind = APPENDS[role];
  const before = await member.refused(kind);
  await member.pause();
  await onward.paused();
  const longPast = await scene.endOfLog();
  await pause(PAST_THE_LOCK_MS);
  let stale = 0;
  // A subscriber hears what is published, stored or refused.
  const heard = scene.game.nc.subscribe(`combat.${kind}.*`, {
    callback: (_, msg) => {
      if (msg.json<{ through: number }>().through < longPast) stale += 1;
    },
  });
  await scene.game.nc.flush();
  await member.resume();
  await onward.resumed();
  heard.unsubscribe();
  return stale > 0 && (await member.refused(kind)) > before;
}
