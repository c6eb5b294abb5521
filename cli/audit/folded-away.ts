/**
 * Owns what is left of a session that closed, settled and was folded away: enough to tell a late writer, and what deserves a
 * dead letter, by a few numbers.
 */
import type { Session } from '#combat/session.ts';
import type { CaseEntry, Suspicion } from './session-case.ts';

/** A session that is over. */
export class FoldedAway {
  readonly #id: string;
  readonly #closedAt: number;
  readonly #last: { action: number; session: number };
  readonly #emitted: number;
  readonly #tell: (suspicion: Suspicion) => void;
  readonly #refused: (entry: CaseEntry, reason: string) => void;

  constructor(
    id: string,
    session: Session,
    tell: (suspicion: Suspicion) => void,
    refused: (entry: CaseEntry, reason: string) => void,
  ) {
    this.#id = id;
    this.#closedAt = session.seq;
    this.#last = { ...session.last };
    this.#emitted = session.fight?.emitted ?? 0;
    this.#tell = tell;
    this.#refused = refused;
  }

  /** Takes a message that came after all the others. */
  take(entry: CaseEntry): void {
    const { seq, message } = entry;
    const breach = (invariant: string, what: string, unlessBuried = false): void =>
      this.#tell({ session: this.#id, seq, invariant, what, unlessBuried });
    switch (message.kind) {
      case 'action': {
        const { through, actions } = message.body;
        const isOurs = Number(actions[0]!.action_id) <= this.#emitted + 1;
        if (isOurs && through < this.#last.action)
          breach('I5', `a stale writer: decided on ${through}, and ${this.#last.action} stands before it`);
        else if (isOurs && through >= this.#closedAt)
          breach('I5', `decided on ${through}, where the session was closed`);
        this.#last.action = seq;
        break;
      }
      case 'result':
        this.#refused(entry, 'every action had its result');
        breach('I4', `a result of action ${message.body.results[0]!.action_id}, and all had theirs`, true);
        break;
      case 'session': {
        const { body } = message;
        if (body.type === 'joined' || body.type === 'left') this.#refused(entry, 'the session is closed');
        if (
          body.type === 'closed' &&
          body.through !== undefined &&
          body.reason !== 'cancelled' &&
          body.through < this.#last.session
        )
          breach('I5', `a stale writer: closed on ${body.through}, and ${this.#last.session} stands before it`);
        this.#last.session = seq;
        break;
      }
      case 'unreadable':
        this.#refused(entry, message.reason);
        break;
      case 'signal':
        break;
      default:
        message satisfies never;
    }
  }
}
