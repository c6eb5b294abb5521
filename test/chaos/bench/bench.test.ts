// Owns: that `npm run bench` measures what it says: a run of a few sessions and a second prints a report whose figures
// agree with one another. How fast anything was is nobody's business here.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Spread } from '../../../bench/distribution.ts';
import type { Report } from '../../../bench/report.ts';

const COMMAND = fileURLToPath(new URL('../../../tools/commands/bench.ts', import.meta.url));
/** Two servers, seven processes and some ten seconds of measuring, on a machine busy with other tests. */
const RUN_LIMIT_MS = 180_000;
const ROUNDS = 2;

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command to its end. */
function run(args: readonly string[], onStderr: (text: string, end: () => void) => void = () => {}): Promise<Ran> {
  const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr(text, () => child.kill('SIGINT'));
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

test('a tiny run prints a report whose figures agree', { timeout: RUN_LIMIT_MS }, async () => {
  const args = ['--sessions', '10', '--seconds', '1', '--rounds', '1', '--exchanges', '10', '--json'];
  const { code, stdout, stderr } = await run(args);
  expect(code, stderr).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  const report = JSON.parse(lines.at(-1) ?? '') as Report;
  expect(stdout).toMatch(/THROUGHPUT[\s\S]*FLOOR[\s\S]*LATENCY[\s\S]*FLOOD/);

  const { throughput, floor, latency, flood } = report;
  if (throughput === null || floor === null || latency === null || flood === null)
    throw new Error(`a part is missing:\n${stdout}`);
  for (const figures of [throughput.exchanges_per_s, floor.exchanges_per_s, floor.messages_per_s])
    expectSpread(figures, 1);

  expect(throughput.exchanges).toBeGreaterThan(0);
  expect(throughput).toMatchObject({ not_done: 0, resent: 0 });
  // Two moves, an action, a result and a heartbeat at the least, or the exchange was none.
  expect(throughput.persisted_per_exchange.streams.COMBAT).toBeGreaterThanOrEqual(5);
  expect(sum(Object.values(throughput.persisted_per_exchange.streams))).toBeCloseTo(
    throughput.persisted_per_exchange.total,
  );
  expect(throughput.message_bytes.map(([kind]) => kind)).toEqual(['move', 'move', 'action', 'result', 'heartbeat']);

  expect(floor.refused).toBe(0);
  expect(floor.message_bytes).toEqual(throughput.message_bytes);
  expect(floor.messages_per_s.median).toBeCloseTo(floor.exchanges_per_s.median * floor.message_bytes.length);
  expect(report.ratio).toBeCloseTo(throughput.exchanges_per_s.median / floor.exchanges_per_s.median);

  expect(latency.exchange_ms.samples).toBe(10);
  for (const { p50, p90, p99 } of [latency.exchange_ms, latency.publish_ack_ms, latency.delivery_ms]) {
    expect([p50, p90, p99]).toEqual([p50, p90, p99].toSorted((left, right) => left - right));
    expect(p50).toBeGreaterThan(0);
  }
  expect(latency.publish_acks).toBeCloseTo(latency.exchange_ms.p50 / latency.publish_ack_ms.p50);

  expect(flood.without_ms.samples).toBeGreaterThan(0);
  for (const { signals_per_s, with_ms, p50_ratio, p99_ratio } of flood.floods) {
    expect(signals_per_s).toBeGreaterThan(0);
    expect(with_ms.samples).toBeGreaterThan(0);
    for (const { rounds, median, min, max } of [p50_ratio, p99_ratio]) {
      expect(rounds.every((ratio) => ratio > 0)).toBe(true);
      expect([min, median, max]).toEqual([min, median, max].toSorted((left, right) => left - right));
    }
  }
});

test('a tiny run on three servers, each file synced at once, is one of them all', {
  timeout: RUN_LIMIT_MS,
}, async () => {
  const tiny = [
    '--only',
    'throughput,floor',
    '--sessions',
    '5',
    '--seconds',
    '1',
    '--rounds',
    String(ROUNDS),
    '--json',
  ];
  const { code, stdout, stderr } = await run([...tiny, '--servers', '3', '--sync', 'always']);
  expect(code, stderr).toBe(0);
  expect(stdout).toContain('3 server(s)');
  expect(stdout).toContain('files synced before each acknowledgement');
  const { throughput, floor, options } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Report;
  expect(options).toMatchObject({ servers: 3, sync: 'always' });
  expect(throughput).toMatchObject({ not_done: 0, resent: 0 });
  expect(throughput?.exchanges).toBeGreaterThan(0);
  expect(floor?.refused).toBe(0);
  for (const figures of [throughput?.exchanges_per_s, floor?.exchanges_per_s]) expectSpread(figures!, ROUNDS);
});

test('an interrupted run ends with 130 and prints no figures', { timeout: RUN_LIMIT_MS }, async () => {
  const { code, stdout } = await run(['--only', 'throughput', '--sessions', '5'], (text, end) => {
    if (text.includes('warming up')) end();
  });
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
});

test.each([
  [['--sessions', 'many'], '--sessions: got "many", expected a whole number from 1 to 10000'],
  [['--seconds', '0'], '--seconds: got "0", expected a whole number from 1 to 600'],
  [['--only', 'floor,ceiling'], '--only: got "ceiling", expected latency, throughput, floor, flood'],
  [['--servers', '2'], '--servers: got "2", expected 1 or 3'],
  [['--sync', 'soon'], '--sync: got "soon", expected always, or an interval such as 1s'],
  [['--fast'], "Unknown option '--fast'"],
  [['fast'], "Unexpected argument 'fast'"],
])('the arguments %j are refused with a line that says why', async (args, line) => {
  const { code, stdout, stderr } = await run(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr.split('\n', 1)[0]).toContain(line);
});

test('--help tells every argument', async () => {
  const { code, stdout } = await run(['--help']);
  expect(code).toBe(0);
  for (const name of [
    'only',
    'sessions',
    'seconds',
    'rounds',
    'collectors',
    'executors',
    'exchanges',
    'servers',
    'sync',
    'json',
    'prof',
  ]) {
    expect(stdout).toContain(`--${name}`);
  }
});

function expectSpread({ median, min, max, rounds }: Spread, count: number): void {
  expect(rounds).toHaveLength(count);
  expect(min).toBe(Math.min(...rounds));
  expect(max).toBe(Math.max(...rounds));
  expect(median).toBeGreaterThanOrEqual(min);
  expect(median).toBeLessThanOrEqual(max);
  expect(min).toBeGreaterThan(0);
}

function sum(figures: readonly number[]): number {
  return figures.reduce((all, figure) => all + figure, 0);
}
