/**
 * Owns the value of the `sys:busy` lock in the bucket `locks`.
 */
import * as z from 'zod';

export const LockValue = z.object({
  state: z.enum(['pending', 'running', 'free']),
  /** The nonce of whoever wrote it. */
  owner: z.string(),
  /** Milliseconds since the epoch; for people, never for decisions. */
  since: z.int(),
});
export type LockValue = z.output<typeof LockValue>;

/**
 * How often the first waiting action of a session was begun by tasks that came again, and not finished: beside the lock,
 * for the executors among themselves (docs/adr/0006-tries-are-counted-when-begun.md).
 */
export const Tries = z.object({ action_id: z.string(), count: z.int().nonnegative() });
export type Tries = z.output<typeof Tries>;
