/**
 * Owns the sums over many runs: what was put to the proof, and what came of it.
 */
import type { Outcome } from './simulation.ts';
import { FAULTS, type Fault } from './weather.ts';

/** Sums over runs. */
export class Tally {
  readonly #faults = new Map<Fault, number>();
  readonly #replicas = new Set<number>();
  readonly #sums = {
    seeds: 0,
    sessions: 0,
    steps: 0,
    messages: 0,
    actions: 0,
    virtualMs: 0,
    breaches: 0,
    lost: 0,
    doubled: 0,
  };
  #longestRecoveryMs = 0;

  /** Adds a run. */
  add({ faults, replicas, breach, sessions, steps, messages, actions, virtualMs, lost, recoveryMs }: Outcome): void {
    for (const [fault, count] of faults) this.#faults.set(fault, (this.#faults.get(fault) ?? 0) + count);
    this.#replicas.add(replicas);
    this.#longestRecoveryMs = Math.max(this.#longestRecoveryMs, recoveryMs);
    const sums = this.#sums;
    sums.seeds += 1;
    sums.sessions += sessions;
    sums.steps += steps;
    sums.messages += messages;
    sums.actions += actions;
    sums.virtualMs += virtualMs;
    sums.lost += lost;
    if (breach === null) return;
    sums.breaches += 1;
    if (/^I[234] /.test(breach)) sums.doubled += 1;
  }

  /** What no run has seen. */
  unseen(): string[] {
    const replicas = [1, 3].filter((count) => !this.#replicas.has(count)).map((count) => `${count} replicas`);
    return [...replicas, ...FAULTS.filter((fault) => !this.#faults.has(fault))];
  }

  /** The figures, for the record. */
  figures(): Record<string, number | string> {
    const { virtualMs, ...sums } = this.#sums;
    const struck = [...this.#faults].sort(([, left], [, right]) => right - left);
    return {
      ...sums,
      virtual_hours: Math.round(virtualMs / 3_600_000),
      faults: struck.reduce((sum, [, count]) => sum + count, 0),
      ...Object.fromEntries(struck.map(([fault, count]) => [fault.replaceAll(' ', '_'), count])),
      longest_recovery_ms: this.#longestRecoveryMs,
      command: 'RIPOSTE_CHAOS=full npx vitest run test/chaos/simulation',
    };
  }
}
