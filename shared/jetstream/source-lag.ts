/**
 * Owns watching how far ACTIONS is behind COMBAT. Stream sources have been seen to stall in silence; the public record is
 * then not what the log says, and somebody must be told.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { ACTIONS } from '#contracts/streams.ts';
import { apiSubject } from '#contracts/subjects.ts';
import type { Logger } from './logger.ts';

const LOOK_EVERY_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
/** Looks in a row with messages missing and none arrived in between: a source that is only busy catches up. */
const STALLED_LOOKS = 3;

/** Watches the source of ACTIONS. */
export class SourceLag {
  readonly #nc: NatsConnection;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #lag = 0;
  #lastSeq = -1;
  #stalledLooks = 0;

  constructor(nc: NatsConnection, logger: Logger) {
    this.#nc = nc;
    this.#logger = logger;
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Messages of COMBAT that ACTIONS still lacks, when last looked at. */
  get lag(): number {
    return this.#lag;
  }

  /** What readiness says of it; null while it keeps up. */
  get fault(): string | null {
    return this.#stalledLooks < STALLED_LOOKS ? null : `${ACTIONS} is ${this.#lag} messages behind and does not move`;
  }

  /** Stops watching. */
  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    try {
      const answer = await this.#nc.request(apiSubject('STREAM.INFO', ACTIONS), '', { timeout: REQUEST_TIMEOUT_MS });
      const info = answer.json<StreamInfo>();
      this.#lag = info.sources?.[0]?.lag ?? 0;
      const seq = info.state?.last_seq ?? 0;
      const stalled = this.#lag > 0 && seq === this.#lastSeq;
      this.#lastSeq = seq;
      this.#stalledLooks = stalled ? this.#stalledLooks + 1 : 0;
      if (this.#stalledLooks === STALLED_LOOKS) this.#logger.error({ lag: this.#lag }, `${ACTIONS} has stalled`);
    } catch (error) {
      this.#logger.debug({ err: error }, `${ACTIONS}: no answer`);
    }
  }
}

type StreamInfo = {
  readonly sources?: readonly { readonly lag: number }[];
  readonly state?: { readonly last_seq: number };
};
