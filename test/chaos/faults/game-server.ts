// Owns: a game server's way of speaking to Riposte while everything fails, written as docs/contract.md says and on the npm
// package `nats` 2.x alone.
//
// 1. What is published is published again under the same Msg-Id until the server has acknowledged it.
// 2. A move without a verdict is declared again, by the same move id, until there is one.
// 3. Every acknowledgement of a move is in the ledger.

import { setTimeout as pause } from 'node:timers/promises';
import { connect, createInbox, headers, type JetStreamClient, type NatsConnection } from 'nats';
import type { Move, SessionState, Verdict } from '../../interop/wire.ts';
import { Ledger } from './ledger.ts';

const PUBLISH_LIMIT_MS = 2_000;
const REPUBLISH_PAUSE_MS = 50;
const REQUEST_LIMIT_MS = 1_000;
/** A verdict that has not come by then is not waited for: the move is declared again. */
const VERDICT_LIMIT_MS = 2_000;

/** What is heard of the log. */
export interface Hearing {
  /** A result of a session. */
  result(sessionId: string): void;
  /** A session has closed. */
  closed(sessionId: string): void;
}

/** A game server's connection. */
export class GameServer {
  readonly ledger = new Ledger();
  readonly nc: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #inbox = createInbox();
  readonly #awaited = new Map<string, (verdict: Verdict) => void>();
  #signals = 0;

  private constructor(nc: NatsConnection) {
    this.nc = nc;
    this.#js = nc.jetstream({ timeout: PUBLISH_LIMIT_MS });
    nc.subscribe(`${this.#inbox}.*`, {
      callback: (_, msg) => {
        const verdict = msg.json<Verdict>();
        this.#awaited.get(`${verdict.session_id} ${verdict.move_id}`)?.(verdict);
      },
    });
  }

  static async connect(url: string): Promise<GameServer> {
    const nc = await connect({
      servers: url,
      name: 'game-server',
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      pingInterval: 2_000,
      timeout: 2_000,
    });
    return new GameServer(nc);
  }

  /** Tells what is heard from now on; what is said while there is no connection is not. */
  listen(hearing: Hearing): void {
    this.nc.subscribe('combat.result.*', { callback: (_, msg) => hearing.result(sessionOf(msg.subject)) });
    this.nc.subscribe('combat.session.*', {
      callback: (_, msg) => {
        if (msg.json<{ type?: string }>().type === 'closed') hearing.closed(sessionOf(msg.subject));
      },
    });
  }

  /** Opens a session. `opened` is the message without its type and id. */
  async open(sessionId: string, opened: object): Promise<void> {
    const body = { type: 'opened', session_id: sessionId, ...opened };
    await this.#publish(`combat.session.${sessionId}`, body, `open-${sessionId}`, 0);
  }

  /** Declares a move until there is a verdict on it. Resolves to `accepted`, the code of the refusal, or `unknown`. */
  async submit(sessionId: string, move: Move): Promise<string> {
    const declared = this.ledger.declare(sessionId, move.move_id);
    const key = `${sessionId} ${move.move_id}`;
    const verdict = new Promise<Verdict>((resolve) => this.#awaited.set(key, resolve));
    try {
      for (let attempt = 1; ; attempt++) {
        this.#signals += 1;
        const reply = `${this.#inbox}.${this.#signals}`;
        const signal = { session_id: sessionId, signal_type: 'check_immediate', moves: [move], reply_to: reply };
        const msgId = `${key} ${this.#signals}`;
        const seq = await this.#publish(`collector.signal.${sessionId}`, signal, msgId);
        if (seq !== null) declared.acknowledged.add(seq);
        const answer = await Promise.race([verdict, pause(VERDICT_LIMIT_MS)]);
        if (answer === undefined) continue;
        const isKnown = answer.accepted || answer.code === 'duplicate_move';
        // A second declaration may be refused because the first was accepted, and the session has gone on since.
        declared.verdict = isKnown ? 'accepted' : attempt === 1 ? answer.code : null;
        return declared.verdict ?? 'unknown';
      }
    } finally {
      this.#awaited.delete(key);
    }
  }

  /** Declares several moves as one signal, without waiting for verdicts. */
  async submitAll(sessionId: string, moves: readonly Move[]): Promise<void> {
    this.#signals += 1;
    const signal = { session_id: sessionId, signal_type: 'check_immediate', moves };
    const seq = await this.#publish(`collector.signal.${sessionId}`, signal, `all ${sessionId} ${this.#signals}`);
    for (const { move_id: id } of moves) if (seq !== null) this.ledger.declare(sessionId, id).acknowledged.add(seq);
  }

  /** Calls a session off. */
  async cancel(sessionId: string): Promise<void> {
    const body = { type: 'closed', session_id: sessionId, winner: null, reason: 'cancelled', through: 0 };
    await this.#publish(`combat.session.${sessionId}`, body, `cancel-${sessionId}`);
  }

  /** Wakes the collector, with as many bytes beside as asked for: unknown fields are ignored. */
  async nudge(sessionId: string, beside = ''): Promise<void> {
    this.#signals += 1;
    const signal = { session_id: sessionId, signal_type: 'check_immediate', ...(beside !== '' && { beside }) };
    await this.#publish(`collector.signal.${sessionId}`, signal, `nudge ${sessionId} ${this.#signals}`);
  }

  /** Where a session stands; null where nobody answers just now. */
  async state(sessionId: string, actorId: string): Promise<Partial<SessionState> | null> {
    try {
      const asked = JSON.stringify({ actor_id: actorId });
      const answer = await this.nc.request(`session.get.${sessionId}`, asked, { timeout: REQUEST_LIMIT_MS });
      return answer.json<Partial<SessionState>>();
    } catch {
      return null;
    }
  }

  async close(): Promise<void> {
    await this.nc.close();
  }

  /** Publishes until it is acknowledged; resolves to its sequence, or null where an earlier attempt must have been first. */
  async #publish(subject: string, body: object, msgId: string, expected?: number): Promise<number | null> {
    const bytes = JSON.stringify(body);
    for (;;) {
      const head = headers();
      head.set('Nats-Msg-Id', msgId);
      if (expected !== undefined) head.set('Nats-Expected-Last-Subject-Sequence', String(expected));
      try {
        return (await this.#js.publish(subject, bytes, { headers: head })).seq;
      } catch (error) {
        if (this.nc.isClosed()) throw error;
        if (/wrong last sequence/.test(String(error))) return null;
        await pause(REPUBLISH_PAUSE_MS);
      }
    }
  }
}

const sessionOf = (subject: string): string => subject.split('.')[2] ?? '';
