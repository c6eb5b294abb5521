// Proves that a login which is another user's is told so in one line that names what it was let in by, as soon as the server has
// refused it: by whoever is at home, who is told that it may not, and by a guest, who is told that nobody answers.

import { connect as connectToNats } from '@nats-io/transport-node';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inboxPrefix, type User } from '#contracts/rights.ts';
import type { ConsumerName } from '#contracts/streams.ts';
import { type Connection, connect } from '#jetstream/connection.ts';
import { provision } from '#jetstream/provision.ts';
import { readConfig } from '#process/config.ts';
import { StartError } from '#process/start-error.ts';
import { type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { startTestServer } from '#test/harness/server.ts';

const LIMIT_MS = 120_000;
const logger = pino({ level: 'silent' });

let secured: SecuredServer;

beforeAll(async () => {
  secured = await startSecuredServer();
}, LIMIT_MS);

afterAll(() => secured?.server.stop(), LIMIT_MS);

/** Connects as a user by the seed of another. */
function enter(user: User, seedOf: User | 'system', env: NodeJS.ProcessEnv = {}): Promise<Connection> {
  return connect(readConfig({ ...secured.environmentOf(seedOf), ...env }), { name: 'x', user, logger, onClosed() {} });
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => 'it was let in',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StartError);
  return (error as StartError).message;
}

test.each([
  ['collector', 'executor'],
  ['executor', 'ai'],
  ['ai', 'collector'],
  ['game_server', 'observer'],
  ['operator', 'observer'],
] as const)('a process of %s with the seed of %s', async (user, seedOf) => {
  expect(await refusal(enter(user, seedOf))).toMatch(
    new RegExp(
      `^the login by NATS_NKEY_SEED_FILE may not listen to ${inboxPrefix(user)}\\.\\S+: it is not that of ${user}, or NATS_INBOX_PREFIX`,
    ),
  );
});

test('the login of the account $SYS is not told to start the server otherwise', async () => {
  expect(await refusal(enter('operator', 'system'))).toMatch(
    /^the login by NATS_NKEY_SEED_FILE may not listen to _INBOX_operator\.\S+: it is not that of operator/,
  );
  const connection = await enter('operator', 'system', { NATS_INBOX_PREFIX: '_INBOX' });
  expect(await refusal(provision(connection.nc, [], { ...readConfig({}), checkOnly: false }, logger))).toMatch(
    /^the login has no right to ask JetStream for STREAM\.INFO\.COMBAT: NATS_NKEY_SEED_FILE/,
  );
  await connection.close();
});

test('a login whose account has no JetStream is not kept waiting for streams', async () => {
  const accounts = 'A { jetstream: enabled, users: [{user: a, password: a}] }, B { users: [{user: b, password: b}] }';
  await using server = await startTestServer({ config: `accounts { ${accounts} }` });
  const nc = await connectToNats({ servers: server.url, user: 'b', pass: 'b' });
  const lines: string[] = [];
  const heard = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  expect(await refusal(provision(nc, [], { ...readConfig({}), checkOnly: false }, heard))).toBe(
    'stream COMBAT: JetStream not enabled for account',
  );
  expect(lines).toEqual([]); // not one of those that say what is waited for
  await nc.close();
});

test.each([
  ['at home', 'collector', 'executor', 'CONSUMER.INFO.TASKS.executor'],
  ['a guest', 'ai', 'timers', 'CONSUMER.INFO.TIMERS.timers'],
  ['a guest that sees no streams', 'game_server', 'collector', 'STREAM.INFO.ACTIONS'],
] as const)('%s, %s asks for what is not its own, and is not kept waiting', async (_, user, consumer, path) => {
  const connection = await enter(user, user);
  const consumers: ConsumerName[] = [consumer];
  const options = { ...readConfig({}), checkOnly: true };
  expect(await refusal(provision(connection.nc, consumers, options, logger))).toBe(
    `the login has no right to ask JetStream for ${path}: NATS_NKEY_SEED_FILE, or what else it was let in by, is another user's`,
  );
  await connection.close();
});
