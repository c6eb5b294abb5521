// Owns: a fight in a session whose log may hold anything: two players strike at each other, and all they know of it is what
// `session.get` answers, because nothing else that stands in such a log can be taken at its word.

import type { NatsConnection } from '@nats-io/transport-node';
import { encode } from '#contracts/decode.ts';
import { logSubject, sessionGetSubject } from '#contracts/subjects.ts';
import { openedBody, strike } from '../../interop/outsider.ts';
import { DUEL } from './bystanders.ts';

const ANSWER_MS = 20_000;
const LOOK_EVERY_MS = 20;
/** A blow whose verdict nobody heard is struck again; the fold knows whether it may be. */
const STRIKE_AGAIN_MS = 2_000;
const MORTAL = { hp: 30, damage: 10 };

/** What is asked of a session. */
interface View {
  readonly error?: string;
  readonly status?: string;
  readonly step?: number;
}

/** One such session. */
export class Victim {
  readonly id: string;
  /** Log sequences of acknowledged blows, by move id. */
  readonly moves = new Map<string, number>();
  readonly #nc: NatsConnection;

  constructor(nc: NatsConnection, id: string) {
    this.#nc = nc;
    this.id = id;
  }

  /** Opens it, and waits until the collector knows it. */
  async open(): Promise<void> {
    await this.#publish(logSubject('session', this.id), openedBody(this.id, { teams: DUEL, stats: MORTAL }));
    const { status, error } = await this.view();
    if (status !== 'open') throw new Error(`${this.id} did not open: ${status ?? error}`);
  }

  async view(): Promise<View> {
    return (await this.#nc.request(sessionGetSubject(this.id), '{}', { timeout: ANSWER_MS })).json<View>();
  }

  /** One exchange, or the end of the fight. */
  async exchange(limitMs: number): Promise<View> {
    const { step = 0 } = await this.view();
    const until = performance.now() + limitMs;
    for (let struckAt = Number.NEGATIVE_INFINITY; ; ) {
      const now = performance.now();
      const view = await this.view();
      if (view.status !== 'open' || (view.step ?? 0) > step) return view;
      if (now > until) throw new Error(`${this.id} does not go on from step ${step}: ${JSON.stringify(view)}`);
      if (now - struckAt > STRIKE_AGAIN_MS) {
        struckAt = now;
        const moves = [strike('a', 'b'), strike('b', 'a')];
        const signal = { session_id: this.id, signal_type: 'check_immediate', moves };
        const seq = await this.#publish(logSubject('signal', this.id), signal);
        if (seq !== undefined) for (const { move_id } of moves) this.moves.set(move_id, seq);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Exchanges until it is closed. */
  async toTheEnd(limitMs: number): Promise<void> {
    const until = performance.now() + limitMs;
    for (let view = await this.view(); view.status !== 'closed'; )
      view = await this.exchange(until - performance.now());
  }

  /** Resolves to its log sequence, or to nothing where it was not taken. */
  async #publish(subject: string, body: unknown): Promise<number | undefined> {
    const answer = await this.#nc.request(subject, encode(body), { timeout: ANSWER_MS });
    return answer.json<{ seq?: number }>().seq;
  }
}
