// Proves that nobody is let in without TLS, whatever seed they have: by a login made by hand, which opens the door where it is made
// over TLS and closes it where it is not.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as dial, type Socket } from 'node:net';
import { connect as secure } from 'node:tls';
import { fromSeed } from '@nats-io/nkeys';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';

const LIMIT_MS = 120_000;

let secured: SecuredServer;

beforeAll(async () => {
  secured = await startSecuredServer();
}, LIMIT_MS);

afterAll(() => secured?.server.stop(), LIMIT_MS);

/** What the server says to an operator's login and a PING, in the clear or over TLS; all of it, until a PONG or the end. */
async function answer(isSecure: boolean): Promise<string> {
  const { NATS_NKEY_SEED_FILE: seedFile, NATS_TLS_CA: ca } = secured.environmentOf('operator');
  const plain = dial(secured.server.port, '127.0.0.1');
  const [info] = (await once(plain, 'data')) as [Buffer];
  const { nonce, tls_required: isAsked } = JSON.parse(info.toString().slice('INFO '.length)) as Record<string, unknown>;
  expect(isAsked).toBe(true);
  const key = fromSeed(Buffer.from(readFileSync(seedFile!, 'utf8').trim()));
  const socket: Socket = isSecure ? secure({ socket: plain, ca: readFileSync(ca!), servername: 'localhost' }) : plain;
  socket.on('error', () => {}); // an end is an end
  const sig = Buffer.from(key.sign(Buffer.from(String(nonce)))).toString('base64url');
  socket.write(
    `CONNECT ${JSON.stringify({ verbose: false, nkey: key.getPublicKey(), sig, lang: 'test' })}\r\nPING\r\n`,
  );
  let said = '';
  socket.on('data', (data) => {
    said += data.toString('latin1');
    if (said.includes('PONG')) socket.destroy();
  });
  await once(socket, 'close');
  return said;
}

test('a login in the clear is not let in; the very same over TLS is', async () => {
  expect(await answer(true)).toContain('PONG');
  expect(await answer(false)).not.toContain('PONG');
});
