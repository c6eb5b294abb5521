/**
 * Owns creating what is missing among streams, buckets and consumers, and telling what is not ours. Idempotent, and safe
 * where several processes start at once. Touches no stream that does not carry our mark in its metadata.
 */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsConnection, TimeoutError } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import {
  type BucketName,
  bucketDefinitions,
  bucketStream,
  CONSUMERS,
  type ConsumerName,
  OWNER_KEY,
  type StreamDefinition,
  type StreamOptions,
  streamDefinitions,
} from '#contracts/streams.ts';
import { StartError } from '#process/start-error.ts';
import { EffectFailed, SERVICE_UNAVAILABLE, ServerCode } from './receipt.ts';
import { isNoResponders } from './stored-message.ts';

/** A request that nobody has answered by then went to a leader that has died, or was made before there was one. */
const API_TRY_MS = 2_000;
const API_PAUSE_MS = 250;
/** How long a cluster is waited for that is still finding its servers or electing leaders; as long as for a server. */
const CLUSTER_WAIT_MS = 60_000;
const CLUSTER_WAIT_LINE_MS = 5_000;
/** A bucket is made anew on the way of a wake, which is better given back than held up. */
const RESTORE_WAIT_MS = 5_000;
const NANOS_PER_MS = 1_000_000;
/** Deliveries a consumer may have out at once over all replicas: far above what they work on, far below the server's pain. */
const ACK_PENDING_MAX = 50_000;
/** Creating what another process creates at the same moment is tried again so often. */
const RACES_MAX = 5;

/** What provisioning is to do. */
export interface ProvisionOptions extends StreamOptions {
  readonly ackWaitMs: number;
  /** Only check: what is missing or cannot work is a StartError; what merely differs is said and left. */
  readonly checkOnly: boolean;
  /** How long a cluster is waited for that cannot answer yet; default CLUSTER_WAIT_MS. */
  readonly waitMs?: number;
  /** Told of each stream, bucket and consumer when it is as it should be. */
  readonly told?: (done: Provisioned) => void;
}

/** A stream, bucket or consumer that is as it should be, and what that took. */
export interface Provisioned {
  readonly kind: 'stream' | 'consumer';
  readonly name: string;
  readonly change: 'created' | 'changed' | 'unchanged';
  /** The settings that were changed. */
  readonly settings: readonly string[];
}

/** Settings that may be changed on a stream that is ours; any other difference is a StartError. */
const CHANGEABLE = [
  'max_age',
  'max_bytes',
  'num_replicas',
  'duplicate_window',
  'max_msg_size',
  'allow_direct',
  'description',
] as const;
/** Settings a stream of ours must have as defined. */
const ESSENTIAL = ['retention', 'storage', 'allow_msg_schedules', 'allow_msg_ttl', 'max_msgs_per_subject'] as const;

/**
 * Creates the streams and buckets that are missing, and the given consumers.
 *
 * @throws StartError in one line where a stream of the same name is not ours, or a subject is taken by another stream
 */
export async function provision(
  nc: NatsConnection,
  consumers: readonly ConsumerName[],
  options: ProvisionOptions,
  logger: Logger,
): Promise<void> {
  const setup: Setup = { nc, options, logger };
  const definitions = [...streamDefinitions(options), ...bucketDefinitions(options)];
  // All that is there is looked at first: on a server that cannot be used nothing is left behind.
  for (const definition of definitions) {
    const { config } = await api(setup, `STREAM.INFO.${definition.name}`, undefined);
    if (config !== undefined) requireOurs(definition, config);
  }
  for (const definition of definitions) await ensureStream(setup, definition);
  for (const name of consumers) await ensureConsumer(setup, name);
}

/** A bucket that was taken for lost is there. */
export class BucketThere extends EffectFailed {}

/**
 * Makes a bucket anew that has been lost while running. One that is there and does not answer just now is left alone: to
 * take it for lost would be to forget the sessions that rest on their snapshots.
 */
export async function restoreBucket(
  nc: NatsConnection,
  bucket: BucketName,
  options: ProvisionOptions,
  logger: Logger,
): Promise<void> {
  const name = bucketStream(bucket);
  const setup: Setup = { nc, options: { ...options, waitMs: RESTORE_WAIT_MS }, logger };
  try {
    const info = await api(setup, `STREAM.INFO.${name}`, undefined);
    if (info.error === undefined) throw new BucketThere(`bucket ${bucket} does not answer just now`);
    if (info.error.err_code !== ServerCode.STREAM_NOT_FOUND) throw new StartError(`bucket ${bucket} does not answer`);
    const definition = bucketDefinitions(options).find((candidate) => candidate.name === name)!;
    await ensureStream(setup, definition);
    logger.error({ bucket }, 'a bucket had been lost: it has been made anew, and is filled from the log');
  } catch (error) {
    throw error instanceof StartError ? new EffectFailed(error.message) : error;
  }
}

/** What provisioning works with. */
interface Setup {
  readonly nc: NatsConnection;
  readonly options: ProvisionOptions;
  readonly logger: Logger;
}

/** Settings of a consumer that may be changed. */
const CONSUMER_SETTINGS = ['ack_wait', 'max_ack_pending', 'filter_subject', 'filter_subjects'] as const;

/** Creates a durable consumer where it is missing, and brings its settings up to date. */
async function ensureConsumer(setup: Setup, name: ConsumerName): Promise<void> {
  for (let race = 0; race < RACES_MAX; race++) if (await tryConsumer(setup, name)) return;
  throw new StartError(`consumer ${name} of ${CONSUMERS[name].stream}: others keep creating and removing it`);
}

/** False where another process has made it in the meantime. */
async function tryConsumer(setup: Setup, name: ConsumerName): Promise<boolean> {
  const { options, logger } = setup;
  const { stream, filters, sealed } = CONSUMERS[name];
  const wanted = {
    durable_name: name,
    name,
    filter_subjects: filters.length > 1 ? filters : undefined,
    filter_subject: filters.length === 1 ? filters[0] : undefined,
    ack_policy: 'explicit',
    ...(sealed ? newSeal() : { deliver_policy: 'all' }),
    ack_wait: options.ackWaitMs * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: ACK_PENDING_MAX,
    metadata: { [OWNER_KEY]: '1' },
  };
  const info = await api(setup, `CONSUMER.INFO.${stream}.${name}`, undefined);
  let change: Provisioned['change'] = 'created';
  let settings: readonly string[] = [];
  if (info.error === undefined) {
    settings = CONSUMER_SETTINGS.filter((setting) => !same(wanted[setting], info.config?.[setting]));
    change = settings.length > 0 ? 'changed' : 'unchanged';
    if (change === 'unchanged' || options.checkOnly) {
      options.told?.({ kind: 'consumer', name, change: 'unchanged', settings: [] });
      return true;
    }
    Object.assign(wanted, sealOf(info.config));
  } else if (info.error.err_code !== ServerCode.CONSUMER_NOT_FOUND) {
    throw new StartError(`consumer ${name} of ${stream}: ${info.error.description}`);
  } else if (options.checkOnly) {
    throw new StartError(`consumer ${name} of ${stream} is missing, and PROVISION=off forbids creating it`);
  }
  const made = await api(setup, `CONSUMER.CREATE.${stream}.${name}`, {
    stream_name: stream,
    config: wanted,
    action: '',
  });
  if (made.error?.err_code === ServerCode.CONSUMER_CANNOT_CHANGE && change === 'created') return false;
  if (made.error !== undefined) throw new StartError(`consumer ${name} of ${stream}: ${made.error.description}`);
  logger.debug({ consumer: name, stream }, 'consumer ready');
  options.told?.({ kind: 'consumer', name, change, settings });
  return true;
}

/**
 * A sealed consumer begins at a time long before its stream, which is the same as at its beginning. That time is drawn by
 * chance, no two consumers with different ones are the same to the server, and it lets nobody change it: whoever may create
 * consumers and cannot look at this one cannot alter it either (docs/adr/0024-the-collectors-consumer-is-sealed.md).
 */
function newSeal(): { deliver_policy: string; opt_start_time: string } {
  const nanos = String(randomInt(NANOS_PER_MS)).padStart(NANOS_DIGITS, '0');
  const toTheMs = new Date(randomInt(SEAL_YEARS_MS)).toISOString();
  return { deliver_policy: 'by_start_time', opt_start_time: toTheMs.replace('Z', `${nanos}Z`) };
}

/** Forty years of nanoseconds from 1970 on: sixty bits, and all of them before there was a server of this kind. */
const SEAL_YEARS_MS = 40 * 365 * 86_400_000;
const NANOS_DIGITS = 6;

/** What makes a consumer that is there the same consumer: its seal, or that it was made without one. */
function sealOf(config: Record<string, unknown> = {}): object {
  const { deliver_policy, opt_start_time } = config;
  return { deliver_policy, opt_start_time };
}

async function ensureStream(setup: Setup, wanted: StreamDefinition): Promise<void> {
  const { checkOnly, replicas } = setup.options;
  for (let race = 0; race < RACES_MAX; race++) {
    const info = await api(setup, `STREAM.INFO.${wanted.name}`, undefined);
    if (info.error === undefined) return bringUpToDate(setup, wanted, info.config ?? {});
    if (info.error.err_code !== ServerCode.STREAM_NOT_FOUND) {
      throw new StartError(`stream ${wanted.name}: ${info.error.description}`);
    }
    if (checkOnly) throw new StartError(`stream ${wanted.name} is missing, and PROVISION=off forbids creating it`);
    const made = await api(setup, `STREAM.CREATE.${wanted.name}`, wanted);
    if (made.error === undefined) {
      setup.logger.info({ stream: wanted.name }, 'stream created');
      setup.options.told?.({ kind: 'stream', name: wanted.name, change: 'created', settings: [] });
      return;
    }
    if (made.error.err_code === ServerCode.SUBJECTS_OVERLAP) {
      throw new StartError(
        `stream ${wanted.name} cannot be created: another stream already takes some of ${wanted.subjects?.join(', ')}`,
      );
    }
    if (made.error.err_code !== ServerCode.STREAM_NAME_IN_USE) {
      const why = isShortOfServers(made) ? `REPLICAS=${replicas} needs a cluster of as many servers: ` : '';
      throw new StartError(`stream ${wanted.name} cannot be created: ${why}${made.error.description}`);
    }
  }
  throw new StartError(`stream ${wanted.name}: others keep creating and removing it`);
}

/** A stream that is there must be ours, and such as can be brought up to date. */
function requireOurs(wanted: StreamDefinition, config: Record<string, unknown>): void {
  const { name } = wanted;
  const marks = config.metadata as Record<string, string> | undefined;
  if (marks?.[OWNER_KEY] === undefined) {
    throw new StartError(`a stream ${name} exists that is not Riposte's: use another account or server, or remove it`);
  }
  for (const setting of ESSENTIAL) {
    if (wanted[setting] === undefined || same(wanted[setting], config[setting])) continue;
    throw new StartError(
      `stream ${name} has ${setting} ${show(config[setting])}, and ${show(wanted[setting])} is needed`,
    );
  }
  const subjects = config.subjects as string[] | undefined;
  if (!same([...(wanted.subjects ?? [])].sort(), [...(subjects ?? [])].sort())) {
    throw new StartError(`stream ${name} takes ${show(subjects)}, and ${show(wanted.subjects)} is needed`);
  }
}

async function bringUpToDate(setup: Setup, wanted: StreamDefinition, config: Record<string, unknown>): Promise<void> {
  const { options, logger } = setup;
  const { name } = wanted;
  requireOurs(wanted, config);
  const changed = CHANGEABLE.filter(
    (setting) => wanted[setting] !== undefined && !same(wanted[setting], config[setting]),
  );
  const done = { kind: 'stream', name, settings: changed } as const;
  if (changed.length === 0) return options.told?.({ ...done, change: 'unchanged' });
  if (options.checkOnly) {
    logger.warn({ stream: name, changed }, 'stream differs from the environment; PROVISION=off leaves it');
    return;
  }
  const update = { ...config, ...Object.fromEntries(changed.map((setting) => [setting, wanted[setting]])) };
  const updated = await api(setup, `STREAM.UPDATE.${name}`, update);
  if (updated.error !== undefined) {
    const why = isShortOfServers(updated) ? `REPLICAS=${options.replicas} needs a cluster of as many servers: ` : '';
    throw new StartError(`stream ${name} cannot be changed: ${why}${updated.error.description}`);
  }
  logger.info({ stream: name, changed }, 'stream changed');
  options.told?.({ ...done, change: 'changed' });
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
const same = (left: unknown, right: unknown): boolean => show(left) === show(right);

type ApiAnswer = {
  readonly config?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
};

/** There are too few servers, or they have not found each other yet. */
function isShortOfServers({ error }: ApiAnswer): boolean {
  return error?.err_code === ServerCode.NO_PEERS || error?.err_code === ServerCode.REPLICAS_NOT_CLUSTERED;
}

/** What a cluster says that will be able to do as it is asked when it has found itself. */
function isForming(answer: ApiAnswer): boolean {
  const { error } = answer;
  return error?.code === SERVICE_UNAVAILABLE || error?.err_code === ServerCode.NO_PEERS;
}

/**
 * Asks the JetStream API, and asks again while a cluster has nobody to answer: all that is asked here may be asked twice.
 */
async function api({ nc, options, logger }: Setup, path: string, body: unknown): Promise<ApiAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const startedMs = performance.now();
  const waitMs = options.waitMs ?? CLUSTER_WAIT_MS;
  let sayAtMs = CLUSTER_WAIT_LINE_MS;
  for (;;) {
    let reason: string;
    try {
      const answer = (await nc.request(`$JS.API.${path}`, payload, { timeout: API_TRY_MS })).json<ApiAnswer>();
      if (!isForming(answer) || performance.now() - startedMs > waitMs) return answer;
      reason = answer.error?.description ?? 'it is not available';
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      const passing = error instanceof TimeoutError || isNoResponders(error);
      if (!passing || nc.isClosed() || performance.now() - startedMs > waitMs) {
        throw new StartError(`JetStream does not answer ${path}: ${reason}`);
      }
    }
    const waitedMs = Math.round(performance.now() - startedMs);
    if (waitedMs >= sayAtMs) {
      logger.warn({ path, reason, waitedMs }, 'waiting for JetStream');
      sayAtMs = waitedMs + CLUSTER_WAIT_LINE_MS;
    }
    await sleep(API_PAUSE_MS);
  }
}
