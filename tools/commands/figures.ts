// Owns: where the slow suites leave the figures of their last full run, and how these are shown: one file a part,
// `.cache/chaos/<part>.json`, one flat object of names and numbers. Written by test/harness/figures.ts.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIR } from '../setup/folder.mjs';

/** Where the figures are. */
export const FIGURES_DIR = join(CACHE_DIR, 'chaos');

const SUFFIX = '.json';

/** The figures of one part. */
export interface Figures {
  readonly part: string;
  readonly figures: Readonly<Record<string, unknown>>;
}

/** The figures of every part that has left some since `sinceMs`, in milliseconds since the epoch; by name of the part. */
export function readFigures(sinceMs: number): Figures[] {
  if (!existsSync(FIGURES_DIR)) return [];
  const files = readdirSync(FIGURES_DIR).filter((name) => name.endsWith(SUFFIX));
  const all = files.sort().map((name) => {
    const figures = JSON.parse(readFileSync(join(FIGURES_DIR, name), 'utf8')) as Record<string, unknown>;
    return { part: name.slice(0, -SUFFIX.length), figures };
  });
  return all.filter(({ figures }) => Date.parse(String(figures.at)) >= sinceMs);
}

/** The figures as lines for a person: each part, and under it its figures. */
export function figuresTable(all: readonly Figures[]): string[] {
  const rows = all.map(({ part, figures }) => Object.entries(figures).map(([name, value]) => [part, name, `${value}`]));
  const names = rows.flat().map(([, name = '']) => name.length);
  const width = Math.max(0, ...names) + 2;
  return rows.flatMap((of) => [
    `${of[0]?.[0]}`,
    ...of.map(([, name = '', value = '']) => `  ${name.padEnd(width)}${value}`),
  ]);
}
