/**
 * Owns what each user of the broker may publish and listen to: lists of what is allowed, built from the subjects, streams and
 * consumers that stand beside it, so that they cannot drift. What is not here is refused. `riposte nats-config` writes a
 * server's configuration from it, and docs/security.md is its table.
 *
 * A user is at home where the streams are, or a guest: in an account of its own, which imports what is listed here and has
 * nothing else. NATS lets everybody choose where an answer goes, and checks no right to it; a guest's answers go to subjects
 * of its own account (docs/adr/0023-guests-have-accounts-of-their-own.md).
 */
import {
  ACTIONS,
  BATTLES_BUCKET,
  type BucketName,
  bucketStream,
  COMBAT,
  CONSUMERS,
  type ConsumerName,
  DEAD,
  LOCKS_BUCKET,
  SESSIONS_BUCKET,
  TASKS,
  TIMERS,
} from './streams.ts';
import {
  AI_TURN_FILTER,
  ackFilter,
  apiSubject as api,
  BATTLE_LOG_FILTER,
  bucketSubject,
  deadSubject,
  EXECUTOR_BATCH_FILTER,
  flowControlFilter,
  lockKey,
  logFilter,
  SESSION_GET_FILTER,
  TIMER_DUE_FILTER,
  TIMER_SET_FILTER,
  triesKey,
} from './subjects.ts';

/** Who connects. `observer` is for people who look and audit, `operator` for those who provision and mend. */
export const USERS = ['game_server', 'collector', 'executor', 'ai', 'observer', 'operator'] as const;
export type User = (typeof USERS)[number];

/** Users who are at home where the streams are; everybody else is a guest. */
export const AT_HOME: readonly User[] = ['collector', 'executor', 'operator'];

/** The inboxes of a user begin with it: nobody else may listen there, but the operator at the observer's. */
export const inboxPrefix = (user: User): string => `_INBOX_${user}`;

/** What a user may do. */
export interface Rights {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** The durable consumers that a game server may have where nobody has named others. */
export const RESULT_CONSUMERS: readonly string[] = ['results'];

const EVERY_BUCKET: readonly BucketName[] = [SESSIONS_BUCKET, BATTLES_BUCKET, LOCKS_BUCKET];
const EVERY_STREAM: readonly string[] = [COMBAT, ACTIONS, TASKS, TIMERS, DEAD, ...EVERY_BUCKET.map(bucketStream)];

const inboxesOf = (user: User): string => `${inboxPrefix(user)}.>`;
const accountInfo = api('INFO');
const streamInfo = (stream: string): string => api('STREAM.INFO', stream);
/** Reads the last message on a subject, said by the leader. The subject is in the body: it cannot be told apart here. */
const lastMessage = (stream: string): string => api('STREAM.MSG.GET', stream);
/** Reads messages, said by any replica. The subject is in the body here, too. */
const directGet = (stream: string): string => api('DIRECT.GET', stream);
/** Makes a consumer of any name with this very filter: the server compares the subject with the body. */
const followUnder = (filter: string): string => api('CONSUMER.CREATE', COMBAT, '*', filter);
/** Tells the server that what it has pushed was taken. */
const FLOW_CONTROL = flowControlFilter(COMBAT);
/** Answers to guests: the server names them itself, anew for each request. */
const ANSWERS_TO_GUESTS = '_R_.>';
const LOG_FILTERS = (['session', 'signal', 'action', 'result'] as const).map(logFilter);

/** Takes from a durable consumer, and acknowledges. */
const takeFrom = (stream: string, consumer: string): string[] => [
  api('CONSUMER.INFO', stream, consumer),
  api('CONSUMER.MSG.NEXT', stream, consumer),
  ackFilter(stream, consumer),
];
const takeFromOwn = (name: ConsumerName): string[] => takeFrom(CONSUMERS[name].stream, name);

/** With PROVISION=off a role looks at all there is, and makes nothing. */
const lookAround = [accountInfo, ...EVERY_STREAM.map(streamInfo)];

/**
 * The rights of every user.
 * @param resultConsumers the durable consumers of results that game servers may make, by name; none of a role's
 */
export function rightsOf(resultConsumers: readonly string[] = RESULT_CONSUMERS): Readonly<Record<User, Rights>> {
  return {
    game_server: {
      publish: [
        logFilter('session'),
        logFilter('signal'),
        SESSION_GET_FILTER,
        accountInfo,
        // Following: what is said of battles, and no signals, which are pending moves.
        streamInfo(COMBAT),
        followUnder(BATTLE_LOG_FILTER),
        FLOW_CONTROL,
        ...resultConsumers.flatMap((name) => takeFrom(COMBAT, name)),
      ],
      subscribe: [inboxesOf('game_server'), BATTLE_LOG_FILTER],
    },
    collector: {
      publish: [
        logFilter('action'),
        // `closed`, and the `check_timeout` of a timer that is due.
        logFilter('session'),
        logFilter('signal'),
        EXECUTOR_BATCH_FILTER,
        AI_TURN_FILTER,
        TIMER_SET_FILTER,
        bucketSubject(SESSIONS_BUCKET, '*'),
        bucketSubject(LOCKS_BUCKET, lockKey('*')),
        ...LOG_FILTERS.map(deadSubject),
        deadSubject(TIMER_DUE_FILTER),
        // Verdicts, and answers to `session.get`.
        inboxesOf('game_server'),
        ANSWERS_TO_GUESTS,
        ...lookAround,
        ...takeFromOwn('collector'),
        ...takeFromOwn('timers'),
        api('CONSUMER.CREATE', COMBAT, '*'),
        FLOW_CONTROL,
        lastMessage(COMBAT),
        directGet(COMBAT),
        lastMessage(TIMERS),
        directGet(TIMERS),
        lastMessage(bucketStream(LOCKS_BUCKET)),
        directGet(bucketStream(SESSIONS_BUCKET)),
      ],
      subscribe: [inboxesOf('collector'), SESSION_GET_FILTER],
    },
    executor: {
      publish: [
        logFilter('result'),
        // The heartbeat.
        logFilter('signal'),
        bucketSubject(BATTLES_BUCKET, '*'),
        bucketSubject(LOCKS_BUCKET, lockKey('*')),
        bucketSubject(LOCKS_BUCKET, triesKey('*')),
        deadSubject(EXECUTOR_BATCH_FILTER),
        ...lookAround,
        ...takeFromOwn('executor'),
        followUnder(BATTLE_LOG_FILTER),
        FLOW_CONTROL,
        lastMessage(COMBAT),
        directGet(COMBAT),
        lastMessage(bucketStream(LOCKS_BUCKET)),
        directGet(bucketStream(BATTLES_BUCKET)),
      ],
      subscribe: [inboxesOf('executor')],
    },
    ai: {
      publish: [logFilter('signal'), deadSubject(AI_TURN_FILTER), ...lookAround, ...takeFromOwn('ai')],
      subscribe: [inboxesOf('ai')],
    },
    observer: {
      publish: [
        SESSION_GET_FILTER,
        ...lookAround,
        api('STREAM.NAMES'),
        api('STREAM.LIST'),
        ...EVERY_STREAM.flatMap((stream) => [
          lastMessage(stream),
          directGet(stream),
          api('CONSUMER.INFO', stream, '*'),
          api('CONSUMER.NAMES', stream),
          api('CONSUMER.LIST', stream),
        ]),
      ],
      subscribe: [inboxesOf('observer'), ...LOG_FILTERS],
    },
    operator: {
      publish: [
        api('>'),
        // What `riposte dead retry` may send again.
        logFilter('session'),
        logFilter('signal'),
        EXECUTOR_BATCH_FILTER,
        AI_TURN_FILTER,
        TIMER_DUE_FILTER,
      ],
      // Its hand may also be lent to the commands that an observer gives.
      subscribe: [inboxesOf('operator'), inboxesOf('observer')],
    },
  };
}

/** How the inboxes begin of users who are told no verdicts. */
const UNTOLD = USERS.filter((user) => user !== 'game_server').map((user) => `${inboxPrefix(user)}.`);

/**
 * Whether a verdict may go to the inbox that a move names: to any but those of users who are told none. To try that would be
 * a violation in the server's log for each verdict, at the will of whoever names it
 * (docs/adr/0026-inboxes-of-others-get-no-verdict.md).
 */
export const mayBeTold = (inbox: string): boolean => !UNTOLD.some((prefix) => inbox.startsWith(prefix));
