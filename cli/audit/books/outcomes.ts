/**
 * Owns what the books say of results, by docs/semantics.md, "What the executor does", and without the rules: the dead do not
 * act, nothing but skipping is left after the close, who dies was alive, and every target comes back to whom it is owed.
 */
import type { CombatAction } from '#contracts/action.ts';
import type { ResultMessage } from '#contracts/result.ts';
import { targetOf } from './declaration.ts';
import type { Tell } from './ledger.ts';
import type { Muster } from './muster.ts';

/** The results of one session. */
export class Outcomes {
  readonly #tell: Tell;
  readonly #muster: Muster;
  /** Actions without a result, in emission order. */
  readonly #waiting: CombatAction[] = [];

  constructor(muster: Muster, tell: Tell) {
    this.#muster = muster;
    this.#tell = tell;
  }

  /** An action that counts. */
  emitted(action: CombatAction): void {
    this.#waiting.push(action);
  }

  /**
   * Judges a result that continues those before it, before anybody of it has died.
   * @param closedAt log sequence of the close; null while the session is open
   */
  judge(seq: number, message: ResultMessage, closedAt: number | null): void {
    const actions = this.#waiting.splice(0, message.results.length);
    for (const [at, { action_id, status }] of message.results.entries()) {
      if (status === 'skipped') continue;
      const dead = closedAt === null ? fightersOf(actions[at]).find((id) => this.#is('dead', id)) : undefined;
      if (dead !== undefined) this.#tell(seq, 'I4', `action ${action_id} is ${status}, and ${dead} was dead`);
      if (closedAt !== null && message.through >= closedAt)
        this.#tell(seq, 'I4', `action ${action_id} is ${status} after the close`);
    }
    if (closedAt !== null) return;
    const died = new Set(message.deaths);
    for (const id of died) if (this.#is('dead', id)) this.#tell(seq, 'I4', `${id} dies a second time`);
    for (const [id, { dead }] of message.actors) {
      if (this.#is('gone', id) || dead === (died.has(id) || this.#is('dead', id))) continue;
      this.#tell(seq, 'I4', `${id} is told to be ${dead ? 'dead' : 'alive'}, and is not`);
    }
    const stands = (pair: readonly string[]) => pair.every((id) => this.#is('alive', id) && !died.has(id));
    const owed = actions.flatMap(returnsOf).filter(stands).join('; ');
    const returned = message.target_returns.filter(stands).join('; ');
    if (owed !== returned) this.#tell(seq, 'I3', `returned [${returned}] where [${owed}] is owed`);
  }

  #is(standing: string, id: string): boolean {
    return this.#muster.find(id)?.standing === standing;
  }
}

/** Both sides of an exchange. */
function fightersOf(action: CombatAction | undefined): string[] {
  return action?.type === 'exchange' ? [action.move.char_id, targetOf(action.move) ?? ''] : [];
}

/** The source gets its target back, the target the source only if it answered. */
function returnsOf(action: CombatAction): (readonly [string, string])[] {
  const [source, target] = fightersOf(action);
  if (source === undefined || target === undefined) return [];
  return action.partner_move === null
    ? [[source, target]]
    : [
        [source, target],
        [target, source],
      ];
}
