/**
 * Owns the arguments of `npm run bench`: what they are called, what they may be, and the help text.
 *
 * A wrong argument is an OptionError: one line that names it, what it is and what was expected.
 */
import { parseArgs } from 'node:util';
import { faultOf } from '#cli/command.ts';
import type { ServerOptions } from './servers.ts';

export const PARTS = ['latency', 'throughput', 'floor', 'flood'] as const;
/** What can be measured. */
export type Part = (typeof PARTS)[number];

/** What a run measures, and with what. */
export interface BenchOptions extends ServerOptions {
  readonly parts: readonly Part[];
  /** Concurrent duels of the throughput part. */
  readonly sessions: number;
  /** Measured seconds of throughput, of floor, and without and with each flood, each, over all rounds. */
  readonly seconds: number;
  /** Into so many rounds the seconds are cut; throughput and floor take turns. */
  readonly rounds: number;
  readonly collectors: number;
  readonly executors: number;
  /** Exchanges of the latency part. */
  readonly exchanges: number;
  readonly json: boolean;
  /** Where CPU profiles go; null for none. */
  readonly profileDir: string | null;
}

/** An argument that cannot be used. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

/** Sessions of one run: a collector caches ten thousand. */
const SESSIONS_MAX = 10_000;
/** A longer run fills a disk: the floor writes some ten megabytes a second. */
const SECONDS_MAX = 600;
const ROUNDS_MAX = 50;
const REPLICAS_MAX = 16;
const EXCHANGES_MAX = 100_000;

const DEFAULTS = {
  sessions: 1_000,
  seconds: 15,
  rounds: 3,
  collectors: 1,
  executors: 1,
  exchanges: 500,
  servers: 1,
} as const;

/** The help text. */
export const HELP = `npm run bench [-- options]

Measures exchanges per second, the floor under them, the latency of one exchange, and what others notice of a client that
floods, on private nats-servers with the roles as real processes. Takes about three minutes; docs/benchmark.md says how to
read it.

  --only PART[,PART]   ${PARTS.join(', ')}; default: all
  --sessions N         concurrent 1v1 sessions of the throughput part (${DEFAULTS.sessions})
  --seconds N          measured seconds of throughput, and as many of the floor and of each flood (${DEFAULTS.seconds})
  --rounds N           rounds into which they are cut, taking turns (${DEFAULTS.rounds})
  --collectors N       collector processes (${DEFAULTS.collectors})
  --executors N        executor processes (${DEFAULTS.executors})
  --exchanges N        exchanges of the latency part (${DEFAULTS.exchanges})
  --servers N          1, or 3 for a cluster with three copies of every stream (${DEFAULTS.servers})
  --sync TIME          when the servers sync their files: always, or at an interval such as 1s (two minutes, their default)
  --json               the report as one line of JSON at the end
  --prof DIR           CPU profiles of the processes of the throughput part into DIR, and counts of what the roles and
                       the server did; slower, so its figures are for comparing within the run
  --help               this text
`;

/**
 * Reads the arguments after `--`.
 * @returns the options, or 'help' where the help text is asked for
 * @throws OptionError
 */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const values = parsed(args);
  if (values.help === true) return 'help';
  const rounds = wholeNumber('rounds', values.rounds, 1, ROUNDS_MAX);
  return {
    parts: partsOf(values.only ?? []),
    sessions: wholeNumber('sessions', values.sessions, 1, SESSIONS_MAX),
    seconds: wholeNumber('seconds', values.seconds, 1, SECONDS_MAX),
    rounds,
    collectors: wholeNumber('collectors', values.collectors, 1, REPLICAS_MAX),
    executors: wholeNumber('executors', values.executors, 1, REPLICAS_MAX),
    exchanges: wholeNumber('exchanges', values.exchanges, 1, EXCHANGES_MAX),
    servers: serversOf(values.servers),
    sync: syncOf(values.sync),
    json: values.json === true,
    profileDir: values.prof ?? null,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        only: { type: 'string', multiple: true },
        sessions: { type: 'string' },
        seconds: { type: 'string' },
        rounds: { type: 'string' },
        collectors: { type: 'string' },
        executors: { type: 'string' },
        exchanges: { type: 'string' },
        servers: { type: 'string' },
        sync: { type: 'string' },
        json: { type: 'boolean' },
        prof: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new OptionError(faultOf(args, error));
  }
}

function wholeNumber(name: keyof typeof DEFAULTS, text: string | undefined, least: number, most: number): number {
  if (text === undefined) return DEFAULTS[name];
  const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new OptionError(`--${name}: got ${JSON.stringify(text)}, expected a whole number from ${least} to ${most}`);
}

function serversOf(text: string | undefined): 1 | 3 {
  const value = text ?? String(DEFAULTS.servers);
  if (value === '1' || value === '3') return value === '1' ? 1 : 3;
  throw new OptionError(`--servers: got ${JSON.stringify(text)}, expected 1 or 3`);
}

function syncOf(text: string | undefined): string | null {
  if (text === undefined || text === 'always' || /^[1-9][0-9]{0,3}(ms|s|m)$/.test(text)) return text ?? null;
  throw new OptionError(`--sync: got ${JSON.stringify(text)}, expected always, or an interval such as 1s`);
}

function partsOf(only: readonly string[]): Part[] {
  if (only.length === 0) return [...PARTS];
  const named = only.flatMap((list) => list.split(','));
  for (const name of named) {
    if (PARTS.some((part) => part === name)) continue;
    throw new OptionError(`--only: got ${JSON.stringify(name)}, expected ${PARTS.join(', ')}`);
  }
  return PARTS.filter((part) => named.includes(part));
}
