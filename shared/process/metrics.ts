/**
 * Owns what a process counts, and its Prometheus page. On the way of a blow a count is one addition to a plain number;
 * names, labels and text are made when somebody scrapes.
 *
 * Left to the roles: counting. `metrics.appends.action.committed++` is all there is to it.
 */
import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client';
import type { LogKind } from '#contracts/subjects.ts';
import { RefusalCode } from '#contracts/verdict.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { Role } from './role.ts';

const LOG_KINDS = ['session', 'signal', 'action', 'result'] as const satisfies readonly LogKind[];
/** Of an append to the log: it stands, the subject had moved on, or nobody knows yet. */
const APPEND_OUTCOMES = ['committed', 'conflict', 'unknown'] as const;
/** Of the `sys:busy` lock: it was had, somebody else has it, or somebody wrote in between. */
const LOCK_OUTCOMES = ['taken', 'held', 'conflict', 'freed'] as const;
/**
 * Of a task's delivery: done; nothing was left to do; delayed (a lock held, rules unknown); its result refused by the log;
 * given up after too many deliveries; not decodable.
 */
const TASK_OUTCOMES = ['done', 'empty', 'delayed', 'refused', 'abandoned', 'invalid'] as const;
const ACTION_STATUSES = ['done', 'skipped', 'failed'] as const;
/** Of writing a snapshot: the bucket has it, a newer one was there, it is too large for the server, or it failed. */
const SNAPSHOT_OUTCOMES = ['written', 'superseded', 'too_large', 'failed'] as const;
/** Of a timer: armed, refused because another stands, fired. */
const TIMER_OUTCOMES = ['armed', 'conflict', 'fired'] as const;
const VERDICT_CODES = ['accepted', ...RefusalCode.options] as const;

/** Counts told apart by one label. */
export type Tally<Label extends string> = Record<Label, number>;

/** What a process counts. Counters only grow; gauges are set, best in `beforeScrape`. */
export interface Metrics {
  /** Messages that woke a reconciler. */
  wakes: number;
  /** Of those, delivered before. */
  redeliveries: number;
  /** Decisions made: wakes of a session coalesce, so there are fewer. */
  passes: number;
  /** Log messages folded. */
  folded: number;
  /** Sessions read from a snapshot and the log because the cache did not have them. */
  hydrations: number;
  aiRequests: number;
  deadLetters: number;
  readonly appends: Record<LogKind, Tally<(typeof APPEND_OUTCOMES)[number]>>;
  readonly verdicts: Tally<(typeof VERDICT_CODES)[number]>;
  readonly locks: Tally<(typeof LOCK_OUTCOMES)[number]>;
  readonly tasks: Tally<(typeof TASK_OUTCOMES)[number]>;
  readonly timers: Tally<(typeof TIMER_OUTCOMES)[number]>;
  readonly actionsExecuted: Tally<(typeof ACTION_STATUSES)[number]>;
  readonly snapshots: Tally<(typeof SNAPSHOT_OUTCOMES)[number]>;
  /** From a publish to the server's acknowledgement. */
  readonly publishAck: LatencyHistogram;
  /** From a message's arrival to our acknowledgement: how long a wake or a task takes here. */
  readonly messageAck: LatencyHistogram;
  /** Gauge: sessions held in memory. */
  cacheSessions: number;
  /** Gauge: messages that ACTIONS is behind COMBAT. */
  actionsSourceLag: number;
  /** Gauge: 1 while there is a connection. */
  connected: 0 | 1;
  /** Has `set` run before each scrape, to bring gauges up to date. */
  beforeScrape(set: () => void): void;
  /** The Prometheus page. */
  page(): Promise<{ readonly type: string; readonly text: string }>;
  readonly registry: Registry;
}

/** The metrics of a process; all start at zero, so that a rate is right from the first event on. */
export function createMetrics(role: Role): Metrics {
  const registry = new Registry();
  const setters: (() => void)[] = [];
  const metrics: Metrics = {
    wakes: 0,
    redeliveries: 0,
    passes: 0,
    folded: 0,
    hydrations: 0,
    aiRequests: 0,
    deadLetters: 0,
    appends: {
      session: tally(APPEND_OUTCOMES),
      signal: tally(APPEND_OUTCOMES),
      action: tally(APPEND_OUTCOMES),
      result: tally(APPEND_OUTCOMES),
    },
    verdicts: tally(VERDICT_CODES),
    locks: tally(LOCK_OUTCOMES),
    tasks: tally(TASK_OUTCOMES),
    timers: tally(TIMER_OUTCOMES),
    actionsExecuted: tally(ACTION_STATUSES),
    snapshots: tally(SNAPSHOT_OUTCOMES),
    publishAck: new LatencyHistogram(),
    messageAck: new LatencyHistogram(),
    cacheSessions: 0,
    actionsSourceLag: 0,
    connected: 0,
    beforeScrape: (set) => void setters.push(set),
    async page() {
      for (const set of setters) set();
      return { type: registry.contentType, text: await registry.metrics() };
    },
    registry,
  };
  registry.setDefaultLabels({ role });
  register(registry, metrics);
  return metrics;
}

/** Adds what Node says of the process itself: CPU, memory, event loop, garbage. Its probes cost a little all the time. */
export function collectProcessMetrics(metrics: Metrics): void {
  collectDefaultMetrics({ register: metrics.registry });
}

function register(registry: Registry, metrics: Metrics): void {
  const count = (name: string, help: string, read: () => number) => counter(registry, name, help, [], [[[], read]]);
  const gauge = (name: string, help: string, read: () => number) => addGauge(registry, name, help, read);
  const tallied = (name: string, help: string, label: string, counts: Tally<string>) =>
    counter(registry, name, help, [label], samplesOf(counts));

  count('riposte_wakes_total', 'Messages that woke a reconciler', () => metrics.wakes);
  count('riposte_redeliveries_total', 'Messages that had been delivered before', () => metrics.redeliveries);
  count('riposte_passes_total', 'Decisions made', () => metrics.passes);
  count('riposte_folded_total', 'Log messages folded', () => metrics.folded);
  count('riposte_hydrations_total', 'Sessions read from a snapshot and the log', () => metrics.hydrations);
  count('riposte_ai_requests_total', 'AiTurnRequests sent', () => metrics.aiRequests);
  count('riposte_dead_letters_total', 'Messages that could not be processed', () => metrics.deadLetters);
  counter(
    registry,
    'riposte_appends_total',
    'Appends to the log',
    ['subject_kind', 'outcome'],
    LOG_KINDS.flatMap((kind) => samplesOf(metrics.appends[kind], kind)),
  );
  tallied('riposte_verdicts_total', 'Verdicts on moves', 'code', metrics.verdicts);
  tallied('riposte_locks_total', 'Dealings with the sys:busy lock', 'outcome', metrics.locks);
  tallied('riposte_tasks_total', 'Deliveries of tasks', 'outcome', metrics.tasks);
  tallied('riposte_timers_total', 'Dealings with timers', 'outcome', metrics.timers);
  tallied('riposte_actions_executed_total', 'Actions with a result', 'status', metrics.actionsExecuted);
  tallied('riposte_snapshots_total', 'Snapshots written behind', 'outcome', metrics.snapshots);
  histogram(registry, 'riposte_publish_ack_seconds', "From a publish to the server's ack", metrics.publishAck);
  histogram(registry, 'riposte_message_ack_seconds', "From a message's arrival to our ack", metrics.messageAck);
  gauge('riposte_cache_sessions', 'Sessions held in memory', () => metrics.cacheSessions);
  gauge('riposte_actions_source_lag', 'Messages that ACTIONS is behind COMBAT', () => metrics.actionsSourceLag);
  gauge('riposte_connected', '1 while there is a connection to NATS', () => metrics.connected);
}

type Sample = readonly [labels: readonly string[], read: () => number];

function samplesOf(counts: Tally<string>, ...before: readonly string[]): Sample[] {
  return Object.keys(counts).map((label): Sample => [[...before, label], () => counts[label]!]);
}

function counter(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  samples: readonly Sample[],
): void {
  new Counter({
    name,
    help,
    labelNames,
    registers: [registry],
    collect() {
      this.reset();
      for (const [labels, read] of samples) this.labels(...labels).inc(read());
    },
  });
}

function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

function histogram(registry: Registry, name: string, help: string, latencies: LatencyHistogram): void {
  // The registry asks a metric for its name and its samples and nothing else; its type names only prom-client's own classes.
  const metric = { name, get: async () => ({ name, help, type: 'histogram', values: latencies.samples(name) }) };
  registry.registerMetric(metric as unknown as Metric);
}

function tally<const Label extends string>(labels: readonly Label[]): Tally<Label> {
  return Object.fromEntries(labels.map((label) => [label, 0])) as Tally<Label>;
}
