/**
 * Owns creating what is missing among streams, buckets and consumers, and telling what is not ours. Idempotent, and safe
 * where several processes start at once. Touches no stream that does not carry our mark in its metadata.
 *
 * Left to provision-consumers.ts: consumers. To provision-api.ts: asking the server, and waiting for one that cannot answer yet.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import {
  type BucketName,
  bucketDefinitions,
  bucketStream,
  type ConsumerName,
  OWNER_KEY,
  type StreamDefinition,
  type StreamOptions,
  streamDefinitions,
} from '#contracts/streams.ts';
import { StartError } from '#process/start-error.ts';
import type { Logger } from './logger.ts';
import { askApi, isShortOfServers, RACES_MAX, type Setup, same, show, standBack } from './provision-api.ts';
import { ensureConsumer } from './provision-consumers.ts';
import { EffectFailed, ServerCode } from './receipt.ts';

/** A bucket is made anew on the way of a wake, which is better given back than held up. */
const RESTORE_WAIT_MS = 5_000;

/** What provisioning is to do. */
export interface ProvisionOptions extends StreamOptions {
  readonly ackWaitMs: number;
  /** Only check: what is missing or cannot work is a StartError; what merely differs is said and left. */
  readonly checkOnly: boolean;
  /** How long a cluster is waited for that cannot answer yet; default: as long as for a server. */
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
  'discard',
  'description',
] as const;
/** Settings a stream of ours must have as defined. */
const ESSENTIAL = ['retention', 'storage', 'max_msgs_per_subject', 'deny_delete', 'deny_purge'] as const;
/**
 * Settings a stream of ours must not have where they are not defined: with each of them whoever may publish a message may do more
 * than write it (remove others, have it expire, have another sent), or it goes where no right has been asked for.
 */
const UNWANTED = [
  'allow_rollup_hdrs',
  'allow_msg_ttl',
  'allow_msg_schedules',
  'allow_msg_counter',
  'sources',
  'republish',
  'subject_transform',
] as const;

/**
 * Creates the streams and buckets that are missing, and the given consumers.
 *
 * @throws StartError in one line where a stream of the same name is not ours or not as it must be, or a subject is taken by another
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
    const { config } = await askApi(setup, `STREAM.INFO.${definition.name}`, undefined);
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
    const info = await askApi(setup, `STREAM.INFO.${name}`, undefined);
    if (info.error === undefined) throw new BucketThere(`bucket ${bucket} does not answer just now`);
    if (info.error.err_code !== ServerCode.STREAM_NOT_FOUND) throw new StartError(`bucket ${bucket} does not answer`);
    const definition = bucketDefinitions(options).find((candidate) => candidate.name === name)!;
    await ensureStream(setup, definition);
    logger.error({ bucket }, 'a bucket had been lost: it has been made anew, and is filled from the log');
  } catch (error) {
    throw error instanceof StartError ? new EffectFailed(error.message) : error;
  }
}

async function ensureStream(setup: Setup, wanted: StreamDefinition): Promise<void> {
  const { checkOnly, replicas } = setup.options;
  for (let race = 0; race < RACES_MAX; race++) {
    const info = await askApi(setup, `STREAM.INFO.${wanted.name}`, undefined);
    if (info.error === undefined) return bringUpToDate(setup, wanted, info.config!);
    if (info.error.err_code !== ServerCode.STREAM_NOT_FOUND) {
      throw new StartError(`stream ${wanted.name}: ${info.error.description}`);
    }
    if (checkOnly) throw new StartError(`stream ${wanted.name} is missing, and PROVISION=off forbids creating it`);
    const made = await askApi(setup, `STREAM.CREATE.${wanted.name}`, wanted);
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
    const { err_code: code } = made.error;
    if (code !== ServerCode.STREAM_NAME_IN_USE && (code !== ServerCode.NO_STORE || race === RACES_MAX - 1)) {
      const why = isShortOfServers(made) ? `REPLICAS=${replicas} needs a cluster of as many servers: ` : '';
      throw new StartError(`stream ${wanted.name} cannot be created: ${why}${made.error.description}`);
    }
    await standBack(race);
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
  const needed = [
    ...ESSENTIAL.filter((setting) => wanted[setting] !== undefined).map(
      (setting) => [setting, wanted[setting]] as const,
    ),
    ...UNWANTED.map((setting) => [setting, wanted[setting] ?? false] as const),
  ];
  for (const [setting, value] of needed) {
    // The server says of much that is off nothing at all.
    const found = config[setting] ?? false;
    if (same(value, found)) continue;
    throw new StartError(`stream ${name} has ${setting} ${show(found)}, and ${show(value)} is needed`);
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
  const updated = await askApi(setup, `STREAM.UPDATE.${name}`, update);
  if (updated.error !== undefined) {
    const why = isShortOfServers(updated) ? `REPLICAS=${options.replicas} needs a cluster of as many servers: ` : '';
    throw new StartError(`stream ${name} cannot be changed: ${why}${updated.error.description}`);
  }
  logger.info({ stream: name, changed }, 'stream changed');
  options.told?.({ ...done, change: 'changed' });
}
