// Proves that the account `$SYS` is apart: its user hears of servers and connections, and nothing of what is said or stored where
// the streams are; and no other user hears anything of it.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { USERS } from '#contracts/rights.ts';
import { loginOptions } from '#jetstream/login.ts';
import { readConfig } from '#process/config.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';

const LIMIT_MS = 120_000;

let secured: SecuredServer;
let system: NatsConnection;

beforeAll(async () => {
  secured = await startSecuredServer();
  // As the `nats` command line connects: with the inboxes that clients have by default.
  const env = { ...secured.environmentOf('system'), NATS_INBOX_PREFIX: '_INBOX' };
  system = await connect(loginOptions(readConfig(env).nats, 'operator'));
}, LIMIT_MS);

afterAll(async () => {
  await system?.close();
  await secured?.server.stop();
}, LIMIT_MS);

test('its user hears who connects, and is answered by servers', async () => {
  const connected = system.subscribe('$SYS.ACCOUNT.*.CONNECT');
  await system.flush();
  const nc = await connectAs(secured, 'ai');
  for await (const message of connected) {
    if (message.json<{ client: { name?: string } }>().client.name === 'ai') break;
  }
  const server = (await system.request('$SYS.REQ.SERVER.PING', '', PATIENCE)).json<{ server: { ver: string } }>();
  expect(server.server.ver).toBe(nc.info?.version);
  await nc.close();
});

test('its user asks nothing about streams, and hears nothing that others ask and are answered', async () => {
  // All that is asked of JetStream passes through this account: messages that are read, the seal of a consumer.
  for (const subject of ['>', '*.>', '$JS.>', '$JS.API.>', '_R_.>', 'combat.>', '_INBOX_operator.>']) {
    const refused = await new Promise<Error | null>((resolve) => system.subscribe(subject, { callback: resolve }));
    expect(refused?.message).toContain(`Permissions Violation for Subscription to "${subject}"`);
  }
  for (const path of ['INFO', 'STREAM.NAMES', 'STREAM.DELETE.COMBAT', 'DIRECT.GET.COMBAT', 'STREAM.MSG.GET.COMBAT']) {
    await expect(system.request(`$JS.API.${path}`, '', PATIENCE)).rejects.toThrow(
      /Permissions Violation for Publish to/,
    );
  }
  const heard: string[] = [];
  for (const subject of ['$SYS.>', '_INBOX.>']) {
    system.subscribe(subject, { callback: (_, message) => void heard.push(message.string()) });
  }
  await system.flush();
  const gameServer = await connectAs(secured, 'game_server');
  await gameServer.request('collector.signal.s', '{"secret":"pending"}', PATIENCE); // answered when it is stored
  const observer = await connectAs(secured, 'observer');
  const read = await observer.request(
    '$JS.API.STREAM.MSG.GET.COMBAT',
    '{"last_by_subj":"collector.signal.s"}',
    PATIENCE,
  );
  const { data } = read.json<{ message: { data: string } }>().message;
  const info = await observer.request('$JS.API.CONSUMER.INFO.COMBAT.collector', '', PATIENCE);
  const seal = info.json<{ config: { opt_start_time: string } }>().config.opt_start_time;
  await Promise.all([gameServer.close(), observer.close()]);
  await system.request('$SYS.REQ.SERVER.PING', '', PATIENCE); // what is asked last is heard last
  expect(heard.length).toBeGreaterThan(0);
  for (const secret of [data, 'pending', seal]) expect(heard.filter((text) => text.includes(secret))).toEqual([]);
});

test.each(USERS)('%s may not listen to it', async (user) => {
  const nc = await connectAs(secured, user);
  for (const subject of ['$SYS.>', '$SYS.ACCOUNT.>', '$SYS.SERVER.>', '$SYS.REQ.>']) {
    const refused = await new Promise<Error | null>((resolve) => nc.subscribe(subject, { callback: resolve }));
    expect(refused?.message).toContain(`Permissions Violation for Subscription to "${subject}"`);
  }
  await nc.close();
});
