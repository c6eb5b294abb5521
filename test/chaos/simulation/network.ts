/**
 * Owns the way between a process and the server: requests that are lost or late, answers that are lost or slow, and processes
 * that die or freeze at the very call. A request that reaches the server is carried out, whether or not somebody still waits.
 */
import type { Dice } from './dice.ts';
import type { Process } from './process.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

/** When a client gives up waiting, and how coarsely it looks. */
const ANSWER_TIMEOUT_MS = 5_000;
const SWEEP_EVERY_MS = 500;
const FAST_MOST_MS = 3;
const SLOW_MOST_MS = 4_000;
const FREEZE_MOST_MS = 12_000;
const FREEZE_LEAST_MS = 200;

/** What the network tells of itself. */
export interface NetworkEvents {
  /** A process has made a call: `what` says which. */
  called(process: Process, what: string): void;
  /** A process is to be killed, or frozen for so long. */
  kill(process: Process, why: string): void;
  freeze(process: Process, ms: number, why: string): void;
}

/** Carries calls. */
export class Network {
  readonly #time: VirtualTime;
  readonly #dice: Dice;
  readonly #weather: Weather;
  readonly #events: NetworkEvents;

  constructor(time: VirtualTime, dice: Dice, weather: Weather, events: NetworkEvents) {
    this.#time = time;
    this.#dice = dice;
    this.#weather = weather;
    this.#events = events;
  }

  /**
   * A request of a process. Resolves with what `serve` answers, or with `unanswered` after the timeout; never, where the
   * process dies before.
   */
  ask<Answer>(
    process: Process,
    what: string,
    serve: (reply: (answer: Answer) => void) => void,
    unanswered: Answer,
  ): Promise<Answer> {
    return new Promise((resolve) => {
      if (process.isDead) return;
      this.#events.called(process, what);
      if (this.#weather.strikes('killed before a call')) {
        this.#events.kill(process, `before ${what}`);
        return;
      }
      const giveUp = this.#time.after(
        ANSWER_TIMEOUT_MS + this.#dice.integer(0, SWEEP_EVERY_MS),
        () => resolve(unanswered),
        process,
        true,
      );
      const certain = this.#die(process, what);
      this.#carry(process, certain, () => {
        serve((answer) => {
          if (this.#weather.strikes('answer lost')) return;
          this.#time.after(
            this.#latency(),
            () => {
              giveUp.cancelled = true;
              resolve(answer);
            },
            process,
          );
        });
      });
    });
  }

  /** A message of a process that nobody answers. */
  tell(process: Process, serve: () => void): void {
    if (process.isDead) return;
    if (this.#weather.strikes('acknowledgement lost')) return;
    this.#carry(process, false, serve);
  }

  /** Sends something to a process. */
  send(process: Process, receive: () => void): void {
    this.#time.after(this.#latency(), receive, process);
  }

  /** A request of a client, who lives outside of the simulation and is told the answer, or null where there is none. */
  askAsClient<Answer>(serve: (reply: (answer: Answer) => void) => void, settle: (answer: Answer | null) => void): void {
    let settled = false;
    const once = (answer: Answer | null) => {
      if (settled) return;
      settled = true;
      settle(answer);
    };
    this.#time.after(ANSWER_TIMEOUT_MS, () => once(null));
    if (this.#weather.strikes('request lost')) return;
    this.#time.after(this.#arrival(), () =>
      serve((answer) => {
        if (!this.#weather.strikes('answer lost')) this.#time.after(this.#latency(), () => once(answer));
      }),
    );
  }

  /** Death or a freeze right after the request has left; true where it is certain to arrive. */
  #die(process: Process, what: string): boolean {
    if (this.#weather.strikes('killed after a call')) {
      this.#events.kill(process, `after ${what}`);
      return true;
    }
    if (this.#weather.strikes('frozen at a call')) {
      this.#events.freeze(process, this.#dice.magnitude(FREEZE_LEAST_MS, FREEZE_MOST_MS), `at ${what}`);
    }
    return false;
  }

  #carry(process: Process, certain: boolean, serve: () => void): void {
    if (!certain && this.#weather.strikes('request lost')) return;
    const alive = !process.isDead;
    this.#time.after(this.#arrival(), () => {
      // What a process had under way when it died may have left it or not.
      if (alive && process.isDead && this.#dice.happens(0.5)) return;
      serve();
    });
  }

  #arrival(): number {
    if (this.#weather.strikes('request executed after its sender gave up')) {
      return this.#dice.magnitude(ANSWER_TIMEOUT_MS, 4 * ANSWER_TIMEOUT_MS);
    }
    return this.#latency();
  }

  #latency(): number {
    if (this.#weather.strikes('slow answer')) return this.#dice.magnitude(FAST_MOST_MS, SLOW_MOST_MS);
    return this.#dice.integer(0, FAST_MOST_MS);
  }
}
