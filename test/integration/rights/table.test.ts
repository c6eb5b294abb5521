// Proves the tables of docs/security.md: every operation is tried on a real server as every user. What the table allows is done,
// and what it does not is refused, and changes nothing. That the page says what rights.ts says is tested here, too.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  headers,
  type NatsConnection,
  NoRespondersError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { covers, USERS, type User } from '#contracts/rights.ts';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { provision } from '#jetstream/provision.ts';
import { readConfig } from '#process/config.ts';
import { createLogger } from '#process/logging.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { ROOT } from '#tools/commands/child.ts';
import { chapters, isPermitted, mayDo, type Operation } from '#tools/security/operations.ts';
import { withTables } from '#tools/security/page.ts';

const STAGE_LIMIT_MS = 120_000;
/** What nobody answers is done when this has passed without an objection; the server objects in a millisecond. */
const ANSWER_LIMIT_MS = 1_000;

let secured: SecuredServer;
const connections = new Map<User, NatsConnection>();

beforeAll(async () => {
  secured = await startSecuredServer();
  for (const user of USERS) connections.set(user, await connectAs(secured, user));
}, STAGE_LIMIT_MS);

afterAll(async () => {
  for (const nc of connections.values()) await nc.close();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

/** How a try went: `refused` for want of a right, the server's error code, or `done`. */
type Outcome = 'refused' | 'done' | number;

async function attempt(user: User, operation: Operation): Promise<Outcome> {
  const nc = connections.get(user)!;
  return operation.does === 'publish' ? await say(nc, operation) : await hear(nc, operation);
}

async function say(nc: NatsConnection, { subject, body, headers: lines = {} }: Operation): Promise<Outcome> {
  const sent = headers();
  for (const [name, value] of Object.entries(lines)) sent.set(name, value);
  const options = { timeout: ANSWER_LIMIT_MS, ...(Object.keys(lines).length > 0 && { headers: sent }) };
  try {
    const answer = await nc.request(subject, body === undefined ? '' : JSON.stringify(body), options);
    return answer.data.length === 0 ? 'done' : (errorIn(answer.string()) ?? 'done');
  } catch (error) {
    if ([error, (error as Error).cause].some((each) => each instanceof PermissionViolationError)) return 'refused';
    // What a guest asks of JetStream beyond its rights goes nowhere; other subjects may have nobody who listens just now.
    if (isNoResponders(error)) return subject.startsWith('$JS.API.') ? 'refused' : 'done';
    if (error instanceof TimeoutError) return 'done';
    throw error;
  }
}

function errorIn(text: string): number | null {
  const { error } = JSON.parse(text) as { readonly error?: { readonly err_code?: number; readonly code: number } };
  return error === undefined ? null : (error.err_code ?? error.code);
}

const isNoResponders = (error: unknown): boolean =>
  error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders());

async function hear(nc: NatsConnection, { subject }: Operation): Promise<Outcome> {
  let refused = false;
  const subscription = nc.subscribe(subject, {
    callback: (error) => {
      refused ||= error instanceof PermissionViolationError;
    },
  });
  await nc.flush();
  subscription.unsubscribe();
  return refused ? 'refused' : 'done';
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
      for (const user of USERS) {
        const allowed = mayDo(user, operation);
        const before = allowed ? null : await everything();
        outcomes[user] = await attempt(user, operation);
        expected[user] = allowed ? 'done' : isPermitted(user, operation) ? operation.refusedToAll : 'refused';
        if (before !== null) expect(await everything()).toBe(before);
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
