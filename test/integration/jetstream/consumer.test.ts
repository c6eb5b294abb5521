// Proves that taking from a durable consumer goes on for ever: whatever becomes of the consumer, its stream and its server,
// every message is handed out until it has been acknowledged.

import { jetstreamManager } from '@nats-io/jetstream';
import { describe, expect, test } from 'vitest';
import { COMBAT, CONSUMERS, type ConsumerName, TASKS } from '#contracts/streams.ts';
import { executorBatchSubject, logSubject } from '#contracts/subjects.ts';
import { Consuming } from '#jetstream/consumer.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import { retryDelayMs } from '#jetstream/delivery.ts';
import { provision } from '#jetstream/provision.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { freshSession, nudge, nudges, Rig, until } from './rig.ts';

/** Nothing comes again because a busy machine has not acknowledged it yet. */
const PATIENT = { ackWaitMs: 600_000 };

/** Takes from a consumer on a connection of its own, keeps what it is given, and acknowledges it. */
async function taking(rig: Rig, name: ConsumerName, take: (delivery: Delivery) => void): Promise<Consuming> {
  const { nc } = await rig.replica();
  const ensure = () => provision(nc, [name], rig.options, rig.lines.logger);
  return await Consuming.start(nc, name, ensure, take, rig.lines.logger);
}

/** Takes and acknowledges; resolves with the sequences seen. */
async function collecting(rig: Rig, name: ConsumerName): Promise<[Consuming, Set<number>]> {
  const seen = new Set<number>();
  const consuming = await taking(rig, name, (delivery) => {
    seen.add(delivery.seq);
    delivery.ack();
  });
  return [consuming, seen];
}

async function tasks(rig: Rig, count: number): Promise<number[]> {
  const id = freshSession();
  const receipts = await Promise.all(
    Array.from({ length: count }, (_, n) => rig.publisher.publish(executorBatchSubject(id), nudge(id, n))),
  );
  return receipts.map((receipt) => (receipt.kind === 'stored' ? receipt.seq : -1));
}

async function untilSeen(seen: ReadonlySet<number>, seqs: readonly number[]): Promise<void> {
  await until(`all of ${seqs.length} messages`, () => seqs.every((seq) => seen.has(seq)));
}

describe.concurrent('a durable consumer', () => {
  test('hands out what is on its subjects, with its place, and again until it is acknowledged', async () => {
    await using rig = await Rig.open(PATIENT, ['collector']);
    const id = freshSession();
    const given: Delivery[] = [];
    const consuming = await taking(rig, 'collector', (delivery) => {
      given.push(delivery);
      if (delivery.count < 3) delivery.retry(1);
      else delivery.ack();
    });
    expect(consuming.fault).toBeNull();
    for (const kind of ['session', 'signal', 'action', 'result'] as const) {
      await rig.publisher.publish(logSubject(kind, id), nudge(id, 0));
    }
    await until('three deliveries of each wake', () => given.length === 6);
    const seen = given.map(({ stream, subject, seq, count }) => [stream, subject, seq, count]).sort();
    const session = [1, 2, 3].map((count) => [COMBAT, logSubject('session', id), 1, count]);
    const signal = [1, 2, 3].map((count) => [COMBAT, logSubject('signal', id), 2, count]);
    expect(seen).toEqual([...signal, ...session]);
    expect(given.every(({ data }) => Buffer.from(data).equals(nudge(id, 0)))).toBe(true);
  });

  test('I8 hands out what nobody acknowledged again after ACK_WAIT, to another replica', async () => {
    await using rig = await Rig.open({}, ['executor']);
    const dead = await rig.replica();
    const ensure = async (): Promise<void> => {};
    await Consuming.start(dead.nc, 'executor', ensure, () => {}, rig.lines.logger);
    const seqs = await tasks(rig, 10);
    await until('deliveries to the dead', async () => {
      const { num_ack_pending } = await (await jetstreamManager(rig.nc, PATIENCE)).consumers.info(TASKS, 'executor');
      return num_ack_pending === 10;
    });
    await dead.nc.close();
    const [, seen] = await collecting(rig, 'executor');
    await untilSeen(seen, seqs);
    await until('an empty queue', async () => (await rig.api(`STREAM.INFO.${TASKS}`)).state?.messages === 0);
  });

  test('shared by replicas gives each message to one of them', async () => {
    await using rig = await Rig.open(PATIENT, ['executor']);
    const all = await Promise.all([1, 2, 3].map(() => collecting(rig, 'executor')));
    const seqs: number[] = [];
    for (let round = 0; round < 10; round += 1) seqs.push(...(await tasks(rig, 100)));
    const merged = () => all.flatMap(([, seen]) => [...seen]);
    await until('every task', () => merged().length >= seqs.length);
    expect(merged().sort((left, right) => left - right)).toEqual(seqs);
  });

  test.each(['collector', 'executor'] as const)(
    'that is deleted is made again, and nothing is lost: %s',
    async (name) => {
      await using rig = await Rig.open({}, [name]);
      const [consuming, seen] = await collecting(rig, name);
      const publish = async (count: number): Promise<number[]> =>
        name === 'executor' ? await tasks(rig, count) : await nudges(rig.publisher, freshSession(), count);
      const jsm = await jetstreamManager(rig.nc, PATIENCE);
      const seqs = await publish(100);
      await untilSeen(seen, seqs);
      for (let round = 0; round < 2; round += 1) {
        await jsm.consumers.delete(CONSUMERS[name].stream, name);
        seqs.push(...(await publish(100)));
        await untilSeen(seen, seqs);
      }
      await until('no fault', () => consuming.fault === null);
      const { config } = await jsm.consumers.info(CONSUMERS[name].stream, name);
      expect(config).toMatchObject({ ack_policy: 'explicit', max_deliver: -1, durable_name: name });
    },
  );

  test('whose stream is deleted is there again with its stream', async () => {
    await using rig = await Rig.open({}, ['executor']);
    const [consuming, seen] = await collecting(rig, 'executor');
    await untilSeen(seen, await tasks(rig, 10));
    await rig.drop(TASKS);
    const again = await until('TASKS', async () => {
      const receipt = await rig.publisher.publish(executorBatchSubject('again'), new Uint8Array(1));
      return receipt.kind === 'stored' && receipt.seq;
    });
    seen.clear();
    const seqs = await tasks(rig, 10);
    expect(seqs[0]).toBeGreaterThan(again);
    await untilSeen(seen, seqs);
    await until('no fault', () => consuming.fault === null);
  });

  test('goes on after kill -9 of the server: what was not acknowledged comes again, and what is new comes', async () => {
    await using rig = await Rig.alone({}, ['collector']);
    const [consuming, seen] = await collecting(rig, 'collector');
    const before = await nudges(rig.publisher, freshSession(), 500);
    await rig.server.kill();
    await rig.server.restart();
    await rig.reconnected();
    const after = await nudges(rig.publisher, freshSession(), 500);
    await untilSeen(seen, [...before, ...after]);
    await until('no fault', () => consuming.fault === null);
  });

  test.each(['collector', 'executor'] as const)(
    'that is set beyond the end of its stream is found there and made anew, and nothing is lost: %s',
    async (name) => {
      await using rig = await Rig.open({}, [name]);
      const [consuming, seen] = await collecting(rig, name);
      const publish = async (count: number): Promise<number[]> =>
        name === 'executor' ? await tasks(rig, count) : await nudges(rig.publisher, freshSession(), count);
      await untilSeen(seen, await publish(10));
      await rig.api(`CONSUMER.RESET.${CONSUMERS[name].stream}.${name}`, { seq: 1_000_000 });
      await untilSeen(seen, await publish(10));
      expect(rig.lines.saying(/stands beyond the end of its stream/)).not.toEqual([]);
      await until('no fault', () => consuming.fault === null);
    },
  );

  test('that is set beyond the end of its stream shows in readiness where nobody may make it anew', async () => {
    await using rig = await Rig.open({}, ['executor']);
    const { nc } = await rig.replica();
    const ensure = () => provision(nc, ['executor'], { ...rig.options, checkOnly: true }, rig.lines.logger);
    const seen = new Set<number>();
    const take = (delivery: Delivery): void => void seen.add(delivery.seq);
    const consuming = await Consuming.start(nc, 'executor', ensure, take, rig.lines.logger);
    await rig.api(`CONSUMER.RESET.${TASKS}.executor`, { seq: 1_000_000 });
    await until('a fault', () => /beyond the end/.test(consuming.fault ?? ''));
    const seqs = await tasks(rig, 10);
    // An operator provisions.
    await provision(rig.nc, ['executor'], rig.options, rig.lines.logger);
    await untilSeen(seen, seqs);
    await until('no fault', () => consuming.fault === null);
  });

  test('goes on after the server has stood still', async () => {
    await using rig = await Rig.alone({}, ['collector']);
    const [, seen] = await collecting(rig, 'collector');
    await untilSeen(seen, await nudges(rig.publisher, freshSession(), 10));
    await rig.server.kill('SIGSTOP');
    await until('missed heartbeats', () => rig.lines.saying(/heartbeats missed/).length > 0);
    await rig.server.kill('SIGCONT');
    await untilSeen(seen, await nudges(rig.publisher, freshSession(), 10));
  });

  test('goes on after whoever takes a delivery has thrown, and that delivery comes again', async () => {
    await using rig = await Rig.open({}, ['collector']);
    const seen = new Set<number>();
    await taking(rig, 'collector', (delivery) => {
      if (delivery.seq === 5 && delivery.count === 1) throw new Error('cannot take this one');
      seen.add(delivery.seq);
      delivery.ack();
    });
    await untilSeen(seen, await nudges(rig.publisher, freshSession(), 10));
    expect(rig.lines.saying(/a delivery was not taken/)).toHaveLength(1);
  });

  test('that is stopped hands out no more, and what was not acknowledged is there for the next', async () => {
    await using rig = await Rig.open({}, ['executor']);
    const [consuming, seen] = await collecting(rig, 'executor');
    await untilSeen(seen, await tasks(rig, 10));
    await consuming.stop();
    const seqs = await tasks(rig, 10);
    const [, next] = await collecting(rig, 'executor');
    await untilSeen(next, seqs);
    expect(seqs.some((seq) => seen.has(seq))).toBe(false);
  });
});

test('the delay before a retry grows, is capped, and is never nothing', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 1_000, 1_000_000].map(retryDelayMs);
  expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000]);
});
