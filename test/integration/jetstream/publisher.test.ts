// Proves that every way a publish can go is a receipt that says what to do next: stored, refused, lost against another, or
// unknown; and that nobody waits for ever.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import { Link } from './link.ts';
import { freshSession, nudge, nudges, RIG_LIMIT_MS, Rig, until, within } from './rig.ts';

const MESSAGE_BYTES = 512 * 1_024;
const MEGABYTE = 1_024 * 1_024;
const IN_FLIGHT_MAX = 65_536;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open();
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

const held = async (subject: string): Promise<number> => {
  const answer = (await rig.api(`STREAM.INFO.${COMBAT}`, { subjects_filter: subject })) as {
    state: { subjects?: Record<string, number> };
  };
  return answer.state.subjects?.[subject] ?? 0;
};

describe.concurrent('a publish', () => {
  test('is stored at the sequences of the stream, in the order in which it was asked for', async () => {
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 1_000);
    expect(seqs).toEqual(seqs.toSorted((left, right) => left - right));
    const read: number[] = [];
    await rig.effects.readLog(logSubject('signal', id), 1, (message) => {
      read.push((JSON.parse(Buffer.from(message.data).toString()) as { n: number }).n);
    });
    expect(read).toEqual(Array.from({ length: 1_000 }, (_, n) => n));
  });

  test('with a Msg-Id that was seen is a duplicate, at the place of the first', async () => {
    const id = freshSession();
    const subject = logSubject('signal', id);
    const publish = (n: number) => rig.publisher.publish(subject, nudge(id, n), { msgId: `of ${id}` });
    const first = await publish(1);
    expect(first).toEqual({ kind: 'stored', seq: expect.any(Number), duplicate: false });
    expect(await publish(2)).toEqual({ ...first, duplicate: true });
    expect(await held(subject)).toBe(1);
  });

  test('I5 with another last sequence than expected is a conflict that tells the last one', async () => {
    const id = freshSession();
    const subject = logSubject('action', id);
    const publish = (expected: number) => rig.publisher.publish(subject, nudge(id, 0), { expected });
    const first = await publish(0);
    if (first.kind !== 'stored') throw new Error(JSON.stringify(first));
    expect(await publish(0)).toEqual({ kind: 'conflict', last: first.seq });
    expect(await publish(first.seq + 1_000)).toEqual({ kind: 'conflict', last: first.seq });
    expect(await publish(first.seq)).toMatchObject({ kind: 'stored' });
    expect(await held(subject)).toBe(2);
  });

  test('I5 of two with the same expectation one is stored, 100 times over', async () => {
    const other = await rig.replica();
    for (let round = 0; round < 100; round += 1) {
      const id = freshSession();
      const subject = logSubject('action', id);
      const both = [rig.publisher, other.publisher].map((from) => from.publish(subject, nudge(id, 0), { expected: 0 }));
      const kinds = (await Promise.all(both)).map((receipt) => receipt.kind).sort();
      expect(kinds).toEqual(['conflict', 'stored']);
    }
  });

  test('larger than the stream takes is refused by the server, larger than the server takes by the client', async () => {
    const id = freshSession();
    const subject = logSubject('signal', id);
    const sized = (bytes: number) => rig.publisher.publish(subject, new Uint8Array(bytes));
    expect(await sized(MESSAGE_BYTES)).toMatchObject({ kind: 'stored' });
    expect(await sized(MESSAGE_BYTES + 1)).toMatchObject({ kind: 'refused', code: 10054 });
    expect(await sized(MEGABYTE + 1)).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/./) });
    expect(await held(subject)).toBe(1);
  });

  test('to a subject nobody keeps is unknown at once', async () => {
    const receipt = await rig.publisher.publish('nobody.keeps.this', new Uint8Array(1));
    expect(receipt).toMatchObject({ kind: 'unknown', reason: expect.stringContaining('503') });
  });

  test('whose acknowledgement is lost is unknown, and it was stored', async () => {
    const link = await Link.to(rig.server.port);
    const { publisher } = await rig.replica(link.url);
    const id = freshSession();
    const subject = logSubject('signal', id);
    link.deafen();
    const receipt = publisher.publish(subject, nudge(id, 0));
    await until('the message in the stream', async () => (await held(subject)) === 1);
    link.mend();
    expect(await within('a receipt', receipt)).toMatchObject({ kind: 'unknown' });
    expect(await publisher.publish(subject, nudge(id, 1))).toMatchObject({ kind: 'stored' });
    link.close();
  });
});

describe.concurrent('a server', () => {
  test('that stands still makes publishes unknown, and answers when it goes on', async () => {
    await using own = await Rig.alone();
    const id = freshSession();
    await own.server.kill('SIGSTOP');
    // The signal is sent, and not yet obeyed: what is published before would be stored.
    await until('the server to stand still', async () =>
      /\) T /.test(readFileSync(`/proc/${own.server.pid}/stat`, 'utf8')),
    );
    const receipts = Array.from({ length: 100 }, (_, n) =>
      own.publisher.publish(logSubject('signal', id), nudge(id, n), { msgId: `${id}-${n}` }),
    );
    const kinds = (await within('the receipts', Promise.all(receipts))).map((receipt) => receipt.kind);
    expect(new Set(kinds)).toEqual(new Set(['unknown']));
    expect(own.publisher.inFlight).toBe(0);
    await own.server.kill('SIGCONT');
    // What was unknown was stored after all; the same again, under the same Msg-Id, is no second one.
    const again = await until('the server', async () => {
      const receipt = await own.publisher.publish(logSubject('signal', id), nudge(id, 0), { msgId: `${id}-0` });
      return receipt.kind === 'stored' && receipt;
    });
    expect(again.duplicate).toBe(true);
  });

  test('that is gone makes publishes unknown; one that is back stores what comes then', async () => {
    await using own = await Rig.alone();
    const id = freshSession();
    await own.server.kill();
    const lost = own.publisher.publish(logSubject('signal', id), nudge(id, 0));
    expect(await within('a receipt', lost)).toMatchObject({ kind: 'unknown' });
    await own.server.restart();
    await own.reconnected();
    expect(await own.publisher.publish(logSubject('signal', id), nudge(id, 1))).toMatchObject({ kind: 'stored' });
  });

  test('that does not answer is not given more than can be kept in mind: the next publish is refused', async () => {
    await using own = await Rig.alone();
    await own.server.kill('SIGSTOP');
    const body = new Uint8Array(1);
    const receipts = Array.from({ length: IN_FLIGHT_MAX }, () => own.publisher.publish('collector.signal.s', body));
    expect(own.publisher.inFlight).toBe(IN_FLIGHT_MAX);
    expect(await own.publisher.publish('collector.signal.s', body)).toMatchObject({ kind: 'refused' });
    await own.server.kill('SIGCONT');
    await within('the receipts', Promise.all(receipts));
    // What has come in meanwhile is stored first.
    await until('a stored message', async () => {
      return (await own.publisher.publish('collector.signal.s', body)).kind === 'stored';
    });
  });
});

describe.concurrent('closing', () => {
  test('waits for every receipt', async () => {
    const { publisher } = await rig.replica();
    const id = freshSession();
    const settled: string[] = [];
    for (let n = 0; n < 500; n += 1) {
      void publisher.publish(logSubject('signal', id), nudge(id, n)).then((receipt) => settled.push(receipt.kind));
    }
    await within('the publisher closed', publisher.close());
    await sleep(0);
    expect(settled).toEqual(Array(500).fill('stored'));
  });

  test('does not wait for a connection that has closed: what is open is unknown', async () => {
    await using own = await Rig.alone();
    await own.server.kill('SIGSTOP');
    const receipt = own.publisher.publish('collector.signal.s', new Uint8Array(1));
    const closed = own.publisher.close();
    await own.nc.close();
    await within('the publisher closed', closed);
    expect(await within('a receipt', receipt)).toMatchObject({ kind: 'unknown' });
    await own.server.kill('SIGCONT');
  });
});
