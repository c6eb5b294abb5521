/**
 * Owns the report of a run: what `--json` prints, and what the table is made from. Figures stand as they were measured;
 * how many digits of them mean anything is the table's to say.
 */
import { median, medianPercentiles, type Percentiles, type Spread, spread } from './distribution.ts';
import { type FloodFigures, STEADY_EXCHANGES_PER_S } from './flood.ts';
import type { FloorRound } from './floor.ts';
import type { MessageSizes } from './message-sizes.ts';
import type { BenchOptions } from './options.ts';
import type { PaceReport } from './programs/pace.ts';
import type { ThroughputRound } from './throughput.ts';

/** What a run came to. A part that was not measured is null. */
export interface Report {
  readonly machine: Machine;
  readonly options: Omit<BenchOptions, 'parts' | 'json' | 'profileDir'>;
  readonly throughput: ThroughputReport | null;
  readonly floor: FloorReport | null;
  /** Throughput over floor, of the medians. */
  readonly ratio: number | null;
  /** CPU time of the floor's exchange over that of the throughput's: nearly the same on a busy machine as on a quiet one. */
  readonly cpu_ratio: number | null;
  readonly latency: LatencyReport | null;
  readonly flood: FloodReport | null;
  /** Lines that the roles logged as warnings or worse; the first ones are on stderr. */
  readonly warnings: number;
}

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly system: string;
  readonly node: string;
}

export interface ThroughputReport {
  readonly exchanges_per_s: Spread;
  readonly exchanges: number;
  readonly not_done: number;
  readonly resent: number;
  /** First blow to result under load, in milliseconds: the medians of the rounds. */
  readonly result_ms: Percentiles;
  /** Microseconds per exchange by process, the medians of the rounds; null where the system does not tell. */
  readonly cpu_us_per_exchange: Readonly<Record<string, number | null>>;
  /** Cores that these processes had, the mean of the rounds: with fewer than the machine has, others had the rest. */
  readonly cores_used: number | null;
  /** Shares of the whole machine's time. */
  readonly machine: { readonly idle: number; readonly steal: number } | null;
  readonly persisted_per_exchange: { readonly total: number; readonly streams: Readonly<Record<string, number>> };
  /** Bytes of the messages of one exchange. */
  readonly message_bytes: MessageSizes;
  /** With --prof: what roles and server did per exchange, in the last round. */
  readonly counts_per_exchange: Readonly<Record<string, number>> | null;
}

export interface FloorReport {
  readonly exchanges_per_s: Spread;
  readonly messages_per_s: Spread;
  readonly refused: number;
  readonly cpu_us_per_exchange: Readonly<Record<string, number | null>>;
  readonly cores_used: number | null;
  readonly message_bytes: MessageSizes;
}

export interface LatencyReport {
  readonly exchange_ms: Percentiles;
  readonly publish_ack_ms: Percentiles;
  readonly delivery_ms: Percentiles;
  /** The exchange's p50 over that of one acknowledged publish, and over that of one delivery. */
  readonly publish_acks: number;
  readonly deliveries: number;
}

/** What others notice of a client that floods one session: their exchanges, from the second blow to the result. */
export interface FloodReport {
  /** The others' exchanges, in each window alike. */
  readonly exchanges_per_s: number;
  /** Exchanges that were due and could not begin. */
  readonly missed: number;
  readonly without_ms: Percentiles;
  readonly floods: readonly {
    /** The flooder's signals that are unacknowledged at a time, at the most. */
    readonly in_flight: number;
    /** Sent at a rate, and not as fast as they are acknowledged. */
    readonly paced: boolean;
    readonly signals_per_s: number;
    readonly with_ms: Percentiles;
    /** With the flood over without it, round by round. */
    readonly p50_ratio: Spread;
    readonly p99_ratio: Spread;
  }[];
}

export function throughputReport(rounds: readonly ThroughputRound[], sizes: MessageSizes): ThroughputReport {
  const sum = (figure: (round: ThroughputRound) => number) => rounds.reduce((all, round) => all + figure(round), 0);
  const exchanges = sum((round) => round.exchanges);
  const streams = mergedNames(rounds.map((round) => round.persisted)).map((stream) => {
    const count = sum((round) => (round.persisted[stream] ?? 0) * round.exchanges);
    return [stream, count / exchanges] as const;
  });
  const machines = rounds.map((round) => round.machine).filter((machine) => machine !== null);
  return {
    exchanges_per_s: spread(rounds.map((round) => round.exchangesPerS)),
    exchanges,
    not_done: sum((round) => round.notDone),
    resent: sum((round) => round.resent),
    result_ms: medianPercentiles(rounds.map((round) => round.resultMs)),
    cpu_us_per_exchange: mediansByName(rounds.map((round) => round.cpuUs)),
    cores_used: coresUsed(rounds),
    machine:
      machines.length === 0
        ? null
        : {
            idle: median(machines.map((machine) => machine.idle)),
            steal: median(machines.map((machine) => machine.steal)),
          },
    persisted_per_exchange: {
      total: streams.reduce((all, [, count]) => all + count, 0),
      streams: Object.fromEntries(streams.filter(([, count]) => count > 0)),
    },
    message_bytes: sizes,
    counts_per_exchange: rounds.at(-1)?.counts ?? null,
  };
}

export function floorReport(rounds: readonly FloorRound[], sizes: MessageSizes): FloorReport {
  return {
    exchanges_per_s: spread(rounds.map((round) => round.exchangesPerS)),
    messages_per_s: spread(rounds.map((round) => round.messagesPerS)),
    refused: rounds.reduce((all, round) => all + round.refused, 0),
    cpu_us_per_exchange: mediansByName(rounds.map((round) => round.cpuUs)),
    cores_used: coresUsed(rounds),
    message_bytes: sizes,
  };
}

export function latencyReport({ exchange, publishAck, delivery }: PaceReport): LatencyReport {
  return {
    exchange_ms: exchange,
    publish_ack_ms: publishAck,
    delivery_ms: delivery,
    publish_acks: exchange.p50 / publishAck.p50,
    deliveries: exchange.p50 / delivery.p50,
  };
}

export function floodReport({ quiet, floods, missed }: FloodFigures): FloodReport {
  return {
    exchanges_per_s: STEADY_EXCHANGES_PER_S,
    missed,
    without_ms: medianPercentiles(quiet),
    floods: floods.map(({ flood, signalsPerS, rounds }) => ({
      in_flight: flood.inFlight,
      paced: flood.signalsPerS !== null,
      signals_per_s: signalsPerS,
      with_ms: medianPercentiles(rounds),
      p50_ratio: spread(rounds.map(({ p50 }, round) => p50 / quiet[round]!.p50)),
      p99_ratio: spread(rounds.map(({ p99 }, round) => p99 / quiet[round]!.p99)),
    })),
  };
}

/** CPU time of one exchange, of all processes; null where it is not known. */
export function cpuUsOf(cpu: Figures): number | null {
  const known = Object.values(cpu).filter((us) => us !== null);
  return known.length === 0 ? null : known.reduce((sum, us) => sum + us, 0);
}

function coresUsed(rounds: readonly { readonly cpuUs: Figures; readonly exchangesPerS: number }[]): number | null {
  const used = rounds.map(({ cpuUs, exchangesPerS }) => ((cpuUsOf(cpuUs) ?? Number.NaN) * exchangesPerS) / US_PER_S);
  const mean = used.reduce((sum, cores) => sum + cores, 0) / used.length;
  return Number.isNaN(mean) ? null : mean;
}

const US_PER_S = 1_000_000;

type Figures = Readonly<Record<string, number | null>>;

function mediansByName(rounds: readonly Figures[]): Record<string, number | null> {
  return Object.fromEntries(
    mergedNames(rounds).map((name) => {
      const figures = rounds.map((round) => round[name] ?? null).filter((figure) => figure !== null);
      return [name, figures.length === 0 ? null : median(figures)];
    }),
  );
}

function mergedNames(records: readonly Readonly<Record<string, unknown>>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))];
}
