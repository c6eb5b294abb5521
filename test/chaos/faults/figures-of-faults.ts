// Owns: the figures of the faults: each test file of this folder adds its own, and those of one run make one table
// (test/harness/figures.ts).

import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIGURES_DIR } from '#tools/commands/figures.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import type { Rest } from './rest.ts';

/** Test files run as processes of their own, all of them children of one run. */
const RUN = process.ppid;
const PARTS_DIR = join(FIGURES_DIR, 'faults');

interface Part {
  readonly run: number;
  readonly counts: Record<string, number>;
  readonly recoveryMs: Record<string, number>;
}

/** The figures of one test file. */
export class FaultFigures {
  readonly #file: string;
  readonly #part: Part = { run: RUN, counts: { messages: 0, moves: 0, lost: 0, doubled: 0 }, recoveryMs: {} };

  /** @param file the test file's name without suffixes */
  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Adds a scene that has come to rest.
   * @param kind what was done to it
   * @param faults how often
   * @param faultEndMs when it was over, by this machine's clock
   */
  add(kind: string, faults: number, faultEndMs: number, rest: Rest): void {
    const { recoveryMs } = this.#part;
    const name = kind.replaceAll(' ', '_');
    const next = rest.resultTimes.find((time) => time >= faultEndMs);
    // Where nothing was left to be resolved, nothing tells of a recovery.
    if (next !== undefined) recoveryMs[name] = Math.max(recoveryMs[name] ?? 0, next - faultEndMs);
    this.#count(`faults_${name}`, faults);
    this.#count('messages', rest.messages);
    this.#count('moves', rest.acknowledged);
    this.#count('lost', rest.lost.length);
    this.#count('doubled', rest.doubled.length);
    process.stdout.write(
      `${kind}: ${faults} faults, ${rest.messages} messages, ${rest.acknowledged} moves, next result after ${recoveryMs[name] ?? '-'} ms\n`,
    );
  }

  /** Records what all files of this run have so far. */
  record(): void {
    if (!depth({ slice: false, full: true })) return;
    mkdirSync(PARTS_DIR, { recursive: true });
    const path = join(PARTS_DIR, `${this.#file}.json`);
    writeFileSync(`${path}.new`, JSON.stringify(this.#part));
    renameSync(`${path}.new`, path);
    // Two files may end at the same moment: whoever records last must have seen all parts.
    for (let shown = -1, there = partsOfRun(); there.length !== shown; there = partsOfRun()) {
      shown = there.length;
      recordFigures('faults', merged(there));
    }
  }

  #count(name: string, by: number): void {
    const { counts } = this.#part;
    counts[name] = (counts[name] ?? 0) + by;
  }
}

function partsOfRun(): Part[] {
  const names = readdirSync(PARTS_DIR).filter((name) => name.endsWith('.json'));
  const parts = names.map((name) => JSON.parse(readFileSync(join(PARTS_DIR, name), 'utf8')) as Part);
  return parts.filter(({ run }) => run === RUN);
}

function merged(parts: readonly Part[]): Record<string, number | string> {
  const sums: Record<string, number> = {};
  for (const { counts } of parts) {
    for (const [name, value] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + value;
  }
  const { messages = 0, moves = 0, lost = 0, doubled = 0, ...kinds } = sums;
  const recoveries = parts.flatMap(({ recoveryMs }) => Object.entries(recoveryMs));
  return {
    faults: Object.values(kinds).reduce((sum, value) => sum + value, 0),
    messages,
    moves_acknowledged: moves,
    lost,
    doubled,
    longest_recovery_ms: Math.max(...recoveries.map(([, value]) => value)),
    ...kinds,
    ...Object.fromEntries(recoveries.map(([kind, value]) => [`recovery_ms_${kind}`, value])),
    command: 'npm run test:chaos -- test/chaos/faults',
  };
}
