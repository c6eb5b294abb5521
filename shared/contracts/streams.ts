/**
 * Owns the definition of every stream, bucket and durable consumer, in the field names of the server's own API, so that
 * provisioning, rights and documentation read one list. A stream is one Raft group; if sessions are ever spread over
 * several logs, this file and subjects.ts are the only ones to know.
 */
import { MESSAGE_MAX_BYTES } from './limits.ts';
import {
  AI_TURN_FILTER,
  bucketSubject,
  DEAD_FILTER,
  EXECUTOR_BATCH_FILTER,
  logFilter,
  TIMER_DUE_FILTER,
  TIMER_SET_FILTER,
} from './subjects.ts';

const NANOS_PER_MS = 1_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Redelivered publishes are told by their Msg-Id for this long: longer than any role's redelivery, and than 30 s of a bot's silence. */
const DUPLICATE_WINDOW_MS = 120_000;

/** Marks what we created: provisioning touches no stream without it. */
export const OWNER_KEY = 'riposte';
const metadata = { [OWNER_KEY]: '1' };

/** What an operator may choose about the streams. */
export type StreamOptions = {
  readonly replicas: number;
  readonly logMaxAgeMs: number;
  /** Of COMBAT; -1 is unlimited. */
  readonly logMaxBytes: number;
};

/** The log of every session. */
export const COMBAT = 'COMBAT';
/** The actions alone, for those who may not see the log. */
export const ACTIONS = 'ACTIONS';
/** Work for executors and AI workers. */
export const TASKS = 'TASKS';
/** One timer a session. */
export const TIMERS = 'TIMERS';
/** Dead letters. */
export const DEAD = 'DEAD';
/** The name of a stream. */
export type StreamName = typeof COMBAT | typeof ACTIONS | typeof TASKS | typeof TIMERS | typeof DEAD;

export const SESSIONS_BUCKET = 'sessions';
export const BATTLES_BUCKET = 'battles';
export const LOCKS_BUCKET = 'locks';
export type BucketName = typeof SESSIONS_BUCKET | typeof BATTLES_BUCKET | typeof LOCKS_BUCKET;

/** The stream in which a bucket lives. */
export const bucketStream = (bucket: BucketName): `KV_${BucketName}` => `KV_${bucket}`;

/** Snapshots of a closed session are kept for this long. */
export const CLOSED_SNAPSHOT_TTL_S = 24 * 3600;

/** A stream's configuration in the server's own words. */
export type StreamDefinition = {
  readonly name: string;
  readonly subjects?: readonly string[];
  readonly [setting: string]: unknown;
};

/** The five streams, in the order in which they can be created: ACTIONS is sourced from COMBAT. */
export function streamDefinitions(options: StreamOptions): readonly StreamDefinition[] {
  const common = { storage: 'file', num_replicas: options.replicas, metadata } as const;
  return [
    {
      ...common,
      name: COMBAT,
      description: 'The log of every session',
      subjects: [logFilter('session'), logFilter('signal'), logFilter('action'), logFilter('result')],
      retention: 'limits',
      discard: 'old',
      max_age: options.logMaxAgeMs * NANOS_PER_MS,
      max_bytes: options.logMaxBytes,
      max_msg_size: MESSAGE_MAX_BYTES,
      duplicate_window: DUPLICATE_WINDOW_MS * NANOS_PER_MS,
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
      allow_rollup_hdrs: false,
    },
    {
      ...common,
      name: ACTIONS,
      description: 'The CombatAction events alone: the public record',
      retention: 'limits',
      discard: 'old',
      max_age: 30 * DAY_MS * NANOS_PER_MS,
      compression: 's2',
      allow_direct: true,
      deny_delete: true,
      deny_purge: true,
      allow_rollup_hdrs: false,
      sources: [{ name: COMBAT, filter_subject: logFilter('action') }],
    },
    {
      ...common,
      name: TASKS,
      description: 'Batches to execute and turns to take',
      subjects: [EXECUTOR_BATCH_FILTER, AI_TURN_FILTER],
      retention: 'workqueue',
      discard: 'old',
      duplicate_window: DUPLICATE_WINDOW_MS * NANOS_PER_MS,
      max_msg_size: MESSAGE_MAX_BYTES,
      allow_direct: true,
      allow_rollup_hdrs: false,
    },
    {
      ...common,
      name: TIMERS,
      description: 'One schedule a session, and what it has fired',
      subjects: [TIMER_SET_FILTER, TIMER_DUE_FILTER],
      retention: 'workqueue',
      discard: 'old',
      max_msg_size: MESSAGE_MAX_BYTES,
      allow_direct: true,
      allow_msg_schedules: true,
      // The server turns it on by itself: a schedule that has fired is taken away by it.
      allow_rollup_hdrs: true,
    },
    {
      ...common,
      name: DEAD,
      description: 'What could not be processed, whole, with the reason',
      subjects: [DEAD_FILTER],
      retention: 'limits',
      discard: 'old',
      max_age: 30 * DAY_MS * NANOS_PER_MS,
      duplicate_window: DUPLICATE_WINDOW_MS * NANOS_PER_MS,
      allow_direct: true,
      allow_rollup_hdrs: false,
    },
  ];
}

/**
 * The three buckets, as the streams they live in. Locks are on file: a memory stream is gone after a restart. Snapshots may
 * be purged by the means of any KV client, since losing them all loses nothing (I1); locks only expire.
 */
export function bucketDefinitions(options: StreamOptions): readonly StreamDefinition[] {
  const bucket = (name: BucketName, description: string, maxAgeMs: number, allowPurge: boolean): StreamDefinition => ({
    name: bucketStream(name),
    description,
    subjects: [bucketSubject(name, '>')],
    storage: 'file',
    num_replicas: options.replicas,
    metadata,
    retention: 'limits',
    discard: 'new',
    max_msgs_per_subject: 1,
    max_age: maxAgeMs * NANOS_PER_MS,
    allow_direct: true,
    allow_msg_ttl: true,
    deny_delete: true,
    allow_rollup_hdrs: allowPurge,
  });
  return [
    bucket(SESSIONS_BUCKET, 'Light snapshots: where the fold of a session starts', options.logMaxAgeMs, true),
    bucket(BATTLES_BUCKET, 'Heavy snapshots: where the fold of a battle starts', options.logMaxAgeMs, true),
    bucket(LOCKS_BUCKET, 'sys:busy, one key a session', 0, false),
  ];
}

/**
 * Durable consumers, shared by all replicas of a role. One is sealed where others than its role may create consumers on its
 * stream: they must not be able to alter it.
 */
export const CONSUMERS = {
  collector: { stream: COMBAT, filters: [logFilter('signal'), logFilter('session')], sealed: true },
  timers: { stream: TIMERS, filters: [TIMER_DUE_FILTER], sealed: false },
  executor: { stream: TASKS, filters: [EXECUTOR_BATCH_FILTER], sealed: false },
  ai: { stream: TASKS, filters: [AI_TURN_FILTER], sealed: false },
} as const satisfies Record<string, { stream: StreamName; filters: readonly string[]; sealed: boolean }>;
/** The name of a durable consumer of ours. */
export type ConsumerName = keyof typeof CONSUMERS;

/** The header of a dead letter that says why it is one. */
export const REASON_HEADER = 'Riposte-Reason';
/** The header of a dead letter that says where it came from. */
export const ORIGIN_HEADER = 'Riposte-Origin';
