/**
 * Owns waiting for verdicts: one inbox for all submissions, one token for each. Verdicts are best effort (a collector that
 * dies may send none, or send one twice), so every wait has an end, and what it ends without is `unknown`.
 */
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { decode } from '#contracts/decode.ts';
import { type RefusalCode, Verdict } from '#contracts/verdict.ts';
import { inboxOf } from '#jetstream/inbox.ts';

/** What became of one move. */
export type MoveOutcome =
  /** It counts. `deadline` (milliseconds since the epoch) is an exchange's: unanswered by then, it goes out forced. */
  | {
      readonly outcome: 'accepted';
      readonly move_id: string;
      /** Log sequence of the signal that carried it; null where only a repetition was answered. */
      readonly seq: number | null;
      readonly deadline: number | null;
    }
  /** It does not count, for the first reason that applies (docs/semantics.md, "Registration"). */
  | { readonly outcome: 'refused'; readonly move_id: string; readonly seq: number; readonly code: RefusalCode }
  /**
   * No verdict in time. Where `seq` is a number the move is in the log and will be judged; where it is null it may not
   * have arrived. In both cases `submit` again with the same moves and `again: true` is safe and tells.
   */
  | { readonly outcome: 'unknown'; readonly move_id: string; readonly seq: number | null; readonly reason: string };

/** A submission that awaits its verdicts. */
export interface Waiting {
  /** Goes into the signal's `reply_to`. */
  readonly replyTo: string;
  /** The verdicts by move id: complete, or as many as came before the wait ended. */
  readonly verdicts: Promise<ReadonlyMap<string, Verdict>>;
  /** Ends the wait with what there is. */
  end(): void;
}

interface Submission {
  readonly missing: Set<string>;
  readonly verdicts: Map<string, Verdict>;
  end(): void;
}

/** Takes verdicts in. How many wait at once is bounded by the sender's slots. */
export class VerdictDesk {
  readonly #inbox: string;
  readonly #subscription: Subscription;
  readonly #submissions = new Map<string, Submission>();
  #count = 0;

  constructor(nc: NatsConnection) {
    this.#inbox = `${inboxOf(nc)}.`;
    this.#subscription = nc.subscribe(`${this.#inbox}*`, { callback: (error, msg) => this.#take(error, msg) });
  }

  /** Waits for verdicts on the given moves, `timeoutMs` at most. */
  expect(moveIds: readonly string[], timeoutMs: number): Waiting {
    const token = (this.#count++).toString(36);
    const { promise, resolve } = Promise.withResolvers<ReadonlyMap<string, Verdict>>();
    const verdicts = new Map<string, Verdict>();
    const end = () => {
      clearTimeout(timer);
      this.#submissions.delete(token);
      resolve(verdicts);
    };
    const timer = setTimeout(end, timeoutMs);
    this.#submissions.set(token, { missing: new Set(moveIds), verdicts, end });
    return { replyTo: this.#inbox + token, verdicts: promise, end };
  }

  /** Ends every wait and takes no more. */
  close(): void {
    this.#subscription.unsubscribe();
    for (const submission of [...this.#submissions.values()]) submission.end();
  }

  #take(error: Error | null, msg: Msg): void {
    if (error !== null) return; // no permission for the inbox: every wait then ends as unknown
    const submission = this.#submissions.get(msg.subject.slice(this.#inbox.length));
    const read = submission && decode(Verdict, msg.data);
    if (!read?.ok || read.value.move_id === null || !submission?.missing.delete(read.value.move_id)) return;
    submission.verdicts.set(read.value.move_id, read.value);
    if (submission.missing.size === 0) submission.end();
  }
}
