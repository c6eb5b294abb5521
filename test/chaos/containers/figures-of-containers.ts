// Owns: the figures of the containers: faults by kind, what the load was and what became of it, and how long no fight came on
// after a fault (test/harness/figures.ts).

import { recordFigures } from '../../harness/figures.ts';
import type { Rest } from '../faults/rest.ts';

const KINDS = ['added', 'drained', 'killed', 'server_killed', 'paused', 'cut_off'] as const;
/** What is done to a container. */
export type Fault = (typeof KINDS)[number];

/** The figures of all scenes. */
export class ContainerFigures {
  readonly #faults = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Fault, number>;
  readonly #sums = { messages: 0, moves_acknowledged: 0, lost: 0, doubled: 0 };
  /** Of the scene that goes on: when its faults were over, by this machine's clock. */
  #ends: { readonly kind: Fault; readonly atMs: number }[] = [];
  readonly #recoveryMs = new Map<Fault, number>();
  #audits = 0;

  /** Counts a fault that is over now. */
  fault(kind: Fault): void {
    this.#faults[kind] += 1;
    this.#ends.push({ kind, atMs: Date.now() });
  }

  /** Counts an audit that found nothing while the load went on. */
  audit(): void {
    this.#audits += 1;
  }

  /** Adds a scene that has come to rest. */
  add(rest: Rest): void {
    this.#sums.messages += rest.messages;
    this.#sums.moves_acknowledged += rest.acknowledged;
    this.#sums.lost += rest.lost.length;
    this.#sums.doubled += rest.doubled.length;
    for (const { kind, atMs } of this.#ends) {
      const next = rest.resultTimes.find((time) => time >= atMs);
      if (next !== undefined) this.#recoveryMs.set(kind, Math.max(this.#recoveryMs.get(kind) ?? 0, next - atMs));
    }
    this.#ends = [];
  }

  record(): void {
    const kinds = Object.entries(this.#faults);
    recordFigures('containers', {
      faults: kinds.reduce((sum, [, count]) => sum + count, 0),
      ...this.#sums,
      longest_recovery_ms: Math.max(0, ...this.#recoveryMs.values()),
      audits_under_load: this.#audits,
      ...Object.fromEntries(kinds.map(([kind, count]) => [`faults_${kind}`, count])),
      ...Object.fromEntries([...this.#recoveryMs].map(([kind, ms]) => [`recovery_ms_${kind}`, ms])),
      command: 'RIPOSTE_ENGINE=own npm run test:chaos -- test/chaos/containers',
    });
  }
}
