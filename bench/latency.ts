/**
 * Owns the latency part: one exchange at a time on a machine that has nothing else to do, from the second blow to the
 * result; and beside it the two steps it is made of.
 */
import { AckPolicy, jetstreamManager, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import type { BenchOptions } from './options.ts';
import type { PaceReport, RunPace } from './programs/pace.ts';
import { castRoles, openStage, type Run } from './stage.ts';

const STREAM = 'ECHO';
const SUBJECT = 'echo.message';
const CONSUMER = 'echo';
/** Sessions that take turns; the others wait meanwhile. */
const SESSIONS = 10;
/** Exchanges until code is compiled and every session is in the roles' caches. */
const WARM_UP_EXCHANGES = 100;

/** Measures the latency of exchanges at idle. */
export async function measureLatency(run: Run, options: BenchOptions): Promise<PaceReport> {
  const stage = await openStage(run, options);
  await castRoles(run, stage, { collectors: options.collectors, executors: options.executors, profileDir: null });
  const manager = await jetstreamManager(stage.nc);
  await manager.streams.add({
    name: STREAM,
    subjects: [SUBJECT],
    storage: StorageType.File,
    num_replicas: stage.replicas,
    retention: RetentionPolicy.Limits,
  });
  await manager.consumers.add(STREAM, { durable_name: CONSUMER, ack_policy: AckPolicy.Explicit });
  const argument: RunPace = {
    url: stage.url,
    sessions: SESSIONS,
    exchanges: options.exchanges,
    warmUp: Math.min(WARM_UP_EXCHANGES, options.exchanges),
    echo: { stream: STREAM, subject: SUBJECT, consumer: CONSUMER },
  };
  return await run.crew.program('pace', { profileDir: null }).order<PaceReport>('run', argument);
}
