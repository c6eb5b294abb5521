/**
 * Owns how latencies are counted: buckets in a typed array, because prom-client's own histogram costs 300 ns an
 * observation and several are made for each blow.
 */

/** Upper bounds in milliseconds: from an idle server's round trip to a request's limit. */
const BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;
const MS_PER_S = 1000;

/** One sample of a Prometheus histogram, as prom-client's registry writes it. */
export interface HistogramSample {
  readonly metricName: string;
  readonly labels: { readonly le?: number | '+Inf' };
  readonly value: number;
}

/** A distribution of durations. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BOUNDS_MS.length + 1);
  #sumMs = 0;

  /** Counts one duration in milliseconds. */
  observeMs(durationMs: number): void {
    let bucket = 0;
    while (bucket < BOUNDS_MS.length && durationMs > BOUNDS_MS[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sumMs += durationMs;
  }

  /** The samples in seconds, cumulative, as Prometheus wants them. */
  samples(name: string): HistogramSample[] {
    let count = 0;
    const samples: HistogramSample[] = [];
    for (const [bucket, boundMs] of BOUNDS_MS.entries()) {
      count += this.#counts[bucket]!;
      samples.push({ metricName: `${name}_bucket`, labels: { le: boundMs / MS_PER_S }, value: count });
    }
    count += this.#counts[BOUNDS_MS.length]!;
    samples.push({ metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count });
    samples.push({ metricName: `${name}_sum`, labels: {}, value: this.#sumMs / MS_PER_S });
    samples.push({ metricName: `${name}_count`, labels: {}, value: count });
    return samples;
  }
}
