// Proves the tables of docs/security.md: every operation is tried on a real server as every user. What the table allows is done:
// what is written is stored, what is asked is answered, what is listened to is heard. What it does not allow is refused, and
// changes nothing. That the page says what rights.ts says is tested here, too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createInbox,
  headers,
  type NatsConnection,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
} from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inboxPrefix, USERS, type User } from '#contracts/rights.ts';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { covers, SESSION_GET_FILTER } from '#contracts/subjects.ts';
import { provision } from '#jetstream/provision.ts';
import { readConfig } from '#process/config.ts';
import { createLogger } from '#process/logging.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { ROOT } from '#tools/commands/child.ts';
import { chapters, isPermitted, mayDo, type Operation } from '#tools/security/operations.ts';
import { withTables } from '#tools/security/page.ts';

const STAGE_LIMIT_MS = 120_000;
/** Ends a wait for what is allowed and does not come. */
const ANSWER_LIMIT_MS = 100_000;

let secured: SecuredServer;
const connections = new Map<User, NatsConnection>();

beforeAll(async () => {
  secured = await startSecuredServer();
  for (const user of USERS) connections.set(user, await connectAs(secured, user));
  // In the collector's place: somebody has to answer.
  connections.get('collector')!.subscribe(SESSION_GET_FILTER, { callback: (_, msg) => void msg.respond('{}') });
  await connections.get('collector')!.flush();
}, STAGE_LIMIT_MS);

afterAll(async () => {
  for (const nc of connections.values()) await nc.close();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

/** How a try went: `refused` for want of a right, the server's error code, `done`, or what was wrong with it. */
type Outcome = 'refused' | 'done' | number | `nobody ${string}` | `not ${string}`;

async function attempt(user: User, operation: Operation): Promise<Outcome> {
  if (operation.does === 'subscribe') return await hear(user, operation.subject);
  if (operation.subject.includes('.CONSUMER.MSG.NEXT.')) return await take(user, operation);
  const owner = USERS.find((other) => operation.subject.startsWith(`${inboxPrefix(other)}.`));
  return owner === undefined ? await say(user, operation) : await tell(user, operation.subject, owner);
}

/** Subjects that a stream takes: what is published there is stored, and that is acknowledged. */
const INTO_STREAMS = /^(combat|collector|executor|ai|timer|dead|\$KV)\./;

async function say(user: User, { subject, body, headers: lines = {} }: Operation): Promise<Outcome> {
  const nc = connections.get(user)!;
  const sent = headers();
  for (const [name, value] of Object.entries(lines)) sent.set(name, value);
  const options = { timeout: ANSWER_LIMIT_MS, ...(Object.keys(lines).length > 0 && { headers: sent }) };
  try {
    const answer = await nc.request(subject, body === undefined ? '' : JSON.stringify(body), options);
    const said = answer.data.length === 0 ? {} : answer.json<Answer>();
    if (said.error !== undefined) return said.error.err_code ?? said.error.code;
    return INTO_STREAMS.test(subject) && said.seq === undefined ? 'not stored' : 'done';
  } catch (error) {
    if (isViolation(error)) return 'refused';
    if (!isNoResponders(error)) throw error;
    // What a guest asks of JetStream beyond its rights goes nowhere. Nothing else that is tried here is without a listener.
    return subject.startsWith('$JS.API.') ? 'refused' : 'nobody answers';
  }
}

type Answer = { readonly seq?: number; readonly error?: { readonly err_code?: number; readonly code: number } };

const isViolation = (error: unknown): boolean =>
  [error, (error as Error).cause].some((each) => each instanceof PermissionViolationError);

const isNoResponders = (error: unknown): boolean =>
  error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());

/** Asks a consumer for a message. It comes under its own subject, which an ordinary request does not take for an answer. */
async function take(user: User, { subject, body }: Operation): Promise<Outcome> {
  // Something that cannot be read is answered, too, and takes nothing.
  const may = await say(user, { what: '', does: 'publish', subject, body: { batch: 'many' } });
  if (may !== 'done') return may;
  const nc = connections.get(user)!;
  const inbox = createInbox(inboxPrefix(user));
  const answered = Promise.withResolvers<Outcome>();
  const subscription = nc.subscribe(inbox, { callback: () => answered.resolve('done') });
  nc.publish(subject, JSON.stringify(body), { reply: inbox });
  const late = setTimeout(() => answered.resolve('nobody answers'), ANSWER_LIMIT_MS);
  const outcome = await answered.promise;
  clearTimeout(late);
  subscription.unsubscribe();
  return outcome;
}

/** Speaks into somebody's inbox: it is done when its owner has heard it. */
async function tell(user: User, inbox: string, owner: User): Promise<Outcome> {
  const listener = connections.get(owner)!;
  const heard = Promise.withResolvers<Outcome>();
  const subscription = listener.subscribe(inbox, { callback: () => heard.resolve('done') });
  await listener.flush();
  // The answer to this is nobody's to give: it ends with a refusal, or too late to matter.
  const nc = connections.get(user)!;
  void nc.request(inbox, '', { timeout: ANSWER_LIMIT_MS }).catch((error: unknown) => {
    heard.resolve(isViolation(error) ? 'refused' : 'nobody hears it');
  });
  const outcome = await heard.promise;
  subscription.unsubscribe();
  return outcome;
}

/** Who says what others may listen to. What is in nobody's list here is nobody's to hear. */
const SPEAKERS: Readonly<Record<string, readonly [User, string]>> = {
  'session.get.*': ['game_server', 'session.get.s'],
  'combat.session.*': ['collector', 'combat.session.s'],
  'collector.signal.*': ['executor', 'collector.signal.s'],
  'combat.result.*': ['executor', 'combat.result.s'],
};

async function hear(user: User, subject: string): Promise<Outcome> {
  const nc = connections.get(user)!;
  const heard = Promise.withResolvers<Outcome>();
  let isRefused = false;
  const subscription = nc.subscribe(subject, {
    callback: (error) => {
      isRefused = error instanceof PermissionViolationError;
      heard.resolve('done');
    },
  });
  await nc.flush();
  if (isRefused) return 'refused';
  const speaker = SPEAKERS[subject];
  if (speaker !== undefined) await connections.get(speaker[0])!.request(speaker[1], '{}', { timeout: ANSWER_LIMIT_MS });
  // Into inboxes it is the server that speaks: an answer to whoever listens.
  else if (subject.startsWith('_INBOX_')) nc.publish('$JS.API.INFO', '', { reply: subject.replace('>', 'answer') });
  else heard.resolve('nobody speaks there');
  const late = setTimeout(() => heard.resolve('not heard'), ANSWER_LIMIT_MS);
  const outcome = await heard.promise;
  clearTimeout(late);
  subscription.unsubscribe();
  return outcome;
}

/** Brings back what the operator's own tries have removed. */
async function mend(): Promise<void> {
  const config = readConfig(secured.environmentOf('operator'));
  const names = Object.keys(CONSUMERS) as ConsumerName[];
  const logger = createLogger('collector', 'test', 'silent');
  await provision(connections.get('operator')!, names, { ...config, checkOnly: false }, logger);
}

/** All there is, by the operator's own look: streams with what is in them, and durable consumers. */
async function everything(): Promise<string> {
  const nc = connections.get('operator')!;
  const ask = async (path: string) =>
    (await nc.request(`$JS.API.${path}`, '', { timeout: STAGE_LIMIT_MS })).json<Record<string, unknown>>();
  const { streams } = (await ask('STREAM.LIST')) as { streams: { config: { name: string }; state: object }[] };
  const found = streams.map(async ({ config, state }) => {
    const { consumers } = (await ask(`CONSUMER.LIST.${config.name}`)) as {
      consumers: { config: { durable_name?: string }; delivered: object; ack_floor: object; num_ack_pending: number }[];
    };
    const durable = consumers
      .filter((consumer) => consumer.config.durable_name !== undefined)
      .map(({ config: its, delivered, ack_floor, num_ack_pending }) => ({
        its,
        delivered,
        ack_floor,
        num_ack_pending,
      }));
    const { consumer_count: _, ...rest } = state as { consumer_count: number };
    return { config, state: rest, durable };
  });
  return JSON.stringify(await Promise.all(found), null, 1);
}

describe.each(chapters())('$title', ({ operations }) => {
  test.each(operations.map((operation) => [operation.what, operation.subject, operation] as const))(
    '%s: %s',
    async (_what, _subject, operation) => {
      const outcomes: Partial<Record<User, Outcome>> = {};
      const expected: Partial<Record<User, unknown>> = {};
      let before: string | null = null;
      for (const user of USERS) {
        const allowed = mayDo(user, operation);
        if (!allowed) before ??= await everything();
        outcomes[user] = await attempt(user, operation);
        expected[user] = allowed ? 'done' : isPermitted(user, operation) ? operation.refusedToAll : 'refused';
        if (allowed) before = null;
        else expect(await everything()).toBe(before);
      }
      expect(outcomes).toEqual(expected);
      if (mayDo('operator', operation)) await mend();
    },
  );
});

test('a right covers what it says and nothing else', () => {
  const cases: [allowed: string, subject: string, does: boolean][] = [
    ['a.*', 'a.b', true],
    ['a.*', 'a.*', true],
    ['a.*', 'a.>', false],
    ['a.*', 'a.b.c', false],
    ['a.>', 'a.b.c', true],
    ['a.>', 'a', false],
    ['a.b', 'a.*', false],
    ['>', 'a', true],
  ];
  for (const [allowed, subject, does] of cases)
    expect([allowed, subject, covers(allowed, subject)]).toEqual([allowed, subject, does]);
});

test('docs/security.md is what `npm run security` writes', () => {
  const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');
  expect(page).toBe(withTables(page));
});
