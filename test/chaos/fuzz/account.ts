// Owns: what those have to show who must come to no harm: the moves that the server acknowledged to each, held against the whole
// log, read once, and the audit of their sessions. Of any other session the log may say anything.

import type { NatsConnection } from '@nats-io/transport-node';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { COMBAT } from '#contracts/streams.ts';
import { parseLogSubject } from '#contracts/subjects.ts';
import { readRange } from '#jetstream/stored-message.ts';

/** What one session has had acknowledged. */
export interface Account {
  readonly id: string;
  /** Log sequences of acknowledged signals, by the id of a move in them. */
  readonly moves: ReadonlyMap<string, number>;
}

/** What became of it; nothing, where all is well. One line each. */
export interface Harm {
  /** Acknowledged moves that are not where they were acknowledged, and actions without a result. */
  readonly lost: readonly string[];
  /** Moves in two actions, and actions with two results. */
  readonly doubled: readonly string[];
  /** What the audit finds in these sessions. */
  readonly breaches: readonly string[];
}

/** Reads the streams of a system at rest, and holds them against the accounts. */
export async function harmTo(nc: NatsConnection, accounts: readonly Account[]): Promise<Harm> {
  const { breaches } = await audit(nc, { atRest: true });
  const traces = new Map(accounts.map(({ id }) => [id, new Trace()]));
  await readRange(nc, COMBAT, '>', 1, ({ subject, seq, data }) => {
    const place = parseLogSubject(subject);
    const trace = place && traces.get(place.sessionId);
    if (place && trace) trace.take(seq, readLogMessage(place.kind, place.sessionId, data));
  });
  const found = accounts.map((account) => ({ ...account, trace: traces.get(account.id)! }));
  return {
    lost: found.flatMap(({ id, moves, trace }) => trace.lost(moves).map((what) => `${id}: ${what}`)),
    doubled: found.flatMap(({ id, trace }) => trace.doubled.map((what) => `${id}: ${what}`)),
    breaches: breaches.filter(({ session }) => traces.has(session)).map(breachLine),
  };
}

/** What the log has of one session. */
class Trace {
  readonly #declared = new Set<string>();
  readonly #inActions = new Map<string, number>();
  readonly #results = new Map<string, number>();

  take(seq: number, message: ReturnType<typeof readLogMessage>): void {
    if (message.kind === 'signal') {
      for (const move of message.body.moves ?? []) this.#declared.add(declaration(seq, idOf(move)));
    }
    if (message.kind === 'action') {
      for (const { action_id, move, partner_move } of message.body.actions) {
        this.#results.set(action_id, this.#results.get(action_id) ?? 0);
        for (const one of [move, partner_move]) if (one !== null) count(this.#inActions, one.move_id);
      }
    }
    if (message.kind === 'result') for (const { action_id } of message.body.results) count(this.#results, action_id);
  }

  lost(moves: Account['moves']): string[] {
    const gone = [...moves].filter(([id, seq]) => !this.#declared.has(declaration(seq, id)));
    const open = [...this.#results].filter(([, times]) => times === 0);
    return [
      ...gone.map(([id, seq]) => `${id}, acknowledged at ${seq}, is not there`),
      ...open.map(([id]) => `action ${id} has no result`),
    ];
  }

  get doubled(): string[] {
    const twice = (of: ReadonlyMap<string, number>) => [...of].filter(([, times]) => times > 1);
    return [
      ...twice(this.#inActions).map(([id, times]) => `${id} is in ${times} actions`),
      ...twice(this.#results).map(([id, times]) => `action ${id} has ${times} results`),
    ];
  }
}

const declaration = (seq: number, moveId: string): string => `${seq} ${moveId}`;
const idOf = (move: unknown): string => String((move as { move_id?: unknown }).move_id);
const count = (of: Map<string, number>, id: string): void => void of.set(id, (of.get(id) ?? 0) + 1);
