// Proves that the rights the guide lists are enough for everything a game server does, and that they are not more than that:
// a user with these and no others runs every call, and may not write what the roles write.

import { readFileSync } from 'node:fs';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { exchange } from '#client/moves.ts';
import { TestRoles } from '#test/harness/roles.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { fight, PATIENT, STAGE_LIMIT_MS } from './stage.ts';

const guide = readFileSync(new URL('../../../docs/guide-game-server.md', import.meta.url), 'utf8');
/** Subjects of the guide's table whose right begins with this word. */
const rights = (word: string): string[] =>
  [...guide.matchAll(/^\| ([a-z][^|]*?) *\| (`[^|]*`) *\|$/gm)]
    .filter(([, right]) => right!.startsWith(word))
    .flatMap(([, , subjects]) => [...subjects!.matchAll(/`([^`]+)`/g)].map(([, subject]) => subject!));

const ROLE = { user: 'role', pass: 'for-roles' };
const GAME = { user: 'game', pass: 'for-games' };

let server: TestServer;
let roles: TestRoles;
let nc: NatsConnection;
let client: RiposteClient;

beforeAll(async () => {
  const permissions = { publish: rights('publish'), subscribe: rights('subscribe') };
  const users = [
    { user: ROLE.user, password: ROLE.pass },
    { user: 'blind', password: 'for-nothing', permissions: { publish: ['nothing'], subscribe: ['_INBOX.>'] } },
    { user: GAME.user, password: GAME.pass, permissions },
  ];
  server = await startTestServer({ config: `authorization: ${JSON.stringify({ users })}` });
  roles = await TestRoles.start({ url: server.url, env: { NATS_USER: ROLE.user, NATS_PASSWORD: ROLE.pass } });
  nc = await connect({ servers: server.url, ...GAME });
  client = new RiposteClient(nc, PATIENT);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await client?.disconnect();
  await nc?.close();
  await roles?.stop();
  await server?.stop();
}, STAGE_LIMIT_MS);

test('the rights of the guide are enough for every call', async () => {
  const violations: string[] = [];
  void (async () => {
    for await (const status of nc.status()) if (status.type === 'error') violations.push(status.error.message);
  })();
  const session = fight({ red: ['a'], blue: ['x'] });
  const { session_id: sessionId } = session;
  const durable = await client.durableResults('results', { from: 'now' });
  expect(await client.open(session)).toMatchObject({ outcome: 'opened' });
  expect(await client.open(session)).toMatchObject({ outcome: 'exists' });
  await client.join(sessionId, 'y', 'blue', { kind: 'player', stats: {} });
  await client.leave(sessionId, 'y');
  const moves = [exchange('a', 'x'), exchange('x', 'a')];
  expect(await client.submit(sessionId, moves)).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
  for await (const { session_id: id, ack } of durable) {
    expect(id).toBe(sessionId);
    ack();
    break;
  }
  await client.nudge(sessionId);
  await client.endTurn(sessionId);
  expect(await client.state(sessionId, 'a')).toMatchObject({ queue: ['x'] });
  await client.close(sessionId);
  const kinds: string[] = [];
  for await (const { kind, body } of await client.follow(['session', 'action', 'result'], { sessionId })) {
    kinds.push(kind);
    if ('type' in body && body.type === 'closed') break;
  }
  expect(kinds).toEqual(['session', 'session', 'session', 'action', 'result', 'session']);
  expect(violations).toEqual([]);
});

test('without the right to follow, following is refused, and not tried again', async () => {
  const blind = await connect({ servers: server.url, user: 'blind', pass: 'for-nothing' });
  const other = new RiposteClient(blind);
  const calls = [() => other.followResults({ from: 1 }), () => other.durableResults('x'), () => other.state('s')];
  for (const call of calls) {
    await expect(call()).rejects.toMatchObject({ code: 'refused', retryable: false });
  }
  await other.disconnect();
  await blind.close();
});

test('and they are no rights to write what the roles write', async () => {
  for (const subject of ['combat.action.s', 'combat.result.s', 'executor.batch.s', '$KV.locks.sys.busy.s']) {
    await expect(nc.request(subject, '{}', { timeout: STAGE_LIMIT_MS })).rejects.toThrow(/permission/i);
  }
});
