// Proves that a cluster of three servers loses no acknowledged move and doubles none, whichever server dies, hangs, is cut off
// or is restarted while fights go on; and that the roles can be started with REPLICAS=3 before the cluster has found itself.
//
// How long a fault keeps the fights waiting is measured and recorded, and not asserted: nats-server takes four to nine
// seconds to elect a leader. What is asserted is that every fight goes on.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { bucketStream, COMBAT, CONSUMERS, LOCKS_BUCKET, TASKS, TIMERS } from '#contracts/streams.ts';
import { bareEnvironment } from '#test/harness/environment.ts';
import { RoleProcess } from '#tools/roles/role-process.ts';
import { Cluster, type Replicated } from '../../harness/cluster.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { networkFault } from '../../harness/network.ts';
import { startTestServer } from '../../harness/server.ts';
import { ENVIRONMENT, type Outcome, Siege } from './siege.ts';

const SCENARIO_LIMIT_MS = 300_000;
/** Longer than an election, than LOCK_TTL and ACK_WAIT here, and than a client takes to miss two pings. */
const FAULT_MS = 15_000;
const FULL = depth({ slice: false, full: true });

/** Everything that has a leader on the way of a blow. */
const LED: readonly Replicated[] = [
  { stream: COMBAT },
  { stream: TASKS },
  { stream: TIMERS },
  { stream: bucketStream(LOCKS_BUCKET) },
  ...Object.entries(CONSUMERS).map(([consumer, { stream }]) => ({ stream, consumer })),
];

const outcomes = new Map<string, Outcome>();

afterAll(() => {
  const all = [...outcomes.values()];
  const sum = (of: (outcome: Outcome) => number): number => all.reduce((total, outcome) => total + of(outcome), 0);
  recordFigures('cluster', {
    faults: sum(({ faults }) => faults),
    messages: sum(({ messages }) => messages),
    acknowledged_moves: sum(({ acknowledged }) => acknowledged),
    exchanges: sum(({ exchanges }) => exchanges),
    lost: sum(({ lost }) => lost.length),
    doubled: sum(({ doubled }) => doubled.length),
    public_record_behind_ms: Math.max(0, ...all.map(({ recordLagMs }) => recordLagMs)),
    longest_recovery_ms: Math.max(0, ...all.map(({ longestWaitMs }) => longestWaitMs)),
    ...Object.fromEntries(FULL ? [...outcomes].flatMap(([name, outcome]) => figuresOf(name, outcome)) : []),
    command: 'npm run test:chaos -- test/chaos/cluster',
  });
});

function figuresOf(name: string, outcome: Outcome): [string, number | string][] {
  return [
    [`${name}_faults`, outcome.faults],
    [`${name}_messages`, outcome.messages],
    [`${name}_acknowledged`, outcome.acknowledged],
    [`${name}_lost`, outcome.lost.length],
    [`${name}_doubled`, outcome.doubled.length],
    [`${name}_record_lag_ms`, outcome.recordLagMs],
    [`${name}_no_result_ms`, outcome.longestStallMs],
    [`${name}_longest_wait_ms`, outcome.longestWaitMs],
    [`${name}_waits_ms`, outcome.waitsMs.map(Math.round).join(' ')],
    ...(outcome.longestElectionMs === 0
      ? []
      : ([
          [`${name}_longest_election_ms`, outcome.longestElectionMs],
          [`${name}_longest_beyond_election_ms`, outcome.longestBeyondMs],
        ] as [string, number][])),
  ];
}

async function expectWhole(name: string, siege: Siege): Promise<void> {
  const outcome = await siege.end();
  outcomes.set(name, outcome);
  const { lost, doubled, wrong, breaches } = outcome;
  expect({ lost, doubled, wrong, breaches }).toEqual({ lost: [], doubled: [], wrong: [], breaches: [] });
  expect(outcome.acknowledged).toBeGreaterThan(0);
}

/** `kill -9` of a leader; it comes back when the fights have gone on without it. */
async function killLeader(siege: Siege, of: Replicated): Promise<void> {
  const { cluster, load } = siege;
  const node = await cluster.leaderOf(of);
  const inject = async (): Promise<void> => {
    await cluster.kill(node);
    await Promise.all([siege.elected(LED), load.progress()]);
  };
  await siege.fault(`the leader of ${of.consumer ?? of.stream} killed`, inject, () => cluster.restart(node));
}

describe('three servers', { timeout: SCENARIO_LIMIT_MS }, () => {
  test('a leader killed (kill -9) costs no acknowledged move, and every fight goes on without it', async () => {
    await using siege = await Siege.begin('killed');
    for (const of of FULL ? LED : [{ stream: COMBAT }]) await killLeader(siege, of);
    await expectWhole('killed', siege);
  });

  test('REPLICAS=3 is refused by a server that is no cluster, in one line that says why', async () => {
    const server = await startTestServer();
    const lines: string[] = [];
    const env = { ...bareEnvironment(), ...ENVIRONMENT, NATS_URL: server.url };
    const role = new RoleProcess('collector', env, ({ level, text }) => void (level !== 'routine' && lines.push(text)));
    try {
      expect((await role.exited).code).toBe(1);
      expect(lines).toEqual([
        expect.stringMatching(
          /^collector: stream COMBAT cannot be created: REPLICAS=3 needs a cluster of as many servers/,
        ),
      ]);
    } finally {
      await server.stop();
    }
  });
});

describe.runIf(FULL)('three servers, in full', { timeout: SCENARIO_LIMIT_MS }, () => {
  test('I5 a leader that hangs (SIGSTOP) and goes on as if nothing had been costs no acknowledged move', async () => {
    await using siege = await Siege.begin('frozen');
    const { cluster } = siege;
    const node = await cluster.leaderOf({ stream: COMBAT });
    const inject = async (): Promise<void> => {
      await cluster.freeze(node);
      await pause(FAULT_MS);
    };
    await siege.fault('the leader of the log frozen', inject, () => cluster.thaw(node));
    await expectWhole('frozen', siege);
  });

  test('a restart of one server after the other, by lame duck and by SIGTERM, costs no acknowledged move', async () => {
    await using siege = await Siege.begin('rolling');
    const { cluster } = siege;
    for (const end of [cluster.retire, cluster.terminate]) {
      for (const node of cluster.nodes) {
        await siege.fault(
          `${node.name} restarted`,
          () => end.call(cluster, node),
          () => cluster.restart(node),
        );
      }
    }
    await expectWhole('rolling', siege);
  });

  test('roles started with REPLICAS=3 wait for servers that have not found each other yet', async () => {
    const cluster = await Cluster.start();
    const [first, ...others] = cluster.nodes;
    for (const node of others) await cluster.kill(node);
    const env = { ...bareEnvironment(), ...ENVIRONMENT, NATS_URL: cluster.url };
    const said = Promise.withResolvers<void>();
    const early = new RoleProcess(
      'collector',
      env,
      ({ text }) => text.startsWith('waiting for JetStream') && said.resolve(),
    );
    try {
      await Promise.race([said.promise, early.exited.then((exit) => expect.unreachable(`it ended: ${exit.code}`))]);
      for (const node of others) await cluster.restart(node);
      await early.ready;
      expect(first!.server.pid).toBeDefined();
      await using siege = await Siege.on(cluster, 'forming');
      await expectWhole('forming', siege);
      expect((await early.stop()).code).toBe(0);
    } finally {
      await early.stop();
      await cluster.stop();
    }
  });
});

const fault = FULL ? networkFault() : null;
const why = fault === null ? '' : ` (skipped: ${fault})`;

describe.runIf(FULL)(`three servers in a network of their own${why}`, { timeout: SCENARIO_LIMIT_MS }, () => {
  test.skipIf(fault !== null)(
    'the leader cut off from the others and from its clients costs no acknowledged move',
    async () => {
      await using siege = await Siege.begin('cut', true);
      const { cluster } = siege;
      const { index } = await cluster.leaderOf({ stream: COMBAT });
      const inject = async (): Promise<void> => {
        cluster.network!.cut(index, 'nodes');
        cluster.network!.cut(index, 'clients');
        await pause(FAULT_MS);
      };
      const heal = async (): Promise<void> => {
        cluster.network!.mend(index, 'nodes');
        cluster.network!.mend(index, 'clients');
      };
      await siege.fault('the leader of the log cut off', inject, heal);
      await expectWhole('cut', siege);
    },
  );

  test.skipIf(fault !== null)(
    'I5 a leader cut off from the others but not from its clients commits nothing',
    async () => {
      await using siege = await Siege.begin('minority', true);
      const { cluster } = siege;
      const node = await cluster.leaderOf({ stream: COMBAT });
      await using _collector = await siege.reinforce('collector', node.url);
      await using _executor = await siege.reinforce('executor', node.url);
      const inject = async (): Promise<void> => {
        cluster.network!.cut(node.index, 'nodes');
        await pause(FAULT_MS);
      };
      await siege.fault('the leader of the log in a minority', inject, async () =>
        cluster.network!.mend(node.index, 'nodes'),
      );
      await expectWhole('minority', siege);
    },
  );
});
