// Proves that roles without the right to make streams say in readiness that a bucket has been lost, and go on when an operator
// has provisioned anew.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { provisionCommand } from '#cli/provision/command.ts';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { exchange } from '#client/moves.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { FAST_CLOCKS, TestRoles } from '#test/harness/roles.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { runHere } from '#test/integration/cli/in-process.ts';
import { fight, PATIENT, STAGE_LIMIT_MS } from '#test/integration/client/stage.ts';

const LOOK_MS = 100;

let secured: SecuredServer;
let roles: TestRoles;

beforeAll(async () => {
  secured = await startSecuredServer();
  roles = await TestRoles.start({
    url: secured.server.url,
    env: { ...FAST_CLOCKS, PROVISION: 'off' },
    envOf: (role) => ({ ...secured.environmentOf(role), ...(role === 'collector' && { HTTP_PORT: '0' }) }),
  });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await roles?.stop();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

const readiness = async (): Promise<string> => {
  const [collector] = roles.of('collector');
  const answer = await fetch(`http://127.0.0.1:${collector?.httpPort}/readyz`);
  return `${answer.status} ${await answer.text()}`;
};

test('a bucket of locks that is lost is named in readiness, and fights go on when it is provisioned again', {
  timeout: STAGE_LIMIT_MS,
}, async () => {
  await using client = await RiposteClient.connect(connectionFrom(secured.environmentOf('game_server')), PATIENT);
  const operator = await connectAs(secured, 'operator');
  await operator.request('$JS.API.STREAM.DELETE.KV_locks', '', PATIENCE);
  await operator.close();
  const session = fight({ red: ['a'], blue: ['x'] });
  await client.open(session);
  const results = await client.followResults({ sessionId: session.session_id });
  const submitting = client.submit(session.session_id, [exchange('a', 'x'), exchange('x', 'a')]);
  while (!/^503 .*locks/s.test(await readiness())) await pause(LOOK_MS);
  const { code, out } = await runHere(provisionCommand, [], secured.environmentOf('operator'));
  expect([code, out.filter((line) => line.endsWith('created'))]).toEqual([0, ['stream   KV_locks    created']]);
  for await (const { body } of results) {
    expect(body.executed).toBe(1);
    break;
  }
  // A verdict is given when all that the move calls for has been done.
  expect(await submitting).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
  while (!(await readiness()).startsWith('200')) await pause(LOOK_MS);
  const observer = await connectAs(secured, 'observer');
  expect((await audit(observer, { atRest: true })).breaches.map(breachLine)).toEqual([]);
  await observer.close();
});
