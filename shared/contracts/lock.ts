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
