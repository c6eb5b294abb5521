/**
 * Owns creating and checking the durable consumers, with two secrets that the server keeps for us:
 *   - the seal of the one that others than its role could alter (docs/adr/0024-the-collectors-consumer-is-sealed.md);
 *   - the group that requests for messages have to name (docs/adr/0027-requests-for-messages-name-a-secret-group.md).
 */
import { randomBytes, randomInt } from 'node:crypto';
import { CONSUMERS, type ConsumerName, OWNER_KEY } from '#contracts/streams.ts';
import { StartError } from '#process/start-error.ts';
import { type ApiAnswer, askApi, RACES_MAX, type Setup, same, show } from './provision-api.ts';
import { ServerCode } from './receipt.ts';

const NANOS_PER_MS = 1_000_000;
/** Deliveries a consumer may have out at once over all replicas: far above what they work on, far below the server's pain. */
const ACK_PENDING_MAX = 50_000;
/** Forty years of nanoseconds from 1970 on: sixty bits, and all of them before there was a server of this kind. */
const SEAL_YEARS_MS = 40 * 365 * 86_400_000;
const NANOS_DIGITS = 6;
/** The server takes names of groups of up to sixteen characters: in base64 these are ninety-six bits. */
const GROUP_BYTES = 12;
/** Of the policies for groups the one that changes nothing for requests which ask for nothing special. */
const GROUP_POLICY = 'overflow';

/** Settings without which no wake, or not every one, comes to whoever takes from the consumer. */
const ESSENTIAL = ['filters', 'ack_policy', 'max_deliver'] as const;
/** Settings that merely differ. */
const CHANGEABLE = ['ack_wait', 'max_ack_pending'] as const;
const GROUPING = ['priority_groups', 'priority_policy'] as const;

type Settings = Readonly<Record<string, unknown>>;

/** The group that requests to a durable consumer have to name; null where it asks for none. */
export type PullGroup = string | null;

/** Creates a durable consumer where it is missing, and brings its settings up to date. */
export async function ensureConsumer(setup: Setup, name: ConsumerName): Promise<PullGroup> {
  for (let race = 0; race < RACES_MAX; race++) {
    const group = await tryConsumer(setup, name);
    if (group !== undefined) return group;
  }
  throw new StartError(`consumer ${name} of ${CONSUMERS[name].stream}: others keep creating and removing it`);
}

/** Undefined where another process has made it in the meantime. */
async function tryConsumer(setup: Setup, name: ConsumerName): Promise<PullGroup | undefined> {
  const { stream, sealed, guarded } = CONSUMERS[name];
  const info = await askApi(setup, `CONSUMER.INFO.${stream}.${name}`, undefined);
  if (info.error === undefined) return await bringUpToDate(setup, name, info.config ?? {});
  if (info.error.err_code !== ServerCode.CONSUMER_NOT_FOUND) {
    throw new StartError(`consumer ${name} of ${stream}: ${info.error.description}`);
  }
  if (setup.options.checkOnly) {
    throw new StartError(`consumer ${name} of ${stream} is missing, and PROVISION=off forbids creating it`);
  }
  const begin = sealed ? newSeal() : { deliver_policy: 'all' };
  const group = guarded ? newGroup() : null;
  const made = await request(setup, name, { ...begin, ...settingsOfGroup(group) }, 'create');
  if (made.error?.err_code === ServerCode.CONSUMER_EXISTS) return undefined;
  if (made.error !== undefined) throw new StartError(`consumer ${name} of ${stream}: ${made.error.description}`);
  setup.options.told?.({ kind: 'consumer', name, change: 'created', settings: [] });
  return group;
}

async function bringUpToDate(setup: Setup, name: ConsumerName, config: Settings): Promise<PullGroup> {
  const { options, logger } = setup;
  const { stream, sealed, guarded } = CONSUMERS[name];
  const group = groupOf(config);
  const wantedGroup = group === null && guarded ? newGroup() : group;
  const [wanted, found] = [compared({ ...settingsOf(setup, name), ...settingsOfGroup(wantedGroup) }), compared(config)];
  const differing = (settings: readonly string[]) => settings.filter((one) => !same(wanted[one], found[one]));
  const [wrong, changed, ungrouped] = [differing(ESSENTIAL), differing(CHANGEABLE), differing(GROUPING)];
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
  const settings = [...wrong, ...changed, ...ungrouped];
  if (settings.length === 0) {
    options.told?.({ kind: 'consumer', name, change: 'unchanged', settings });
    return group;
  }
  if (options.checkOnly) {
    if (changed.length > 0)
      logger.warn({ consumer: name, changed }, 'consumer differs from the environment; PROVISION=off leaves it');
    if (ungrouped.length > 0) {
      const reason =
        'whoever may create consumers on the log can have it asked for messages; `riposte provision` guards it';
      logger.warn({ consumer: name, stream, reason }, `consumer ${name} has no guard`);
    }
    return group;
  }
  const made = await request(setup, name, { ...beginOf(config), ...settingsOfGroup(wantedGroup) }, '');
  if (made.error !== undefined) throw new StartError(`consumer ${name} of ${stream}: ${made.error.description}`);
  options.told?.({ kind: 'consumer', name, change: 'changed', settings });
  return wantedGroup;
}

/** Creates a consumer or, without an action, also changes one that is there: `secrets` are where it begins and its group. */
async function request(setup: Setup, name: ConsumerName, secrets: Settings, action: 'create' | ''): Promise<ApiAnswer> {
  const { stream } = CONSUMERS[name];
  const config = { ...settingsOf(setup, name), ...secrets };
  const made = await askApi(setup, `CONSUMER.CREATE.${stream}.${name}`, { stream_name: stream, config, action });
  if (made.error === undefined) setup.logger.debug({ consumer: name, stream }, 'consumer ready');
  return made;
}

/** What a consumer is to be like, but for where it begins and its group. */
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

/**
 * The server refuses a request that does not name a group of the consumer, and keeps nothing of it. A group of a secret name thus
 * tells a request of its role from a message that was sent to where requests go
 * (docs/adr/0027-requests-for-messages-name-a-secret-group.md).
 */
const newGroup = (): string => randomBytes(GROUP_BYTES).toString('base64url');

const settingsOfGroup = (group: PullGroup): Settings =>
  group === null ? {} : { priority_groups: [group], priority_policy: GROUP_POLICY };

const groupOf = ({ priority_groups: groups }: Settings): PullGroup =>
  (groups as readonly string[] | undefined)?.[0] ?? null;
