/**
 * Owns the course of a run: latency first, while nothing else is there; then throughput and floor in turns, so that both
 * see the same machine, whatever else it does meanwhile.
 */
import { cpus, release, type } from 'node:os';
import { measureFlood } from './flood.ts';
import { Floor, type FloorRound } from './floor.ts';
import { measureLatency } from './latency.ts';
import { type MessageSizes, TYPICAL_SIZES } from './message-sizes.ts';
import type { BenchOptions, Part } from './options.ts';
import {
  cpuUsOf,
  type FloorReport,
  floodReport,
  floorReport,
  latencyReport,
  type Machine,
  type Report,
  type ThroughputReport,
  throughputReport,
} from './report.ts';
import { newRun, type Run } from './stage.ts';
import { Throughput, type ThroughputRound } from './throughput.ts';

/** Until the roles' code is compiled. */
const WARM_UP_MS = 3_000;
/** With the load on, before a window opens. */
const SETTLE_MS = 1_000;
/** Snapshots are written behind, two seconds later: they belong to the round that made them, not to the next. */
const QUIET_MS = 3_000;
const MS_PER_S = 1000;

/**
 * Runs the bench. Everything that was started is stopped when it resolves or rejects.
 * @param progress is told what the run is at
 * @param interrupted rejects where the run is to be given up
 */
export async function bench(
  options: BenchOptions,
  progress: (line: string) => void,
  interrupted: Promise<never>,
): Promise<Report> {
  const run = newRun(progress);
  // A stack is emptied from its end: what a part starts later, its connections, goes before the processes.
  run.stack.defer(() => run.crew.stop());
  try {
    return await Promise.race([measure(run, options), run.crew.failed, interrupted]);
  } finally {
    const { count, first } = run.crew.warnings;
    if (count > 0) progress(`the roles warned ${count} times; first:\n${first.join('\n')}`);
    progress('stopping');
    await run.crew.stop();
    await run.stack.disposeAsync();
  }
}

async function measure(run: Run, options: BenchOptions): Promise<Report> {
  const wanted = (part: Part) => options.parts.includes(part);
  const latency = wanted('latency') ? await latencyPart(run, options) : null;
  const flood = wanted('flood') ? await floodPart(run, options) : null;
  const { throughput, floor } = await roundsPart(run, options, wanted('throughput'), wanted('floor'));
  const { sessions, seconds, rounds, collectors, executors, exchanges, servers, sync } = options;
  return {
    machine: thisMachine(),
    options: { sessions, seconds, rounds, collectors, executors, exchanges, servers, sync },
    throughput,
    floor,
    ratio: throughput && floor ? throughput.exchanges_per_s.median / floor.exchanges_per_s.median : null,
    cpu_ratio: throughput && floor ? cpuRatio(throughput, floor) : null,
    latency,
    flood,
    warnings: run.crew.warnings.count,
  };
}

async function latencyPart(run: Run, options: BenchOptions) {
  run.progress(`latency: ${options.exchanges} exchanges, one at a time`);
  return latencyReport(await measureLatency(run, options));
}

async function floodPart(run: Run, options: BenchOptions) {
  run.progress('flood: the exchanges of others, without a client that floods and with one');
  return floodReport(await measureFlood(run, options));
}

async function roundsPart(run: Run, options: BenchOptions, withThroughput: boolean, withFloor: boolean) {
  const windowMs = (options.seconds / options.rounds) * MS_PER_S;
  let sizes: MessageSizes = TYPICAL_SIZES;
  let throughput: Throughput | null = null;
  if (withThroughput) {
    run.progress(`throughput: opening ${options.sessions} sessions and warming up`);
    throughput = await Throughput.open(run, options);
    sizes = await throughput.warmUp(WARM_UP_MS);
    await quiet();
  }
  const floor = withFloor ? await Floor.open(run, options, sizes) : null;
  const throughputRounds: ThroughputRound[] = [];
  const floorRounds: FloorRound[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    if (throughput !== null) {
      const done = await throughput.round(SETTLE_MS, windowMs);
      throughputRounds.push(done);
      run.progress(`throughput, round ${round}: ${Math.round(done.exchangesPerS)} exchanges/s`);
      if (floor !== null) await quiet();
    }
    if (floor !== null) {
      const done = await floor.round(SETTLE_MS, windowMs);
      floorRounds.push(done);
      run.progress(`floor, round ${round}: ${Math.round(done.exchangesPerS)} exchanges/s`);
    }
  }
  return {
    throughput: throughput === null ? null : throughputReport(throughputRounds, sizes),
    floor: floor === null ? null : floorReport(floorRounds, sizes),
  };
}

function cpuRatio(throughput: ThroughputReport, floor: FloorReport): number | null {
  const [above, below] = [cpuUsOf(throughput.cpu_us_per_exchange), cpuUsOf(floor.cpu_us_per_exchange)];
  return above === null || below === null ? null : below / above;
}

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, QUIET_MS));
}

function thisMachine(): Machine {
  const cores = cpus();
  return {
    cores: cores.length,
    cpu: cores[0]?.model.trim() ?? 'unknown',
    system: `${type()} ${release()}`,
    node: process.versions.node,
  };
}
