/**
 * Owns creating what is missing among streams, buckets and consumers, and telling what is not ours. Idempotent, and safe
 * where several processes start at once. Touches no stream that does not carry our mark in its metadata.
 */
import type { NatsConnection } from '@nats-io/transport-node';
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
import { EffectFailed, ServerCode } from './receipt.ts';

const API_TIMEOUT_MS = 15_000;
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
  for (const definition of [...streamDefinitions(options), ...bucketDefinitions(options)]) {
    await ensureStream(nc, definition, options.checkOnly, logger);
  }
  for (const name of consumers) await ensureConsumer(nc, name, options, logger);
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
  try {
    const info = await api(nc, `STREAM.INFO.${name}`, undefined);
    if (info.error === undefined) throw new BucketThere(`bucket ${bucket} does not answer just now`);
    if (info.error.err_code !== ServerCode.STREAM_NOT_FOUND) throw new StartError(`bucket ${bucket} does not answer`);
    const definition = bucketDefinitions(options).find((candidate) => candidate.name === name)!;
    await ensureStream(nc, definition, options.checkOnly, logger);
    logger.error({ bucket }, 'a bucket had been lost: it has been made anew, and is filled from the log');
  } catch (error) {
    throw error instanceof StartError ? new EffectFailed(error.message) : error;
  }
}

/** Creates a durable consumer where it is missing, and brings its settings up to date. */
async function ensureConsumer(
  nc: NatsConnection,
  name: ConsumerName,
  options: ProvisionOptions,
  logger: Logger,
): Promise<void> {
  const { stream, filters } = CONSUMERS[name];
  const wanted = {
    durable_name: name,
    name,
    filter_subjects: filters.length > 1 ? filters : undefined,
    filter_subject: filters.length === 1 ? filters[0] : undefined,
    ack_policy: 'explicit',
    deliver_policy: 'all',
    ack_wait: options.ackWaitMs * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: ACK_PENDING_MAX,
    metadata: { [OWNER_KEY]: '1' },
  };
  const info = await api(nc, `CONSUMER.INFO.${stream}.${name}`, undefined);
  if (info.error === undefined) {
    const settings = ['ack_wait', 'max_ack_pending', 'filter_subject', 'filter_subjects'] as const;
    const upToDate = settings.every((setting) => same(wanted[setting], info.config?.[setting]));
    if (upToDate || options.checkOnly) return;
  } else if (info.error.err_code !== ServerCode.CONSUMER_NOT_FOUND) {
    throw new StartError(`consumer ${name} of ${stream}: ${info.error.description}`);
  } else if (options.checkOnly) {
    throw new StartError(`consumer ${name} of ${stream} is missing, and PROVISION=off forbids creating it`);
  }
  const made = await api(nc, `CONSUMER.CREATE.${stream}.${name}`, { stream_name: stream, config: wanted, action: '' });
  if (made.error !== undefined) throw new StartError(`consumer ${name} of ${stream}: ${made.error.description}`);
  logger.debug({ consumer: name, stream }, 'consumer ready');
}

async function ensureStream(
  nc: NatsConnection,
  wanted: StreamDefinition,
  checkOnly: boolean,
  logger: Logger,
): Promise<void> {
  for (let race = 0; race < RACES_MAX; race++) {
    const info = await api(nc, `STREAM.INFO.${wanted.name}`, undefined);
    if (info.error === undefined) return bringUpToDate(nc, wanted, info.config ?? {}, checkOnly, logger);
    if (info.error.err_code !== ServerCode.STREAM_NOT_FOUND) {
      throw new StartError(`stream ${wanted.name}: ${info.error.description}`);
    }
    if (checkOnly) throw new StartError(`stream ${wanted.name} is missing, and PROVISION=off forbids creating it`);
    const made = await api(nc, `STREAM.CREATE.${wanted.name}`, wanted);
    if (made.error === undefined) {
      logger.info({ stream: wanted.name }, 'stream created');
      return;
    }
    if (made.error.err_code === ServerCode.SUBJECTS_OVERLAP) {
      throw new StartError(
        `stream ${wanted.name} cannot be created: another stream already takes some of ${wanted.subjects?.join(', ')}`,
      );
    }
    if (made.error.err_code !== ServerCode.STREAM_NAME_IN_USE) {
      throw new StartError(`stream ${wanted.name} cannot be created: ${made.error.description}`);
    }
  }
  throw new StartError(`stream ${wanted.name}: others keep creating and removing it`);
}

async function bringUpToDate(
  nc: NatsConnection,
  wanted: StreamDefinition,
  config: Record<string, unknown>,
  checkOnly: boolean,
  logger: Logger,
): Promise<void> {
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
  const changed = CHANGEABLE.filter(
    (setting) => wanted[setting] !== undefined && !same(wanted[setting], config[setting]),
  );
  if (changed.length === 0) return;
  if (checkOnly) {
    logger.warn({ stream: name, changed }, 'stream differs from the environment; PROVISION=off leaves it');
    return;
  }
  const update = { ...config, ...Object.fromEntries(changed.map((setting) => [setting, wanted[setting]])) };
  const updated = await api(nc, `STREAM.UPDATE.${name}`, update);
  if (updated.error !== undefined)
    throw new StartError(`stream ${name} cannot be changed: ${updated.error.description}`);
  logger.info({ stream: name, changed }, 'stream changed');
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
const same = (left: unknown, right: unknown): boolean => show(left) === show(right);

type ApiAnswer = {
  readonly config?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
};

async function api(nc: NatsConnection, path: string, body: unknown): Promise<ApiAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  try {
    return (await nc.request(`$JS.API.${path}`, payload, { timeout: API_TIMEOUT_MS })).json<ApiAnswer>();
  } catch (error) {
    throw new StartError(
      `JetStream does not answer ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
