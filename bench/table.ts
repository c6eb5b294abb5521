/**
 * Owns the report as people read it.
 */
import type { Percentiles, Spread } from './distribution.ts';
import {
  cpuUsOf,
  type FloodReport,
  type FloorReport,
  type LatencyReport,
  type Report,
  type ThroughputReport,
} from './report.ts';

const NAME_WIDTH = 30;

/** The report as a table, with a line feed at its end. */
export function table(report: Report): string {
  const { machine, options, throughput, floor, ratio, latency, flood } = report;
  const lines = [
    `${machine.cores} cores, ${machine.cpu}, ${machine.system}, Node ${machine.node}`,
    `${options.sessions} sessions, ${options.collectors} collector(s), ${options.executors} executor(s), ${options.servers} server(s), ` +
      `${options.rounds} rounds of ${(options.seconds / options.rounds).toFixed(1)} s, ` +
      `files synced ${syncText(options.sync)}`,
    ...(throughput === null ? [] : throughputLines(throughput)),
    ...(floor === null ? [] : floorLines(floor)),
    ...(ratio === null ? [] : ['', row('throughput / floor', ratioText(ratio, report.cpu_ratio))]),
    ...(latency === null ? [] : latencyLines(latency)),
    ...(flood === null ? [] : floodLines(flood)),
    ...(report.warnings === 0 ? [] : ['', row('warnings of the roles', String(report.warnings))]),
  ];
  return `${lines.join('\n')}\n`;
}

function throughputLines(report: ThroughputReport): string[] {
  const { p50, p90, p99 } = report.result_ms;
  const { total, streams } = report.persisted_per_exchange;
  const { machine } = report;
  return [
    '',
    'THROUGHPUT',
    row('exchanges per second', spreadText(report.exchanges_per_s)),
    row('first blow to result, ms', `p50 ${p50.toFixed(0)}, p90 ${p90.toFixed(0)}, p99 ${p99.toFixed(0)}`),
    row('CPU per exchange, us', cpuText(report.cpu_us_per_exchange, report.cores_used)),
    ...(machine === null
      ? []
      : [row('machine', `${percent(machine.idle)} idle, ${percent(machine.steal)} taken by other machines`)]),
    row('persisted per exchange', `${total.toFixed(2)}: ${named(streams, (count) => count.toFixed(2))}`),
    row('bytes', report.message_bytes.map(([kind, bytes]) => `${kind} ${bytes}`).join(', ')),
    ...(report.not_done + report.resent === 0
      ? []
      : [row('amiss', `${report.not_done} results not done, ${report.resent} publishes sent again`)]),
    ...(report.counts_per_exchange === null ? [] : countLines(report.counts_per_exchange)),
  ];
}

function countLines(counts: Readonly<Record<string, number>>): string[] {
  return [
    '',
    'PER EXCHANGE',
    ...Object.entries(counts).map(([name, count]) => `  ${count.toFixed(3).padStart(8)}  ${name}`),
  ];
}

function floorLines(report: FloorReport): string[] {
  return [
    '',
    'FLOOR',
    row('exchanges per second', spreadText(report.exchanges_per_s)),
    row('messages per second', spreadText(report.messages_per_s)),
    row('CPU per exchange, us', cpuText(report.cpu_us_per_exchange, report.cores_used)),
    ...(report.refused === 0 ? [] : [row('amiss', `${report.refused} publishes refused`)]),
  ];
}

function latencyLines(report: LatencyReport): string[] {
  return [
    '',
    'LATENCY AT IDLE, ms',
    row('second blow to result', percentilesText(report.exchange_ms)),
    row('one acknowledged publish', percentilesText(report.publish_ack_ms)),
    row('one delivery to a consumer', percentilesText(report.delivery_ms)),
    row('p50 as a multiple', `${report.publish_acks.toFixed(1)} publishes, ${report.deliveries.toFixed(1)} deliveries`),
  ];
}

function floodLines(report: FloodReport): string[] {
  const floods = report.floods.flatMap(({ in_flight, paced, signals_per_s, with_ms, p50_ratio, p99_ratio }) => [
    row(`with ${Math.round(signals_per_s).toLocaleString('en')} signals/s`, percentilesText(with_ms)),
    row(
      `  ${paced ? 'at this rate' : `${in_flight} in flight`}, as a multiple`,
      `p50 ${ratioSpread(p50_ratio)}, p99 ${ratioSpread(p99_ratio)}`,
    ),
  ]);
  return [
    '',
    `A FLOOD AT ONE SESSION: second blow to result of the others, ${report.exchanges_per_s} exchanges/s, ms`,
    row('without', percentilesText(report.without_ms)),
    ...floods,
    ...(report.missed === 0 ? [] : [row('amiss', `${report.missed} exchanges could not begin when they were due`)]),
  ];
}

/** `sync_interval` as one says it. */
function syncText(sync: string | null): string {
  if (sync === null) return 'every two minutes';
  return sync === 'always' ? 'before each acknowledgement' : `every ${sync}`;
}

const row = (name: string, text: string) => `  ${name.padEnd(NAME_WIDTH)}${text}`;
const percent = (share: number) => `${(share * 100).toFixed(0)} %`;

function spreadText({ median, min, max, rounds }: Spread): string {
  const whole = (figure: number) => Math.round(figure).toLocaleString('en');
  return `${whole(median)}  (${whole(min)} to ${whole(max)} in ${rounds.length} rounds)`;
}

function ratioSpread({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;
}

function percentilesText({ p50, p90, p99, samples }: Percentiles): string {
  return `p50 ${p50.toFixed(2)}, p90 ${p90.toFixed(2)}, p99 ${p99.toFixed(2)}  (${samples} samples)`;
}

function cpuText(cpu: Readonly<Record<string, number | null>>, cores: number | null): string {
  const total = cpuUsOf(cpu);
  if (total === null) return 'not known on this system';
  const had = cores === null ? '' : `  (on ${cores.toFixed(2)} cores)`;
  return `${total.toFixed(0)}: ${named(cpu, (us) => us?.toFixed(0) ?? '?')}${had}`;
}

function ratioText(ratio: number, cpuRatio: number | null): string {
  return cpuRatio === null ? ratio.toFixed(3) : `${ratio.toFixed(3)}, by CPU time ${cpuRatio.toFixed(3)}`;
}

function named<Value>(figures: Readonly<Record<string, Value>>, text: (figure: Value) => string): string {
  return Object.entries(figures)
    .map(([name, figure]) => `${name} ${text(figure)}`)
    .join(', ');
}
