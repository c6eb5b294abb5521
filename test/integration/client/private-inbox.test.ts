// Proves that who may listen to its own inboxes alone can do all a client does, under the prefix of its connection.

import { expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { exchange } from '#client/moves.ts';
import { TestRoles } from '#test/harness/roles.ts';
import { startTestServer } from '#test/harness/server.ts';
import { fight, PATIENT } from './stage.ts';

const USERS = `
  authorization { users: [
    { user: roles, password: pw }
    { user: game, password: pw, permissions: { publish: ">", subscribe: "_INBOX_game.>" } }
  ] }`;

test('a client that may subscribe to its private inboxes alone opens, submits, follows and looks', async () => {
  const server = await startTestServer({ config: USERS });
  try {
    await using _roles = await TestRoles.start({ url: server.url, env: { NATS_USER: 'roles', NATS_PASSWORD: 'pw' } });
    const connection = { servers: server.url, user: 'game', pass: 'pw', inboxPrefix: '_INBOX_game' };
    const client = await RiposteClient.connect(connection, PATIENT);
    const session = fight({ red: ['a'], blue: ['x'] });
    await client.open(session);
    const outcomes = await Promise.all([
      client.submit(session.session_id, [exchange('a', 'x')]),
      client.submit(session.session_id, [exchange('x', 'a')]),
    ]);
    expect(outcomes.flat().map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted']);
    for await (const result of await client.follow(['result'], { sessionId: session.session_id })) {
      expect(result.body.executed).toBe(1);
      break;
    }
    expect(await client.state(session.session_id)).toMatchObject({ status: 'open', step: 1 });
    await client.disconnect();
  } finally {
    await server.stop();
  }
});
