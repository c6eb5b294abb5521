// Owns: the figures of the slow suites: what a full run has put to the proof, for docs/reliability.md. Each part leaves one
// file, `.cache/chaos/<part>.json`, and `npm run test:chaos` ends with a table of them (tools/commands/figures.ts).
//
// By custom: `points` or `seeds` or `faults` (what was injected), `messages`, `lost`, `doubled`, `longest_recovery_ms`, and
// `command`, which repeats the run. A slice leaves no file: its figures would pass for those of a full run.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIGURES_DIR } from '#tools/commands/figures.ts';
import { depth } from './depth.ts';

/**
 * Records the figures of a part, and prints them. A later call replaces an earlier one of the same part.
 * @param part a file name without suffix: `crash`, `simulation`
 * @param figures in the order in which they are to be shown
 */
export function recordFigures(part: string, figures: Readonly<Record<string, number | string>>): void {
  const shown = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stdout.write(`figures of ${part}: ${shown.join(', ')}\n`);
  if (!depth({ slice: false, full: true })) return;
  mkdirSync(FIGURES_DIR, { recursive: true });
  const file = join(FIGURES_DIR, `${part}.json`);
  // Renamed into place: whoever reads it meanwhile sees the old one or the new one.
  writeFileSync(`${file}.new`, `${JSON.stringify({ at: new Date().toISOString(), ...figures }, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}
