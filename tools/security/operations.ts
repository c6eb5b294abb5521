// Owns: the operations by which the rights of the users are told apart: what docs/security.md shows as rows, and what the
// tests try on a real server, each as every user.

import { rightsOf, type User } from '#contracts/rights.ts';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { apiSubject as api, covers } from '#contracts/subjects.ts';

/** Something that somebody may want to do. */
export interface Operation {
  readonly what: string;
  readonly does: 'publish' | 'subscribe';
  /** The subject on which it is done, with `s` for a session. */
  readonly subject: string;
  /** What is published with it. */
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
  /** The server refuses it whoever asks, and says so in an answer with this error code. */
  readonly refusedToAll?: number;
}

/** Operations of one kind. */
export interface Chapter {
  readonly title: string;
  readonly operations: readonly Operation[];
}

const say = (what: string, subject: string, more: Partial<Operation> = {}): Operation => ({
  what,
  does: 'publish',
  subject,
  ...more,
});
const hear = (what: string, subject: string): Operation => ({ what, does: 'subscribe', subject });

/** The server's codes for what a stream's own settings forbid. */
const ROLLUP_REFUSED = 10111;
const PURGE_REFUSED = 10110;
const DELETE_REFUSED = 10057;
const SCHEDULES_REFUSED = 10188;
const SCHEDULE_TARGET_REFUSED = 10190;
const SEALED = 10012;

/** Nothing that is made here ends or fires while it is tried, however slow the machine. */
const HOUR_MS = 3_600_000;
const inAnHour = (): string => new Date(Date.now() + HOUR_MS).toISOString();
const schedule = (target: string): Partial<Operation> => ({
  headers: { 'Nats-Schedule': `@at ${inAnHour()}`, 'Nats-Schedule-Target': target },
});
const rollup = { 'Nats-Rollup': 'all' };

/** What is written into streams that allow neither rollup nor schedules, by what the page calls it. */
const PLAIN: readonly (readonly [what: string, subject: string])[] = [
  ['the log, by a word on a session', 'combat.session.s'],
  ['the log, by a signal', 'collector.signal.s'],
  ['the log, by an action', 'combat.action.s'],
  ['the log, by a result', 'combat.result.s'],
  ['the tasks, by a batch', 'executor.batch.s'],
  ['the tasks, by a turn', 'ai.turn.s.b'],
  ['the locks', '$KV.locks.sys.busy.s'],
  ['the locks, by a count of tries', '$KV.locks.sys.tries.s'],
  ['the dead letters, by a signal', 'dead.collector.signal.s'],
  ['the dead letters, by a batch', 'dead.executor.batch.s'],
  ['the dead letters, by a turn', 'dead.ai.turn.s.b'],
];
const SNAPSHOTS: typeof PLAIN = [
  ['the snapshots of sessions', '$KV.sessions.s'],
  ['the snapshots of battles', '$KV.battles.s'],
];

/** A consumer as somebody would make it who wants to read, or to alter one that is there. */
const consumer = (name: string, config: object) => ({
  stream_name: 'COMBAT',
  config: { name, ack_policy: 'none', deliver_policy: 'all', inactive_threshold: HOUR_MS * 1e6, ...config },
});

function ofConsumer(name: ConsumerName): Operation[] {
  const { stream } = CONSUMERS[name];
  return [
    say(`look at \`${name}\``, api(`CONSUMER.INFO.${stream}.${name}`)),
    say(`take from \`${name}\``, api(`CONSUMER.MSG.NEXT.${stream}.${name}`), { body: { batch: 1, no_wait: true } }),
    say(`acknowledge for \`${name}\``, `$JS.ACK.${stream}.${name}.1.1.1.1.1`),
    say(`delete \`${name}\``, api(`CONSUMER.DELETE.${stream}.${name}`)),
  ];
}

/** All chapters, in the order of the page. Nobody is changed by looking at them: bodies are made anew with each call. */
export function chapters(): readonly Chapter[] {
  const alterations = {
    durable_name: 'collector',
    ack_policy: 'explicit',
    filter_subject: 'combat.*.*',
    inactive_threshold: 0,
  };
  return [
    {
      title: 'What is written',
      operations: [
        say('open, join, leave, close', 'combat.session.s'),
        say('make moves, nudge, send a heartbeat', 'collector.signal.s'),
        say('write actions', 'combat.action.s'),
        say('write results', 'combat.result.s'),
        say('hand out a batch', 'executor.batch.s'),
        say('ask a bot for its turn', 'ai.turn.s.b'),
        say('arm a timer', 'timer.set.s', schedule('timer.due.s')),
        say('say that a timer is due', 'timer.due.s'),
        say('write a snapshot of a session', '$KV.sessions.s'),
        say('write a snapshot of a battle', '$KV.battles.s'),
        say('take and free the lock', '$KV.locks.sys.busy.s'),
        say('count a try', '$KV.locks.sys.tries.s'),
        say('write another key among the locks', '$KV.locks.other'),
        say('bury a signal', 'dead.collector.signal.s'),
        say('bury a batch', 'dead.executor.batch.s'),
        say('bury a turn', 'dead.ai.turn.s.b'),
        say('tell a game server something', '_INBOX_game_server.x'),
        say("speak into the collector's inbox", '_INBOX_collector.x'),
        say("speak into the executor's inbox", '_INBOX_executor.x'),
        say("speak into the operator's inbox", '_INBOX_operator.x'),
        say('speak into any inbox', '_INBOX.x'),
      ],
    },
    {
      title: 'What is heard and read',
      operations: [
        say('ask where a fight stands', 'session.get.s', { body: {} }),
        hear('hear what is asked of the collector', 'session.get.*'),
        hear('hear actions and results', 'combat.result.*'),
        hear('hear the life of sessions', 'combat.session.*'),
        hear('hear moves that are pending', 'collector.signal.*'),
        hear('hear the batches', 'executor.batch.*'),
        hear('hear what is written into buckets', '$KV.>'),
        say('read the log whole, or any message of it', api('DIRECT.GET.COMBAT'), {
          body: { last_by_subj: 'collector.signal.s' },
        }),
        say('ask the leader for a message of the log', api('STREAM.MSG.GET.COMBAT'), {
          body: { last_by_subj: 'collector.signal.s' },
        }),
        say('follow the log but its signals', api('CONSUMER.CREATE.COMBAT.x1.combat.*.*'), {
          body: consumer('x1', { filter_subject: 'combat.*.*' }),
        }),
        say('follow the signals', api('CONSUMER.CREATE.COMBAT.x2.collector.signal.*'), {
          body: consumer('x2', { filter_subject: 'collector.signal.*' }),
        }),
        say('follow the log whole', api('CONSUMER.CREATE.COMBAT.x3'), { body: consumer('x3', {}) }),
        say('follow the log whole, by the old request', api('CONSUMER.CREATE.COMBAT'), {
          body: consumer('x4', {}),
        }),
        say('read a snapshot of a session', api('DIRECT.GET.KV_sessions'), {
          body: { last_by_subj: '$KV.sessions.s' },
        }),
        say('read a snapshot of a battle', api('DIRECT.GET.KV_battles'), { body: { last_by_subj: '$KV.battles.s' } }),
        say('read a lock', api('STREAM.MSG.GET.KV_locks'), { body: { last_by_subj: '$KV.locks.sys.busy.s' } }),
        say('read the tasks', api('DIRECT.GET.TASKS'), { body: { last_by_subj: 'executor.batch.s' } }),
        say('read the timers', api('DIRECT.GET.TIMERS'), { body: { last_by_subj: 'timer.set.s' } }),
        say('read the dead letters', api('DIRECT.GET.DEAD'), { body: { last_by_subj: 'dead.collector.signal.s' } }),
        say('read ACTIONS', api('DIRECT.GET.ACTIONS'), { body: { last_by_subj: 'combat.action.s' } }),
        hear("listen to the game server's inbox", '_INBOX_game_server.>'),
        hear("listen to the collector's inbox", '_INBOX_collector.>'),
        hear("listen to the executor's inbox", '_INBOX_executor.>'),
        hear("listen to the AI worker's inbox", '_INBOX_ai.>'),
        hear("listen to the observer's inbox", '_INBOX_observer.>'),
        hear("listen to the operator's inbox", '_INBOX_operator.>'),
        hear('listen to every inbox', '_INBOX.>'),
        hear('listen to everything', '>'),
        hear('listen to the answers to guests', '_R_.>'),
        hear('hear what JetStream is asked', api('>')),
        hear('hear advisories', '$JS.EVENT.>'),
      ],
    },
    {
      title: 'Durable consumers',
      operations: [
        ...(Object.keys(CONSUMERS) as ConsumerName[]).flatMap(ofConsumer),
        say('alter `collector`, without its seal', api('CONSUMER.CREATE.COMBAT.collector.combat.*.*'), {
          body: consumer('collector', alterations),
          refusedToAll: SEALED,
        }),
        say('alter `collector`, by the old request', api('CONSUMER.DURABLE.CREATE.COMBAT.collector'), {
          body: consumer('collector', alterations),
          refusedToAll: SEALED,
        }),
        say('set `collector` to another place', api('CONSUMER.RESET.COMBAT.collector'), { body: { seq: 1 } }),
        say('set `executor` to another place', api('CONSUMER.RESET.TASKS.executor'), { body: { seq: 1 } }),
        say('alter `executor`', api('CONSUMER.CREATE.TASKS.executor.executor.batch.*'), {
          body: {
            ...consumer('executor', { ...alterations, durable_name: 'executor', filter_subject: 'executor.batch.*' }),
            stream_name: 'TASKS',
          },
        }),
        say('make `results`, of results', api('CONSUMER.CREATE.COMBAT.results.combat.result.*'), {
          body: consumer('results', {
            durable_name: 'results',
            filter_subject: 'combat.result.*',
            ack_policy: 'explicit',
            inactive_threshold: 0,
          }),
        }),
        say('take from `results`', api('CONSUMER.MSG.NEXT.COMBAT.results'), { body: { batch: 1, no_wait: true } }),
        say('take from a consumer of another name', api('CONSUMER.MSG.NEXT.COMBAT.x1'), {
          body: { batch: 1, no_wait: true },
        }),
        say('delete a consumer of another name', api('CONSUMER.DELETE.COMBAT.x1')),
        say('hold a consumer up', api('CONSUMER.PAUSE.COMBAT.results'), {
          body: { pause_until: new Date(0).toISOString() },
        }),
      ],
    },
    {
      title: 'Streams',
      operations: [
        say('look at a stream', api('STREAM.INFO.COMBAT')),
        say('list the streams', api('STREAM.NAMES')),
        say('create a stream', api('STREAM.CREATE.X'), { body: { name: 'X', subjects: ['x.>'] } }),
        say('change a stream', api('STREAM.UPDATE.X'), { body: { name: 'X', subjects: ['x.>', 'y.>'] } }),
        say('delete a stream', api('STREAM.DELETE.X')),
        say('copy the log away, as it is on the disk', api('STREAM.SNAPSHOT.COMBAT'), {
          body: { deliver_subject: '_INBOX_operator.copy', no_consumers: true },
        }),
        say('purge the tasks', api('STREAM.PURGE.TASKS')),
        say('purge the timers', api('STREAM.PURGE.TIMERS')),
        say('delete a dead letter', api('STREAM.MSG.DELETE.DEAD'), { body: { seq: 1 } }),
        say('purge the dead letters', api('STREAM.PURGE.DEAD')),
        say('purge the locks', api('STREAM.PURGE.KV_locks')),
        say('purge the snapshots of sessions', api('STREAM.PURGE.KV_sessions')),
        say('purge the snapshots of battles', api('STREAM.PURGE.KV_battles')),
        say('delete a lock', api('STREAM.MSG.DELETE.KV_locks'), { body: { seq: 1 }, refusedToAll: DELETE_REFUSED }),
        say('purge ACTIONS', api('STREAM.PURGE.ACTIONS'), { refusedToAll: PURGE_REFUSED }),
        say('purge the log', api('STREAM.PURGE.COMBAT'), { refusedToAll: PURGE_REFUSED }),
        say('delete a message of the log', api('STREAM.MSG.DELETE.COMBAT'), {
          body: { seq: 1 },
          refusedToAll: DELETE_REFUSED,
        }),
      ],
    },
    {
      title: 'Rollup: one message in place of all there are',
      operations: [
        ...PLAIN.map(([what, subject]) => say(what, subject, { headers: rollup, refusedToAll: ROLLUP_REFUSED })),
        ...SNAPSHOTS.map(([what, subject]) => say(what, subject, { headers: rollup })),
        say('the timers', 'timer.set.s', { headers: rollup }),
        say('the timers, by one that is due', 'timer.due.s', { headers: rollup }),
      ],
    },
    {
      title: 'Schedules: a message that the server sends later',
      operations: [
        ...[...PLAIN, ...SNAPSHOTS].map(([what, subject]) =>
          say(what, subject, { ...schedule(`${subject}2`), refusedToAll: SCHEDULES_REFUSED }),
        ),
        ...['timer.set.s', 'timer.due.s'].flatMap((subject) => [
          say('a timer, for any session', subject, schedule('timer.due.another')),
          say('a result', subject, { ...schedule('combat.result.s'), refusedToAll: SCHEDULE_TARGET_REFUSED }),
          say('a lock', subject, { ...schedule('$KV.locks.sys.busy.s'), refusedToAll: SCHEDULE_TARGET_REFUSED }),
          say('a request to JetStream', subject, {
            ...schedule(api('STREAM.DELETE.TASKS')),
            refusedToAll: SCHEDULE_TARGET_REFUSED,
          }),
        ]),
      ],
    },
    {
      title: 'The server itself',
      operations: [
        say('ask the servers who they are (`$SYS`)', '$SYS.REQ.SERVER.PING'),
        say('ask who is connected (`$SYS`)', '$SYS.REQ.SERVER.PING.CONNZ'),
        hear('hear who comes and goes (`$SYS`)', '$SYS.ACCOUNT.>'),
      ],
    },
  ];
}

/** Whether a user may do it, as far as rights.ts and the streams' own settings say. */
export const mayDo = (user: User, operation: Operation): boolean =>
  operation.refusedToAll === undefined && isPermitted(user, operation);

/** Whether a user has the right to ask for it. */
export function isPermitted(user: User, { does, subject }: Operation): boolean {
  return rightsOf()[user][does].some((allowed) => covers(allowed, subject));
}
