/**
 * Owns the `sys:busy` lock of a session: who may take it when (specification 1.E, 3 "Concurrency Safety").
 *
 *     absent --collector--> pending --executor--> running --executor--> free --collector--> pending
 *        ^------------------------ every write expires after LOCK_TTL ----------------------'
 *
 * The lock saves work; the log is the fence (I5). So a lock that cannot be had costs a delay, and one that is had twice
 * costs work, and neither ever costs a blow.
 */
import type { LockValue } from '#contracts/lock.ts';
import type { Effects } from './effects.ts';
import { EffectFailed } from './receipt.ts';

/** What a try at the lock came to. `revision` is what its next write must expect. */
export type LockTry =
  | { readonly held: true; readonly revision: number }
  /** Another holds it. */
  | { readonly held: false };

/** Compare-and-swaps that lose against others in a row before the lock counts as another's. */
const TRIES = 4;

/**
 * Takes the lock as `pending` for a collector, where it is absent or free.
 *
 * @param expected the revision it is believed to have while free, or 0; a wrong belief costs one read
 */
export function takePending(effects: Effects, sessionId: string, nonce: string, expected: number): Promise<LockTry> {
  return take(effects, sessionId, 'pending', nonce, expected, (value) => value?.state === 'free');
}

/**
 * Claims the lock as `running` for an executor: where it is absent, free, or pending of any revision.
 *
 * @param expected the revision the task names; a wrong one costs one read
 */
export function claim(effects: Effects, sessionId: string, nonce: string, expected: number): Promise<LockTry> {
  return take(effects, sessionId, 'running', nonce, expected, (value) => value?.state !== 'running');
}

/** Writes the lock anew with a new time to live, by its own revision only. Returns the new revision; null where it is lost. */
export async function renew(
  effects: Effects,
  sessionId: string,
  nonce: string,
  revision: number,
): Promise<number | null> {
  const receipt = await effects.writeLock(sessionId, lockValue(effects, 'running', nonce), revision);
  return receipt.kind === 'stored' ? receipt.seq : null;
}

/** Frees the lock, by its own revision only: a zombie's is refused. Returns the free lock's revision; null where it was not ours. */
export async function free(
  effects: Effects,
  sessionId: string,
  nonce: string,
  revision: number,
): Promise<number | null> {
  const receipt = await effects.writeLock(sessionId, lockValue(effects, 'free', nonce), revision);
  return receipt.kind === 'stored' ? receipt.seq : null;
}

async function take(
  effects: Effects,
  sessionId: string,
  state: LockValue['state'],
  nonce: string,
  expected: number,
  mayTake: (value: LockValue | null) => boolean,
): Promise<LockTry> {
  let revision = expected;
  for (let tries = 0; tries < TRIES; tries++) {
    const receipt = await effects.writeLock(sessionId, lockValue(effects, state, nonce), revision);
    if (receipt.kind === 'stored') return { held: true, revision: receipt.seq };
    if (receipt.kind === 'refused') throw new EffectFailed(`the lock of ${sessionId}: ${receipt.reason}`);
    const standing = await effects.readLock(sessionId);
    if (standing === null) {
      revision = 0;
      continue;
    }
    // An unknown outcome that did come about shows as a lock in our own name.
    if (standing.value?.owner === nonce && standing.value.state === state)
      return { held: true, revision: standing.revision };
    // A value that nobody could have written counts as free: it must not lock a session for good.
    if (standing.value !== null && !mayTake(standing.value)) return { held: false };
    revision = standing.revision;
  }
  return { held: false };
}

const lockValue = (effects: Effects, state: LockValue['state'], owner: string): LockValue => ({
  state,
  owner,
  since: effects.now(),
});
