/**
 * Owns the figures a row of samples is summed up by.
 */

/** Percentiles of a time, in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly samples: number;
}

/** A figure over several rounds: the middle one, and how far the others are from it. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly rounds: readonly number[];
}

/** Percentiles by nearest rank; NaN without samples. */
export function percentiles(samplesMs: readonly number[]): Percentiles {
  const sorted = samplesMs.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), samples: sorted.length };
}

/** The middle of each percentile over several rounds: one stall of the machine does not make a round's figure that of all. */
export function medianPercentiles(rounds: readonly Percentiles[]): Percentiles {
  const middle = (figure: (round: Percentiles) => number) => median(rounds.map(figure));
  return {
    p50: middle(({ p50 }) => p50),
    p90: middle(({ p90 }) => p90),
    p99: middle(({ p99 }) => p99),
    samples: rounds.reduce((sum, { samples }) => sum + samples, 0),
  };
}

/** Median and extremes of a figure that was taken once a round. */
export function spread(rounds: readonly number[]): Spread {
  const sorted = rounds.toSorted((left, right) => left - right);
  return { median: median(sorted), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, rounds };
}

/** The middle one, or the mean of the two in the middle; NaN without figures. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((left, right) => left - right);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
