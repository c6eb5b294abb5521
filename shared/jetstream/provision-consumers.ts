/**
 * Owns creating and checking the durable consumers, making those anew that stand where no message reaches them (I6;
 * docs/adr/0030-a-consumer-beyond-the-end-is-made-anew.md), and the seal of the one that others than its role could alter
 * (docs/adr/0024-the-collectors-consumer-is-sealed.md).
 */
import { randomInt } from 'node:crypto';
import { CONSUMERS, type ConsumerName, OWNER_KEY } from '#contracts/streams.ts';
import { StartError } from '#process/start-error.ts';
import { type ConsumerPlace, isBeyondEnd } from './beyond-end.ts';
import { type ApiAnswer, askApi, RACES_MAX, type Setup, same, show, standBack } from './provision-api.ts';
import { ServerCode } from './receipt.ts';

const NANOS_PER_MS = 1_000_000;
/** Deliveries a consumer may have out at once over all replicas: far above what they work on, far below the server's pain. */
const ACK_PENDING_MAX = 50_000;
/** Forty years of nanoseconds from 1970 on: sixty bits, and all of them before there was a server of this kind. */
const SEAL_YEARS_MS = 40 * 365 * 86_400_000;
const NANOS_DIGITS = 6;

/** Settings without which no wake, or not every one, comes to whoever takes from the consumer. */
const ESSENTIAL = ['filters', 'ack_policy', 'max_deliver'] as const;
/** Settings that merely differ. */
const CHANGEABLE = ['ack_wait', 'max_ack_pending'] as const;

type Settings = Readonly<Record<string, unknown>>;

/** Creates a durable consumer where it is missing, and brings its settings up to date. */
export async function ensureConsumer(setup: Setup, name: ConsumerName): Promise<void> {
  for (let race = 0; race < RACES_MAX; race++) {
    if (await tryConsumer(setup, name)) return;
    await standBack(race);
  }
  throw new StartError(`consumer ${name} of ${CONSUMERS[name].stream}: others keep creating and removing it`);
}

/** False where another process has made it in the meantime, or it has to be made anew. */
async function tryConsumer(setup: Setup, name: ConsumerName): Promise<boolean> {
  const { stream, sealed } = CONSUMERS[name];
  const info = await askApi(setup, `CONSUMER.INFO.${stream}.${name}`, undefined);
  if (info.error === undefined) {
    if (await isBeyondEnd(info, () => askApi(setup, `STREAM.INFO.${stream}`, undefined))) {
      await remove(setup, name, info);
      return false;
    }
    await bringUpToDate(setup, name, info.config!);
    return true;
  }
  if (info.error.err_code !== ServerCode.CONSUMER_NOT_FOUND) {
    throw new StartError(`consumer ${name} of ${stream}: ${info.error.description}`);
  }
  if (setup.options.checkOnly) {
    throw new StartError(`consumer ${name} of ${stream} is missing, and PROVISION=off forbids creating it`);
  }
  const begin = sealed ? newSeal() : { deliver_policy: 'all' };
  const made = await create(setup, name, begin);
  if (made.error?.err_code === ServerCode.CONSUMER_CANNOT_CHANGE) return false;
  if (made.error !== undefined) throw new StartError(`consumer ${name} of ${stream}: ${made.error.description}`);
  setup.options.told?.({ kind: 'consumer', name, change: 'created', settings: [] });
  return true;
}

/**
 * Takes away a consumer that stands beyond the end of its stream, where no message reaches it. The one that is made in its place begins
 * at the start: wakes come again, and find nothing to do.
 */
async function remove(setup: Setup, name: ConsumerName, seen: ConsumerPlace): Promise<void> {
  const { stream } = CONSUMERS[name];
  const what = `consumer ${name} of ${stream} stands beyond the end of its stream, and nothing wakes its role`;
  if (setup.options.checkOnly) throw new StartError(`${what}: PROVISION=off forbids making it anew`);
  // Another may have been here first, and what stands there now is well.
  const now = await askApi(setup, `CONSUMER.INFO.${stream}.${name}`, undefined);
  if (now.created !== seen.created || !same(now.delivered, seen.delivered)) return;
  const removed = await askApi(setup, `CONSUMER.DELETE.${stream}.${name}`, undefined);
  if (removed.error !== undefined && removed.error.err_code !== ServerCode.CONSUMER_NOT_FOUND)
    throw new StartError(`${what}, and cannot be made anew: ${removed.error.description}`);
  setup.logger.error({ consumer: name, stream }, `${what}: it is made anew, and begins at the start`);
}

async function bringUpToDate(setup: Setup, name: ConsumerName, config: Settings): Promise<void> {
  const { options, logger } = setup;
  const { stream, sealed } = CONSUMERS[name];
  const [wanted, found] = [compared(settingsOf(setup, name)), compared(config)];
  const differing = (settings: readonly string[]) => settings.filter((one) => !same(wanted[one], found[one]));
  const [wrong, changed] = [differing(ESSENTIAL), differing(CHANGEABLE)];
  // The loss of wakes is not seen by anybody; the warning of another ACK_WAIT would be.
  const [setting] = wrong;
  if (options.checkOnly && setting !== undefined) {
    const is = `consumer ${name} of ${stream} has ${setting} ${show(found[setting])}, and ${show(wanted[setting])} is needed`;
    throw new StartError(`${is}: PROVISION=off forbids changing it`);
  }
  if (sealed && !isSealed(config)) {
    const reason =
      `whoever may create consumers on ${stream} may alter it. To have it sealed, delete it and provision again: ` +
      'nothing is lost, since the new one begins at the start of the log, and wakes that come again find nothing to do';
    logger.warn({ consumer: name, stream, reason }, `consumer ${name} has no seal`);
  }
  const settings = [...wrong, ...changed];
  if (settings.length === 0) return options.told?.({ kind: 'consumer', name, change: 'unchanged', settings });
  if (options.checkOnly) {
    logger.warn({ consumer: name, changed }, 'consumer differs from the environment; PROVISION=off leaves it');
    return;
  }
  const made = await create(setup, name, beginOf(config));
  if (made.error !== undefined) throw new StartError(`consumer ${name} of ${stream}: ${made.error.description}`);
  options.told?.({ kind: 'consumer', name, change: 'changed', settings });
}

/** Creates a consumer, or changes the one that is there: to the server it is the same request. */
async function create(setup: Setup, name: ConsumerName, begin: object): Promise<ApiAnswer> {
  const { stream } = CONSUMERS[name];
  const config = { ...settingsOf(setup, name), ...begin };
  const made = await askApi(setup, `CONSUMER.CREATE.${stream}.${name}`, { stream_name: stream, config, action: '' });
  if (made.error === undefined) setup.logger.debug({ consumer: name, stream }, 'consumer ready');
  return made;
}

/** What a consumer is to be like, but for where it begins. */
function settingsOf({ options }: Setup, name: ConsumerName): Settings {
  const { filters } = CONSUMERS[name];
  return {
    durable_name: name,
    name,
    ...(filters.length > 1 ? { filter_subjects: filters } : { filter_subject: filters[0] }),
    ack_policy: 'explicit',
    ack_wait: options.ackWaitMs * NANOS_PER_MS,
    max_deliver: -1,
    max_ack_pending: ACK_PENDING_MAX,
    metadata: { [OWNER_KEY]: '1' },
  };
}

/** Settings with their filters as one list: the server has one filter under another name than several, and in any order. */
function compared(config: Settings): Settings {
  const { filter_subject: one, filter_subjects: several = [] } = config;
  const filters = [...(several as string[]), ...(one === undefined ? [] : [one as string])].sort();
  return { ...config, filters };
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

const isSealed = ({ deliver_policy }: Settings): boolean => deliver_policy === 'by_start_time';

/** What makes a consumer that is there the same consumer: its seal, or that it was made without one. */
function beginOf({ deliver_policy, opt_start_time, opt_start_seq }: Settings): object {
  return { deliver_policy, opt_start_time, opt_start_seq };
}
