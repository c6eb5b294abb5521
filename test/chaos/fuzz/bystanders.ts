// Owns: the fights of those who have nothing to do with it: duels to the death, one after the other, while something goes
// on beside them. Each must end as a duel ends, its log without a fault.

import type { NatsConnection } from '@nats-io/transport-node';
import { violationsOf } from '../../interop/history.ts';
import { type Session, strike } from '../../interop/outsider.ts';
import type { Stage } from '../../interop/stage.ts';
import { type Account, type Harm, harmTo } from './account.ts';

export const DUEL = { red: ['a'], blue: ['b'] } as const;
/** Blows of 10 on 50: five exchanges, of which the last kills both. */
const MORTAL = { hp: 50, damage: 10 };

interface Duel extends Account {
  readonly duel: Session;
}

/** Duels that go on until they are told that it is over. */
export class Bystanders {
  readonly #stage: Stage;
  readonly #fights: Promise<Duel[]>[];
  #over = false;

  /** Sets so many rings going, each with one duel at a time. */
  constructor(stage: Stage, rings: number) {
    this.#stage = stage;
    this.#fights = Array.from({ length: rings }, (_, ring) => this.#fight(ring));
    for (const fight of this.#fights) fight.catch(() => {});
  }

  /** Lets every duel come to its end, and judges all of them, together with others that must have come to no harm. */
  async finish(nc: NatsConnection, others: readonly Account[] = []): Promise<Harm & { readonly duels: number }> {
    this.#over = true;
    const accounts = (await Promise.all(this.#fights)).flat();
    const duels = accounts.map(({ duel }) => duel);
    const faults: string[] = [];
    for (const duel of duels) {
      faults.push(...violationsOf(duel.entries).map((line) => `${duel.id} ${line}`));
      if (duel.deadLetters.length > 0) faults.push(`${duel.id} has dead letters`);
    }
    const harm = await harmTo(nc, [...accounts, ...others]);
    return { ...harm, breaches: [...faults, ...harm.breaches], duels: duels.length };
  }

  async #fight(ring: number): Promise<Duel[]> {
    const duels: Duel[] = [];
    do {
      const duel = this.#stage.session(`bystander-${ring}-${duels.length}`);
      await duel.open({ teams: DUEL, stats: MORTAL });
      duels.push({ id: duel.id, duel, moves: await toTheEnd(duel) });
    } while (!this.#over);
    return duels;
  }
}

/** Two players strike at each other until the session is closed. Resolves to the blows that were acknowledged. */
export async function toTheEnd(duel: Session, limitMs?: number): Promise<Account['moves']> {
  const moves = new Map<string, number>();
  while (duel.closed() === undefined) {
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    const seq = await duel.send({ signal_type: 'check_immediate', moves: [ab, ba] });
    for (const { move_id } of [ab, ba]) moves.set(move_id, seq);
    await duel.until(
      `the result of ${ab.move_id}, or the end`,
      () => {
        const action = duel.actionOf(ab);
        const done = duel.results().some(({ action_id }) => action_id === action?.action_id);
        return done || duel.closed() !== undefined ? true : undefined;
      },
      limitMs,
    );
    if (duel.results().at(-1)?.status !== 'done') await duel.ended(limitMs);
    if ((duel.resultMessages().at(-1)?.deaths.length ?? 0) > 0) await duel.ended(limitMs);
  }
  return moves;
}
