// Owns: counting what an account has told, for the summary at its end.

import type { Hit } from '#contracts/result.ts';

/** Counts over all sessions. */
export class Tally {
  opened = 0;
  exchanges = 0;
  blows = 0;
  forced = 0;
  deaths = 0;
  readonly #ends = new Map<string, number>();
  readonly #outcomes = new Map<string, number>();

  /** Counts a strike, a skill's effect or an item's. */
  count(hit: Hit): void {
    this.blows += 1;
    this.#outcomes.set(hit.outcome, (this.#outcomes.get(hit.outcome) ?? 0) + 1);
  }

  /** Counts the end of a session. Reasons are few; what a game server calls its own counts under one name. */
  ended(reason: string): void {
    const known = REASONS.has(reason) ? reason : 'other';
    this.#ends.set(known, (this.#ends.get(known) ?? 0) + 1);
  }

  /** The summary, a line each. */
  lines(ms: number): string[] {
    const ends = [...this.#ends].map(([reason, count]) => `${count} ${reason}`).join(', ');
    const outcomes = [...this.#outcomes].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
    return [
      `${this.opened} fights opened${ends === '' ? '' : `; ended: ${ends}`}`,
      `${this.exchanges} exchanges, ${this.blows} blows${outcomes === '' ? '' : ` (${outcomes})`}`,
      `${this.forced} forced, ${this.deaths} fell; all in ${Math.round(ms / 1000)} s`,
    ];
  }
}

const REASONS = new Set(['victory', 'draw', 'exhausted', 'abandoned', 'cancelled', 'invalid']);
