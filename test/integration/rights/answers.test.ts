// Proves what a guest's account is for. NATS lets everybody say where an answer goes, and asks for no right to it: an
// acknowledgement or a stored message can be sent to any subject of the account. A guest's account has nothing at such a subject.
// The limit that is left, of those at home, is tested as well: it is to be known, and to be struck off when it falls.

import { setTimeout as pause } from 'node:timers/promises';
import { createInbox, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inboxPrefix, USERS, type User } from '#contracts/rights.ts';
import type { ConsumerName } from '#contracts/streams.ts';
import { provision } from '#jetstream/provision.ts';
import { readConfig } from '#process/config.ts';
import { createLogger } from '#process/logging.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';

const STAGE_LIMIT_MS = 120_000;
const LOOK_MS = 20;
/** What a consumer keeps where nobody has chosen otherwise. */
const WAITING_MAX = 512;
/** A place that no stream here comes to. */
const FAR_AHEAD = 100_000_000;

let secured: SecuredServer;
const connections = new Map<User, NatsConnection>();
const as = (user: User): NatsConnection => connections.get(user)!;

beforeAll(async () => {
  secured = await startSecuredServer();
  for (const user of USERS) connections.set(user, await connectAs(secured, user));
}, STAGE_LIMIT_MS);

afterAll(async () => {
  for (const nc of connections.values()) await nc.close();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

type Answer = {
  readonly error?: { readonly err_code: number; readonly description: string };
  readonly state?: { readonly messages: number; readonly last_seq: number };
  readonly config?: Readonly<Record<string, unknown>>;
  readonly delivered?: { readonly consumer_seq: number };
};

async function ask(user: User, subject: string, body: object | null = null): Promise<Answer> {
  const message = await as(user).request(subject, body === null ? '' : JSON.stringify(body), {
    timeout: STAGE_LIMIT_MS,
  });
  return message.json<Answer>();
}

const streams = ['COMBAT', 'TASKS', 'TIMERS', 'DEAD', 'KV_sessions', 'KV_battles', 'KV_locks'];

/** What every stream holds; one that is gone is null. */
async function holdings(): Promise<Record<string, number | null>> {
  const infos = streams.map(async (name) => {
    const { state } = await ask('operator', `$JS.API.STREAM.INFO.${name}`);
    return [name, state?.messages ?? null] as const;
  });
  return Object.fromEntries(await Promise.all(infos));
}

/** Where an answer could do harm. */
const FOREIGN = [
  'combat.action.smuggled',
  'combat.result.smuggled',
  'executor.batch.smuggled',
  '$KV.locks.sys.busy.smuggled',
  '$JS.API.STREAM.DELETE.KV_battles',
  '$JS.API.STREAM.PURGE.TASKS',
  `${inboxPrefix('executor')}.smuggled`,
  `${inboxPrefix('collector')}.smuggled`,
];

/** The durable consumer of a game server. */
const RESULTS = { durable_name: 'results', ack_policy: 'explicit', deliver_policy: 'all' };
/** More than are taken in a test. */
const BAIT = 100;

/**
 * Sends requests to which the answers come to their sender, and resolves when each is answered, and what streams had been
 * sent before is stored. The server does in their order what one connection asks of one subject: by then it has dealt with
 * all that was asked before, answers included.
 */
async function settled(user: User, requests: readonly (readonly [subject: string, body: string])[]): Promise<void> {
  const answered = requests.map(([subject, body]) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const inbox = createInbox(inboxPrefix(user));
    as(user).subscribe(inbox, { max: 1, callback: () => resolve() });
    as(user).publish(subject, body, { reply: inbox });
    return promise;
  });
  await Promise.all(answered);
  await Promise.all([
    ask('executor', 'combat.result.bait'),
    ask('collector', 'ai.turn.bait.b'),
    ask('collector', '$KV.locks.sys.busy.bait'),
  ]);
  for (const home of ['executor', 'collector'] as const) await as(home).flush();
}

describe.each([
  [
    'game_server',
    [
      'combat.session.mine',
      'collector.signal.mine',
      '$JS.API.STREAM.INFO.COMBAT',
      '$JS.API.INFO',
      '$JS.API.CONSUMER.INFO.COMBAT.results',
      '$JS.API.CONSUMER.MSG.NEXT.COMBAT.results',
      '$JS.API.CONSUMER.CREATE.COMBAT.mine.combat.*.*',
      '$JS.ACK.COMBAT.results.1.999999.1.1.1',
      '$JS.FC.COMBAT.mine.1',
    ],
  ],
  [
    'ai',
    [
      'collector.signal.mine',
      'dead.ai.turn.s.b',
      '$JS.API.STREAM.INFO.TASKS',
      '$JS.API.CONSUMER.MSG.NEXT.TASKS.ai',
      '$JS.ACK.TASKS.ai.1.999999.1.1.1',
    ],
  ],
  [
    'observer',
    ['$JS.API.DIRECT.GET.COMBAT', '$JS.API.DIRECT.GET.KV_sessions', '$JS.API.STREAM.INFO.COMBAT', 'session.get.s'],
  ],
] as const)('the answers to a guest: %s', (user, subjects) => {
  const bodyOf = (subject: string): string => {
    if (subject.includes('DIRECT.GET')) {
      const last = subject.endsWith('COMBAT') ? 'collector.signal.empty' : '$KV.sessions.empty';
      return JSON.stringify({ last_by_subj: last });
    }
    if (subject.includes('MSG.NEXT')) return JSON.stringify({ batch: 2 });
    // Of a message that there is not: nothing is acknowledged, and another is asked for.
    if (subject.startsWith('$JS.ACK')) return '+NXT {"batch": 2}';
    if (!subject.includes('CONSUMER.CREATE')) return '';
    const config = { name: 'mine', filter_subject: 'combat.*.*', ack_policy: 'none', deliver_policy: 'all' };
    return JSON.stringify({ stream_name: 'COMBAT', config });
  };

  beforeAll(async () => {
    // A message without a body, and one in each place that can be read: what a direct get would send on.
    await ask('collector', 'collector.signal.empty');
    await ask('collector', '$KV.sessions.empty');
    // And what consumers would send on.
    const config = { ...RESULTS, filter_subject: 'combat.result.*' };
    await ask('operator', '$JS.API.CONSUMER.DELETE.COMBAT.results');
    await ask('game_server', '$JS.API.CONSUMER.CREATE.COMBAT.results.combat.result.*', {
      stream_name: 'COMBAT',
      config,
    });
    const bait = Array.from({ length: BAIT }, () => [
      ask('executor', 'combat.result.bait'),
      ask('collector', 'ai.turn.bait.b'),
    ]);
    await Promise.all(bait.flat());
  });

  test('do not come to any subject at home', async () => {
    const heard: string[] = [];
    const inboxes = (['executor', 'collector'] as const).map((home) =>
      as(home).subscribe(`${inboxPrefix(home)}.smuggled`, { callback: (_, msg) => void heard.push(msg.subject) }),
    );
    for (const home of ['executor', 'collector'] as const) await as(home).flush();
    const answeredSubjects = subjects.filter((subject) => !subject.startsWith('$JS.FC.'));
    const requests = answeredSubjects.map((subject) => [subject, bodyOf(subject)] as const);
    // What the request itself stores is not what this is about.
    await settled(user, requests);
    const before = await holdings();
    for (const subject of subjects) {
      for (const reply of FOREIGN) as(user).publish(subject, bodyOf(subject), { reply });
    }
    await settled(user, requests);
    const own = subjects.filter((subject) => !subject.startsWith('$JS') && !subject.startsWith('session.get'));
    const sent = (prefix: RegExp) => own.filter((subject) => prefix.test(subject)).length * (FOREIGN.length + 1);
    expect(await holdings()).toEqual({
      ...before,
      COMBAT: before.COMBAT! + sent(/^(combat|collector)\./) + 1, // and one each, once more, by `settled`
      TASKS: before.TASKS! + 1,
      DEAD: before.DEAD! + sent(/^dead\./),
    });
    expect(heard).toEqual([]);
    for (const inbox of inboxes) inbox.unsubscribe();
  });
});

test.each(['game_server', 'ai', 'executor'] as const)(
  'the trace of a message may not be sent where %s may not publish',
  async (user) => {
    const before = await holdings();
    const trace = headers();
    trace.set('Nats-Trace-Dest', 'combat.action.smuggled');
    as(user).publish('collector.signal.traced', '{}', { headers: trace });
    await ask(user, 'collector.signal.untraced'); // the one before it has been dealt with
    expect(await holdings()).toEqual({ ...before, COMBAT: before.COMBAT! + 1 }); // not even the message itself is taken
  },
);

describe('consumers of a game server', () => {
  const create = (name: string, config: object, filter = 'combat.*.*') =>
    ask('game_server', `$JS.API.CONSUMER.CREATE.COMBAT.${name}.${filter}`, {
      stream_name: 'COMBAT',
      config: { name, filter_subject: filter, deliver_policy: 'all', ack_policy: 'none', mem_storage: true, ...config },
    });

  /** Resolves when a consumer that was made after others has delivered: where they could, they have too. */
  async function delivered(): Promise<void> {
    const inbox = createInbox(inboxPrefix('game_server'));
    const { promise, resolve } = Promise.withResolvers<void>();
    as('game_server').subscribe(inbox, { max: 1, callback: () => resolve() });
    expect((await create('marker', { deliver_subject: inbox })).error).toBeUndefined();
    await promise;
    await ask('operator', '$JS.API.CONSUMER.DELETE.COMBAT.marker');
  }

  test('cannot have another filter than the one they ask for by their subject', async () => {
    const configs = [
      { filter_subject: 'collector.signal.*' },
      { filter_subject: '' },
      { filter_subject: undefined, filter_subjects: ['collector.signal.*'] },
      { filter_subjects: ['combat.*.*', 'collector.signal.*'] },
      { filter_subject: '>' },
    ];
    for (const config of configs) expect((await create('sly', config)).error).toBeDefined();
  });

  test('cannot push into a stream, a bucket or the log', async () => {
    await ask('game_server', 'combat.session.bait');
    const before = await holdings();
    expect((await create('p0', { deliver_subject: 'combat.result.smuggled' })).error).toBeDefined();
    const targets = ['executor.batch.smuggled', '$KV.locks.sys.busy.smuggled', 'timer.set.smuggled', 'dead.smuggled'];
    for (const [index, target] of targets.entries()) {
      expect(
        (await create(`p${index + 1}`, { deliver_subject: target, inactive_threshold: 60e9 })).error,
      ).toBeUndefined();
    }
    await delivered();
    expect(await holdings()).toEqual(before);
    for (const [index] of targets.entries()) {
      const { delivered } = await ask('operator', `$JS.API.CONSUMER.INFO.COMBAT.p${index + 1}`);
      expect(delivered?.consumer_seq).toBe(0); // nobody is subscribed there, and streams do not count
    }
  });

  test('cannot ask JetStream for anything but messages by what they push', async () => {
    await ask('game_server', 'combat.session.bait');
    const before = await holdings();
    const targets = [
      '$JS.API.STREAM.DELETE.KV_battles',
      '$JS.API.STREAM.PURGE.TASKS',
      '$JS.API.CONSUMER.DELETE.TASKS.executor',
      '$JS.API.DIRECT.GET.COMBAT',
      '$JS.API.STREAM.INFO.COMBAT',
      '$JS.API.INFO',
    ];
    for (const [index, target] of targets.entries()) {
      expect((await create(`a${index}`, { deliver_subject: target, ack_policy: 'explicit' })).error).toBeUndefined();
    }
    await delivered();
    for (const [index, target] of targets.entries()) {
      const { delivered } = await ask('operator', `$JS.API.CONSUMER.INFO.COMBAT.a${index}`);
      expect([target, delivered?.consumer_seq]).toEqual([target, 0]);
      await ask('operator', `$JS.API.CONSUMER.DELETE.COMBAT.a${index}`);
    }
    expect(await holdings()).toEqual(before);
  });

  test('cannot be the collector’s, whatever is guessed about it', async () => {
    const before = await ask('operator', '$JS.API.CONSUMER.INFO.COMBAT.collector');
    const { opt_start_time: _seal, metadata: _, ...known } = before.config!;
    const guesses = [
      {},
      { deliver_policy: 'all' },
      { opt_start_time: '1970-01-01T00:00:00Z' },
      { opt_start_time: '1989-10-11T12:13:14.123456789Z' },
      { deliver_policy: 'by_start_sequence', opt_start_seq: 1 },
      { durable_name: undefined },
      { deliver_policy: 'by_start_time' },
    ];
    for (const user of ['game_server', 'executor'] as const) {
      for (const guess of guesses) {
        const config = { ...known, filter_subjects: undefined, filter_subject: 'combat.*.*', ...guess };
        for (const action of ['', 'update', 'create']) {
          const request = { stream_name: 'COMBAT', config, action };
          const answer = await ask(user, '$JS.API.CONSUMER.CREATE.COMBAT.collector.combat.*.*', request);
          expect(answer.error).toBeDefined();
        }
      }
    }
    const after = await ask('operator', '$JS.API.CONSUMER.INFO.COMBAT.collector');
    expect(after.config).toEqual(before.config);
  });
});

describe('known limits: a consumer that pushes to where another one is asked for messages takes them', () => {
  const VICTIMS = ['COMBAT.collector', 'TIMERS.timers', 'TASKS.executor', 'TASKS.ai'];
  const MAKERS = ['game_server', 'executor'] as const;
  const cases = MAKERS.flatMap((user) => VICTIMS.map((victim) => [user, victim] as const));

  test.each(cases)('%s: %s', async (user, victim) => {
    const subject = `$JS.API.CONSUMER.INFO.${victim}`;
    const taken = async () => (await ask('operator', subject)) as { num_pending: number; num_ack_pending: number };
    for (const stream of ['TASKS', 'TIMERS']) await ask('operator', `$JS.API.STREAM.PURGE.${stream}`);
    // Whole messages: an empty one would be taken for an acknowledgement of itself where it is sent, and be gone.
    const body = { session_id: 'prey' };
    for (const prey of ['combat.session.prey', 'executor.batch.prey', 'ai.turn.prey.b'])
      await ask('collector', prey, body);
    await ask('operator', 'timer.due.prey', body);
    await ask('game_server', 'combat.session.bait', { batch: 10_000 });
    const [before, stored] = [await taken(), await holdings()];
    expect(before.num_pending).toBeGreaterThan(0);
    const thief = `thief-${user}-${victim.replace('.', '-')}`; // one that is gone must not come to life again
    const config = {
      name: thief,
      ack_policy: 'explicit',
      deliver_policy: 'last',
      filter_subject: 'combat.*.*',
      deliver_subject: `$JS.API.CONSUMER.MSG.NEXT.${victim}`,
    };
    const request = { stream_name: 'COMBAT', config };
    expect((await ask(user, `$JS.API.CONSUMER.CREATE.COMBAT.${thief}.combat.*.*`, request)).error).toBeUndefined();
    // All that waited is out, and the message of ours is unacknowledged: it comes again after ACK_WAIT...
    const least = before.num_ack_pending + 1;
    for (let now = before; now.num_pending > 0 || now.num_ack_pending < least; now = await taken())
      await pause(LOOK_MS);
    expect(await holdings()).toEqual(stored); // ...and nothing is gone
    await ask('operator', `$JS.API.CONSUMER.DELETE.COMBAT.${thief}`);
  });

  test('with as many requests as a consumer keeps, its own role is refused', async () => {
    // Requests for more than one message alone: one for a single message is gone when a task comes again.
    const { state } = await ask('operator', '$JS.API.STREAM.INFO.COMBAT');
    for (let nth = 0; nth < WAITING_MAX; nth++) as('game_server').publish('combat.session.bait', '{"batch":10000}');
    await as('game_server').flush();
    const config = {
      name: 'crowd',
      ack_policy: 'explicit',
      deliver_policy: 'by_start_sequence',
      opt_start_seq: state!.last_seq + 1,
      filter_subject: 'combat.*.*',
      deliver_subject: '$JS.API.CONSUMER.MSG.NEXT.TASKS.executor',
    };
    const request = { stream_name: 'COMBAT', config };
    expect(
      (await ask('game_server', '$JS.API.CONSUMER.CREATE.COMBAT.crowd.combat.*.*', request)).error,
    ).toBeUndefined();
    const look = async () =>
      (await ask('operator', '$JS.API.CONSUMER.INFO.TASKS.executor')) as { readonly num_waiting: number };
    while ((await look()).num_waiting < WAITING_MAX - 1) await pause(LOOK_MS);
    const inbox = createInbox(inboxPrefix('executor'));
    const { promise: answer, resolve } = Promise.withResolvers<number | undefined>();
    as('executor').subscribe(inbox, { max: 1, callback: (_, msg) => resolve(msg.headers?.code) });
    as('executor').publish('$JS.API.CONSUMER.MSG.NEXT.TASKS.executor', '{"batch":1}', { reply: inbox });
    expect(await answer).toBe(409);
    await ask('operator', '$JS.API.CONSUMER.DELETE.COMBAT.crowd');
  });

  test.each(cases)(
    '%s: %s can be set beyond the end of its stream, until an operator provisions',
    async (user, victim) => {
      const subject = `$JS.API.CONSUMER.INFO.${victim}`;
      await ask('game_server', 'combat.session.bait', { seq: FAR_AHEAD });
      const thief = `setter-${user}-${victim.replace('.', '-')}`;
      const config = {
        name: thief,
        ack_policy: 'explicit',
        deliver_policy: 'last',
        filter_subject: 'combat.*.*',
        deliver_subject: `$JS.API.CONSUMER.RESET.${victim}`,
      };
      const request = { stream_name: 'COMBAT', config };
      expect((await ask(user, `$JS.API.CONSUMER.CREATE.COMBAT.${thief}.combat.*.*`, request)).error).toBeUndefined();
      type Place = { readonly delivered: { readonly stream_seq: number } };
      while (((await ask('operator', subject)) as unknown as Place).delivered.stream_seq < FAR_AHEAD - 1)
        await pause(LOOK_MS);
      await ask('operator', `$JS.API.CONSUMER.DELETE.COMBAT.${thief}`);
      const [, name] = victim.split('.') as [string, ConsumerName];
      const options = { ...readConfig(secured.environmentOf('operator')), checkOnly: false };
      await provision(as('operator'), [name], options, createLogger('collector', 'test', 'silent'));
      expect(((await ask('operator', subject)) as unknown as Place).delivered.stream_seq).toBeLessThan(FAR_AHEAD - 1);
    },
  );

  test.each(['ai', 'observer'] as const)('%s makes no consumers at all', async (user) => {
    const request = { stream_name: 'COMBAT', config: { name: 'thief', filter_subject: 'combat.*.*' } };
    await expect(ask(user, '$JS.API.CONSUMER.CREATE.COMBAT.thief.combat.*.*', request)).rejects.toThrow(
      /no responders/,
    );
  });
});

describe('known limits: what the server does not keep those at home from', () => {
  test('the acknowledgement of a message may be sent to a subject that its sender may not publish to', async () => {
    const before = (await holdings()).COMBAT!;
    as('executor').publish('combat.result.mine', '{}', { reply: 'combat.action.smuggled' });
    while ((await holdings()).COMBAT! < before + 2) await pause(LOOK_MS);
    expect((await holdings()).COMBAT).toBe(before + 2);
  });

  test('who may read by direct get may have a message without a body sent to the API, in the name of the account', async () => {
    await ask('collector', '$KV.sessions.empty');
    const request = JSON.stringify({ last_by_subj: '$KV.sessions.empty' });
    as('collector').publish('$JS.API.DIRECT.GET.KV_sessions', request, { reply: '$JS.API.STREAM.DELETE.KV_battles' });
    while ((await holdings()).KV_battles !== null) await pause(LOOK_MS);
  });

  test('an executor may alter the consumers of game servers', async () => {
    const made = await ask('game_server', '$JS.API.CONSUMER.CREATE.COMBAT.results.combat.result.*', {
      stream_name: 'COMBAT',
      config: {
        durable_name: 'results',
        filter_subject: 'combat.result.*',
        ack_policy: 'explicit',
        deliver_policy: 'all',
      },
    });
    expect(made.error).toBeUndefined();
    const altered = await ask('executor', '$JS.API.CONSUMER.CREATE.COMBAT.results.combat.action.*', {
      stream_name: 'COMBAT',
      config: {
        durable_name: 'results',
        filter_subject: 'combat.action.*',
        ack_policy: 'explicit',
        deliver_policy: 'all',
      },
    });
    expect(altered.config).toMatchObject({ filter_subject: 'combat.action.*' });
  });
});
