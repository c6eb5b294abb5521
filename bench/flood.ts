/**
 * Owns the flood part: what the others notice of a client that floods one session. Their exchanges go on at a fixed,
 * modest rate; windows without the flood and with it take turns in one run, so that both see the same machine.
 */
import { type Percentiles, percentiles } from './distribution.ts';
import type { BenchOptions } from './options.ts';
import type { Flood, OpenFlooder } from './programs/flooder.ts';
import type { OpenSteady, RunSteady, SteadyWindow } from './programs/steady.ts';
import { castRoles, openStage, type Run } from './stage.ts';

/** Far below what two cores can do, so that what is measured is the flood and not the load. */
export const STEADY_EXCHANGES_PER_S = 100;
/** So many that there is always one at rest, even where a result takes seconds. */
const SESSIONS = 200;
/** Ways to flood: ten times what all the others send; a loop that waits for each acknowledgement; and one that does not. */
const FLOODS: readonly Flood[] = [
  { inFlight: 64, signalsPerS: 20 * STEADY_EXCHANGES_PER_S },
  { inFlight: 1, signalsPerS: null },
  { inFlight: 64, signalsPerS: null },
];
/** With the flood on, before a window opens. */
const SETTLE_MS = 500;
/** Without it, before the next one opens: what has piled up is worked off, and belongs to no other window. */
const DRAIN_MS = 4_000;
const WARM_UP_MS = 2_000;
const MS_PER_S = 1_000;

/** One way of flooding, round by round. */
export interface FloodRounds {
  readonly flood: Flood;
  readonly signalsPerS: number;
  readonly rounds: readonly Percentiles[];
}

/** What the part came to. */
export interface FloodFigures {
  /** Without a flood, round by round. */
  readonly quiet: readonly Percentiles[];
  readonly floods: readonly FloodRounds[];
  /** Exchanges that were due and could not begin: the rate was not kept. */
  readonly missed: number;
}

/** Measures the others' exchanges without a flood and with each of the floods. */
export async function measureFlood(run: Run, options: BenchOptions): Promise<FloodFigures> {
  const stage = await openStage(run, options);
  await castRoles(run, stage, { collectors: options.collectors, executors: options.executors, profileDir: null });
  const steady = run.crew.program('steady', { profileDir: null });
  const flooder = run.crew.program('flooder', { profileDir: null });
  const { url } = stage;
  await steady.order('open', { url, sessions: SESSIONS } satisfies OpenSteady);
  await flooder.order('open', { url, ordinal: SESSIONS } satisfies OpenFlooder);
  const windowMs = (options.seconds / options.rounds) * MS_PER_S;
  const measure = (ms: number): Promise<SteadyWindow> =>
    steady.order('run', { ms, exchangesPerS: STEADY_EXCHANGES_PER_S } satisfies RunSteady);

  await measure(WARM_UP_MS);
  const quiet: Percentiles[] = [];
  const floods = FLOODS.map((flood) => ({ flood, signals: 0, ms: 0, rounds: [] as Percentiles[] }));
  let missed = 0;
  for (let round = 1; round <= options.rounds; round++) {
    const window = await measure(windowMs);
    quiet.push(percentiles(window.samplesMs));
    missed += window.missed;
    for (const done of floods) {
      const startedAt = performance.now();
      await flooder.order('start', done.flood);
      await measure(SETTLE_MS);
      const flooded = await measure(windowMs);
      done.signals += await flooder.order<number>('stop');
      done.ms += performance.now() - startedAt;
      done.rounds.push(percentiles(flooded.samplesMs));
      missed += flooded.missed;
      await measure(DRAIN_MS);
    }
    run.progress(`flood, round ${round}`);
  }
  return {
    quiet,
    floods: floods.map(({ flood, signals, ms, rounds }) => ({
      flood,
      signalsPerS: (signals / ms) * MS_PER_S,
      rounds,
    })),
    missed,
  };
}
