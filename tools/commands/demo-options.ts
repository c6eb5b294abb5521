// Reads what `npm run demo` is asked for.

import { BadOption, readOptions } from './options.ts';

/** So many battles a run has at most. */
export const BATTLES_MAX = 100_000;

const OPTIONS = {
  battles: { type: 'string', default: '100' },
  seed: { type: 'string', default: 'riposte' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const SEED_PATTERN = /^[A-Za-z0-9_-]{1,32}$/;

/** How many battles, who fights in them, and for whom the outcome is printed. */
export interface DemoOptions {
  readonly battles: number;
  readonly seed: string;
  /** The outcome is for a program. */
  readonly json: boolean;
}

/**
 * Reads the options of `npm run demo`.
 * @throws BadOption
 */
export function readDemoOptions(args: readonly string[]): DemoOptions | 'help' {
  const { help, json, battles, seed } = readOptions(args, OPTIONS);
  return help ? 'help' : { battles: wholeBattles(battles), seed: checkedSeed(seed), json };
}

function wholeBattles(text: string): number {
  const battles = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (battles >= 1 && battles <= BATTLES_MAX) return battles;
  throw new BadOption(`--battles ${text}: expected a whole number from 1 to ${BATTLES_MAX}`);
}

function checkedSeed(text: string): string {
  if (SEED_PATTERN.test(text)) return text;
  throw new BadOption(`--seed ${text}: expected 1 to 32 of A-Z a-z 0-9 _ -`);
}
