/**
 * Owns buckets that are lost while running: making them anew where this process may, and otherwise saying so in readiness
 * until somebody else has (I1: nothing is lost with them).
 */
import type { NatsConnection } from '@nats-io/transport-node';
import type { BucketName } from '#contracts/streams.ts';
import type { Logger } from './logger.ts';
import { BucketThere, type ProvisionOptions, restoreBucket } from './provision.ts';
import { EffectFailed } from './receipt.ts';

const LOOK_AGAIN_EVERY_MS = 2_000;

/** The buckets a process has found lost. */
export class LostBuckets {
  readonly #nc: NatsConnection;
  readonly #options: ProvisionOptions;
  readonly #logger: Logger;
  readonly #faults = new Map<BucketName, string>();
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(nc: NatsConnection, options: ProvisionOptions, logger: Logger) {
    this.#nc = nc;
    this.#options = options;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#lookAgain(), LOOK_AGAIN_EVERY_MS);
    this.#timer.unref();
  }

  /** What readiness says; null while nothing is lost. */
  get fault(): string | null {
    return this.#faults.values().next().value ?? null;
  }

  /** Makes a lost bucket anew. Rejects with EffectFailed where it is there after all, or may not be made. */
  async restore(bucket: BucketName): Promise<void> {
    try {
      await restoreBucket(this.#nc, bucket, this.#options, this.#logger);
      this.#faults.delete(bucket);
    } catch (error) {
      if (error instanceof BucketThere) this.#faults.delete(bucket);
      else if (error instanceof EffectFailed) this.#faults.set(bucket, error.message);
      throw error;
    }
  }

  /** Stops looking. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** A restore may take longer than until the next tick: that one is left out then, or requests would pile up. */
  async #lookAgain(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    for (const bucket of this.#faults.keys()) await this.restore(bucket).catch(() => {});
    this.#looking = false;
  }
}
