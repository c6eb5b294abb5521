// Proves that what is said of where the log ends is never older than what a follower has brought already, on three servers of which
// each has what it has at its own time. How often the leader's own word is older, without any fault, is recorded: it is why
// nobody begins a fold with it (docs/adr/0028-no-answer-older-than-what-is-known.md).

import { setTimeout as pause } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import { Follower } from '#jetstream/follower.ts';
import { provision } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { lastMessage } from '#jetstream/stored-message.ts';
import { tailOf } from '#jetstream/tail.ts';
import { readConfig } from '#process/config.ts';
import { createLogger } from '#process/logging.ts';
import { Cluster } from '../../harness/cluster.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';

const STAGE_LIMIT_MS = 240_000;
const LASTS_MS = depth({ slice: 3_000, full: 30_000 });
const SUBJECT = logSubject('signal', 'known');
const BODY = new TextEncoder().encode('{}');
/** Each has a consumer on a server of the servers' choice. */
const FOLLOWERS = 6;
const PUBLISHERS = 4;
/** On each server. */
const READERS = 2;

let cluster: Cluster;
const connections: NatsConnection[] = [];

beforeAll(async () => {
  cluster = await Cluster.start();
}, STAGE_LIMIT_MS);

afterAll(async () => {
  for (const nc of connections) await nc.close();
  await cluster?.stop();
}, STAGE_LIMIT_MS);

async function connected(url: string): Promise<NatsConnection> {
  const nc = await connect({ servers: url.split(',') });
  connections.push(nc);
  return nc;
}

/** No answer is as good as a late one: only a wrong one is not. */
function lagging(error: unknown): null {
  if (error instanceof EffectFailed) return null;
  throw error;
}

test('I1 no end of the log is older than what a follower has brought', { timeout: STAGE_LIMIT_MS }, async () => {
  const nc = await connected(cluster.url);
  const logger = createLogger('collector', 'test', 'silent');
  await provision(nc, [], { ...readConfig({}), replicas: 3, checkOnly: false }, logger);
  await cluster.whole();

  const publisher = new Publisher(nc);
  /** The last message of the session that some follower has brought. */
  let known = 0;
  const take = ({ seq }: { readonly seq: number }) => {
    if (seq > known) known = seq;
  };
  const lost = (reason: string) => expect.unreachable(reason);
  const follow = () => Follower.start(nc, { filter: null, fromSeq: 0, take, lost }, logger);
  const followers = await Promise.all(Array.from({ length: FOLLOWERS }, follow));

  let isOver = false;
  const untilOver = async (what: () => Promise<void>): Promise<void> => {
    while (!isOver) await what();
  };
  let [leaders, leadersBehind, tails] = [0, 0, 0];
  const tailsBehind: (readonly [known: number, last: number])[] = [];
  const readers = await Promise.all(cluster.nodes.map(({ url }) => connected(url)));
  const work = [
    ...Array.from({ length: PUBLISHERS }, () =>
      untilOver(async () => {
        await publisher.publish(SUBJECT, BODY);
      }),
    ),
    ...readers
      .flatMap((reader) => Array<NatsConnection>(READERS).fill(reader))
      .flatMap((reader) => [
        untilOver(async () => {
          const before = known;
          const tail = await tailOf(reader, COMBAT, SUBJECT, before).catch(lagging);
          if (tail === null) return;
          tails += 1;
          if (tail.last < before) tailsBehind.push([before, tail.last]);
        }),
        untilOver(async () => {
          const before = known;
          const message = await lastMessage(reader, COMBAT, SUBJECT).catch(lagging);
          leaders += 1;
          const last = message?.seq ?? before;
          if (last < before) leadersBehind += 1;
        }),
      ]),
  ];
  await pause(LASTS_MS);
  isOver = true;
  await Promise.all(work);
  for (const follower of followers) follower.stop();
  await publisher.close();

  recordFigures('known-place', {
    messages: known,
    leader_answers: leaders,
    leader_answers_behind: leadersBehind,
    tails,
    tails_behind: tailsBehind.length,
    command: 'npm run test:chaos -- test/chaos/cluster/known-place',
  });
  expect(tailsBehind).toEqual([]);
  expect(Math.min(tails, leaders, known)).toBeGreaterThan(0);
});
