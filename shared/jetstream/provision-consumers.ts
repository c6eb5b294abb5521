/**
 * Owns creating and checking the durable consumers, and the seal of the one that others than its role could alter
 * (docs/adr/0024-the-collectors-consumer-is-sealed.md).
 */
import { randomInt } from 'node:crypto';
import { CONSUMERS, type ConsumerName, OWNER_KEY } from '#contracts/streams.ts';
import { StartError } from '#process/start-error.ts';
import type { Provisioned } from './provision.ts';
import { askApi, RACES_MAX, type Setup, same } from './provision-api.ts';
import { ServerCode } from './receipt.ts';

const NANOS_PER_MS = 1_000_000;
/** Deliveries a consumer may have out at once over all replicas: far above what they work on, far below the server's pain. */
const ACK_PENDING_MAX = 50_000;
/** Forty years of nanoseconds from 1970 on: sixty bits, and all of them before there was a server of this kind. */
const SEAL_YEARS_MS = 40 * 365 * 86_400_000;
const NANOS_DIGITS = 6;

/** Settings of a consumer that may be changed. */
const CONSUMER_SETTINGS = ['ack_wait', 'max_ack_pending', 'filter_subject', 'filter_subjects'] as const;

/** Creates a durable consumer where it is missing, and brings its settings up to date. */
export async function ensureConsumer(setup: Setup, name: ConsumerName): Promise<void> {
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
  const info = await askApi(setup, `CONSUMER.INFO.${stream}.${name}`, undefined);
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
  const made = await askApi(setup, `CONSUMER.CREATE.${stream}.${name}`, {
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

/** What makes a consumer that is there the same consumer: its seal, or that it was made without one. */
function sealOf(config: Record<string, unknown> = {}): object {
  const { deliver_policy, opt_start_time } = config;
  return { deliver_policy, opt_start_time };
}
