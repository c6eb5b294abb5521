// Proves what docs/security.md says is to be done about a seed that leaked: with its file deleted, the configuration written anew
// and the server told to read it, whoever came with the old seed is cut off and stays out; others are not disturbed.

import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { authorityFileOf, securedPart, seedFileOf } from '#cli/nats-config/directory.ts';
import { RESULT_CONSUMERS, type User } from '#contracts/rights.ts';
import { loginOptions } from '#jetstream/login.ts';
import { readConfig } from '#process/config.ts';
import { startPrivateServer } from '#tools/nats-server/private-server.ts';

const LIMIT_MS = 120_000;
const NAMES = { name: 'private', host: 'private', alsoCalled: [] };
const PART = 'rights.conf';

test('a seed that leaked is worth nothing when the servers have read the new configuration', {
  timeout: LIMIT_MS,
}, async () => {
  let directory = '';
  const write = async (): Promise<void> =>
    writeFileSync(join(directory, PART), await securedPart(directory, NAMES, RESULT_CONSUMERS));
  await using server = await startPrivateServer({
    config: async (given) => {
      directory = given;
      await write();
      return `include "${PART}"`;
    },
  });
  const login = (user: User, seedFile = seedFileOf(directory, user)): Promise<NatsConnection> => {
    const environment = {
      NATS_URL: server.url,
      NATS_NKEY_SEED_FILE: seedFile,
      NATS_TLS_CA: authorityFileOf(directory),
    };
    return connect({ ...loginOptions(readConfig(environment).nats, user), maxReconnectAttempts: 0 });
  };
  const leaked = join(directory, 'leaked.nk');
  copyFileSync(seedFileOf(directory, 'game_server'), leaked);
  const thief = await login('game_server', leaked);
  const collector = await login('collector');
  await thief.flush();

  rmSync(seedFileOf(directory, 'game_server'));
  await write();
  await server.kill('SIGHUP');

  await thief.closed();
  await expect(login('game_server', leaked)).rejects.toThrow(/authorization violation/i);
  const owner = await login('game_server');
  await owner.flush();
  await owner.close();
  await collector.flush(); // on the connection that it had before
  await collector.close();
});
