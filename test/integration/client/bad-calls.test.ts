// Proves that a wrong call is an error that says what is wrong, and that nothing is sent then.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { exchange, type Move } from '#client/moves.ts';
import { sessionGetSubject } from '#contracts/subjects.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { fight, STAGE_LIMIT_MS } from './stage.ts';

let server: TestServer;
let connection: NatsConnection;
let client: RiposteClient;

beforeAll(async () => {
  // No roles and no streams: whatever is sent here would not be stored, and would take long to be given up.
  server = await startTestServer();
  connection = await connect({ servers: server.url });
  client = new RiposteClient(connection);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await client?.disconnect();
  await connection?.close();
  await server?.stop();
}, STAGE_LIMIT_MS);

const big = 'z'.repeat(2048);
const many = Array.from({ length: 257 }, () => exchange('a', 'x'));
const twice = exchange('a', 'x');
const heavy = { kind: 'player', stats: { note: 'z'.repeat(1_100_000) } } as const;
const session = fight({ red: ['a'], blue: ['x'] });

const WRONG: readonly (readonly [what: string, call: () => Promise<unknown>, says: RegExp])[] = [
  ['a session id with a dot', () => client.nudge('s.1'), /"s\.1" is no session id/],
  ['a session id with a wildcard', () => client.submit('*', [exchange('a', 'x')]), /is no session id/],
  ['a session id too long to be quoted', () => client.nudge('z'.repeat(200)), /^"z{79}\.\.\. is no session id/],
  ['an alias as the actor of a turn', () => client.endTurn('s', { charId: 'self' }), /"self" is no actor id/],
  ['a message too large', () => client.join('s', 'q', 'red', heavy), /bytes, more than the \d+ of a message/],
  ['a place that is no sequence', () => client.followResults({ from: 1.5 }), /from is 1\.5/],
  ['an ackWaitMs too short', () => client.durableResults('mine', { ackWaitMs: 10 }), /ackWaitMs is 10, expected/],
  ['nothing in flight', async () => new RiposteClient(connection, { inFlightMax: 0 }), /inFlightMax is 0/],
  ['an address that cannot be served', async () => connectionFrom({ NATS_URL: 'ws://a' }), /^NATS_URL: got "ws:/],
  ['no moves', () => client.submit('s', []), /no moves/],
  ['too many moves', () => client.submit('s', many), /257 moves, more than the 256/],
  ['a move twice', () => client.submit('s', [twice, twice]), /twice/],
  ['a move too big', () => client.submit('s', [exchange('a', 'x', { note: big })]), /bytes, more than 2048/],
  ['a move id that is none', () => client.submit('s', [exchange('a', 'x', { move_id: 'a b' })]), /"a b"/],
  ['an alias as an exchange target', () => client.submit('s', [exchange('a', 'all_enemies')]), /"all_enemies"/],
  ['a move that is none', () => client.submit('s', [null as unknown as Move]), /not an object/],
  ['a payload that is none', () => client.submit('s', [{ ...twice, payload: null as never }]), /payload/],
  ['a strategy nobody knows', () => client.submit('s', [{ ...twice, strategy: 'spell' as never }]), /strategy/],
  ['a timeout of nothing', () => client.submit('s', [twice], { timeoutMs: 0 }), /timeout of 0 ms/],
  ['one team', () => client.open({ ...session, teams: { red: ['a', 'x'] } }), /two teams/],
  ['an actor nobody described', () => client.open({ ...session, teams: { red: ['a', 'q'], blue: ['x'] } }), /actor q/],
  ['a seed too long', () => client.open({ ...session, seed: 'z'.repeat(1025) }), /seed/],
  ['an alias as an actor', () => client.join('s', 'self', 'red', { kind: 'player', stats: {} }), /actor id/],
  ['an actor without a kind', () => client.join('s', 'q', 'red', { stats: {} } as never), /kind/],
  ['a move id that is none, forced', () => client.endTurn('s', { moveId: '' }), /move_id/],
  ['nothing to follow', () => client.follow([]), /no kinds/],
  ["a role's own consumer", () => client.durableResults('collector'), /role's own/],
  ['a consumer without a name', () => client.durableResults('a b'), /no name of a consumer/],
  ['a name that is a number', () => client.durableResults(7 as unknown as string), /no name of a consumer/],
];

describe('a wrong call', () => {
  for (const [what, call, says] of WRONG) {
    test(`${what} is refused before anything is sent`, async () => {
      const before = sent();
      await expect(call()).rejects.toMatchObject({
        name: 'RiposteError',
        code: 'invalid_input',
        retryable: false,
        message: expect.stringMatching(says),
      });
      expect(sent()).toBe(before);
    });
  }
});

/** Messages the client has sent so far. */
function sent(): number {
  return connection.stats().outMsgs;
}

describe('without Riposte on the server', () => {
  test('a state is unavailable at once', async () => {
    await expect(client.state('s')).rejects.toMatchObject({ code: 'unavailable', retryable: true });
  });

  test('what cannot be stored has an unknown outcome, and following is unavailable', async () => {
    await expect(client.nudge('s')).rejects.toMatchObject({ code: 'unknown_outcome', retryable: true });
    await expect(client.open(session)).rejects.toMatchObject({ code: 'unknown_outcome' });
    await expect(client.followResults()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(client.durableResults('mine')).rejects.toMatchObject({ code: 'unavailable' });
    expect(await client.submit('s', [twice], { timeoutMs: 500 })).toMatchObject([{ outcome: 'unknown', seq: null }]);
  });

  test('a server that is not there is unavailable', async () => {
    const servers = 'nats://127.0.0.1:1';
    await expect(RiposteClient.connect({ servers, reconnect: false })).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('what a collector answers', () => {
  const NOT_NOW = 'the collector cannot say now';
  test.each([
    ['session_not_found', null],
    ['actor_unknown', { code: 'refused', retryable: false, message: 'session s: actor_unknown' }],
    ['unavailable', { code: 'unavailable', retryable: true, message: `session s: ${NOT_NOW}` }],
    ['an error of a later version', { code: 'unavailable', message: expect.stringMatching(/^session s: .*status/) }],
  ])('%s', async (error, outcome) => {
    const collector = connection.subscribe(sessionGetSubject('s'), {
      max: 1,
      callback: (_, request) => void request.respond(JSON.stringify({ error })),
    });
    const state = client.state('s');
    if (outcome === null) expect(await state).toBeNull();
    else await expect(state).rejects.toMatchObject(outcome);
    expect(collector.isClosed()).toBe(true);
  });
});

describe('a log without a collector', () => {
  beforeAll(async () => {
    const log = { name: 'LOG', subjects: ['collector.signal.quiet'], storage: 'memory' };
    const strict = { ...log, name: 'STRICT', subjects: ['collector.signal.strict'], max_msg_size: 10 };
    for (const config of [log, strict]) {
      await connection.request(`$JS.API.STREAM.CREATE.${config.name}`, JSON.stringify(config));
    }
  });

  test('a message that the server will not have is refused, and not sent again', async () => {
    const refusal = {
      code: 'refused',
      retryable: false,
      message: expect.stringMatching(/^collector\.signal\.strict: /),
    };
    await expect(client.nudge('strict')).rejects.toMatchObject(refusal);
    await expect(client.submit('strict', [twice])).rejects.toMatchObject(refusal);
  });

  test('who disconnects is told of what it has submitted that its outcome is unknown', async () => {
    const other = new RiposteClient(connection);
    const outcome = other.submit('quiet', [twice], { timeoutMs: 2 ** 31 - 1 });
    await other.disconnect();
    await other.disconnect();
    expect(await outcome).toMatchObject([{ outcome: 'unknown', seq: 1 }]);
    await expect(other.submit('quiet', [twice])).rejects.toMatchObject({ code: 'closed' });
  });
});
