// Proves that what is read out of a stream is what the stream has: every message once, in order, over any number of
// batches; and that a message has the same time whoever reads it, by whatever way.

import { jetstream } from '@nats-io/jetstream';
import type { MsgHdrs } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject, sessionLogFilter } from '#contracts/subjects.ts';
import { timeOfMsg } from '#jetstream/delivery.ts';
import { type StoredMessage, timeOf } from '#jetstream/direct-get.ts';
import { EffectFailed, NobodyThere } from '#jetstream/receipt.ts';
import { lastMessage, lastSequence, readRange } from '#jetstream/stored-message.ts';
import { Link } from './link.ts';
import { freshSession, nudge, nudges, RIG_LIMIT_MS, Rig } from './rig.ts';

/** Several batches, and not a whole number of them. */
const MANY = 1_300;
/** Ends a wait for what does not come. */
const FETCH_LIMIT_MS = 100_000;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open();
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

async function read(filter: string, fromSeq: number): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  const count = await readRange(rig.nc, COMBAT, filter, fromSeq, (message) => messages.push(message));
  expect(count).toBe(messages.length);
  return messages;
}

const textOf = ({ data }: { data: Uint8Array }): string => Buffer.from(data).toString();

describe.concurrent('a range', () => {
  test('is read in order over several batches, another session in between left out', async () => {
    const [id, other] = [freshSession(), freshSession()];
    const [seqs] = await Promise.all([nudges(rig.publisher, id, MANY), nudges(rig.publisher, other, MANY)]);
    const messages = await read(sessionLogFilter(id), 1);
    expect(messages.map(({ seq }) => seq)).toEqual(seqs);
    expect(messages.map(textOf)).toEqual(seqs.map((_, n) => Buffer.from(nudge(id, n)).toString()));
    expect(new Set(messages.map(({ subject }) => subject))).toEqual(new Set([logSubject('signal', id)]));
  });

  test('begins at the sequence asked for, at the next one where that is not of the session, at the first for 0', async () => {
    const [id, other] = [freshSession(), freshSession()];
    const first = await nudges(rig.publisher, id, 3);
    await nudges(rig.publisher, other, 3);
    const second = await nudges(rig.publisher, id, 3);
    const seqs = [...first, ...second];
    const from = async (seq: number) => (await read(sessionLogFilter(id), seq)).map((message) => message.seq);
    expect(await from(0)).toEqual(seqs);
    expect(await from(seqs[1]!)).toEqual(seqs.slice(1));
    expect(await from(seqs[2]! + 1)).toEqual(second);
    expect(await from(seqs[5]!)).toEqual(seqs.slice(5));
    expect(await from(seqs[5]! + 1)).toEqual([]);
    expect(await from(seqs[5]! + 1_000_000)).toEqual([]);
  });

  test('under a filter with wildcards has all kinds of one session, and of no other whose name is alike', async () => {
    const id = freshSession();
    const subjects = [...(['session', 'signal', 'action', 'result'] as const)].map((kind) => logSubject(kind, id));
    for (const subject of [...subjects, logSubject('signal', `${id}0`), logSubject('signal', `x${id}`)]) {
      await rig.publisher.publish(subject, nudge(id, 0));
    }
    expect((await read(sessionLogFilter(id), 1)).map(({ subject }) => subject)).toEqual(subjects);
    const battle = subjects.filter((subject) => subject.startsWith('combat.'));
    expect((await read(`combat.*.${id}`, 1)).map(({ subject }) => subject)).toEqual(battle);
  });

  test('of a session that nobody knows is empty', async () => {
    expect(await read(sessionLogFilter('nobody'), 1)).toEqual([]);
  });

  test('of large messages is as whole as of small ones: more bytes than the server sends at once', async () => {
    const id = freshSession();
    const pad = 'x'.repeat(400 * 1_024);
    const seqs: number[] = [];
    for (let round = 0; round < 10; round += 1) seqs.push(...(await nudges(rig.publisher, id, 20, pad)));
    const messages = await read(sessionLogFilter(id), 1);
    expect(messages.map(({ seq }) => seq)).toEqual(seqs);
    expect(messages.every(({ data }) => data.length > pad.length)).toBe(true);
  });

  test('that comes slowly, but comes, is read to its end: only silence is given up', async () => {
    const link = await Link.to(rig.server.port);
    const { nc } = await rig.replica(link.url);
    const id = freshSession();
    const seqs = await nudges(rig.publisher, id, 650, 'x'.repeat(50 * 1_024));
    link.slow(5_000); // 40 Mbit/s: some seven seconds
    const messages: number[] = [];
    await readRange(nc, COMBAT, sessionLogFilter(id), 1, ({ seq }) => messages.push(seq));
    expect(messages).toEqual(seqs);
    link.close();
  });

  test('of a stream that does not exist is a failed effect', async () => {
    await expect(readRange(rig.nc, 'NOWHERE', '*.*.s', 1, () => {})).rejects.toBeInstanceOf(EffectFailed);
  });
});

describe.concurrent('one message', () => {
  test('is the last on its subject, or under a filter, with its headers and its data', async () => {
    const id = freshSession();
    const data = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const [before] = await nudges(rig.publisher, id, 1);
    const headers = [['Some-Header', ' a value: with a colon']] as const;
    const receipt = await rig.publisher.publish(logSubject('result', id), data, { headers, msgId: `of ${id}` });
    if (receipt.kind !== 'stored') throw new Error(JSON.stringify(receipt));
    const bySubject = await lastMessage(rig.nc, COMBAT, logSubject('result', id));
    expect(bySubject).toMatchObject({ seq: receipt.seq, subject: logSubject('result', id) });
    expect(Buffer.from(bySubject!.data).equals(data)).toBe(true);
    expect(bySubject!.header('some-header')).toBe('a value: with a colon');
    expect(bySubject!.header('Nats-Msg-Id')).toBe(`of ${id}`);
    expect(bySubject!.header('none')).toBe('');
    expect((await lastMessage(rig.nc, COMBAT, sessionLogFilter(id)))?.seq).toBe(receipt.seq);
    expect((await lastMessage(rig.nc, COMBAT, logSubject('signal', id)))?.seq).toBe(before);
  });

  test('without data or headers is one all the same', async () => {
    const id = freshSession();
    await rig.publisher.publish(logSubject('signal', id), new Uint8Array());
    const message = await lastMessage(rig.nc, COMBAT, logSubject('signal', id));
    expect(message?.data.length).toBe(0);
    expect(message?.header('any')).toBe('');
  });

  test('that does not exist is null, in a stream that does not exist it is nobody there', async () => {
    expect(await lastMessage(rig.nc, COMBAT, logSubject('signal', 'nobody'))).toBeNull();
    await expect(lastMessage(rig.nc, 'NOWHERE', 'a.b')).rejects.toBeInstanceOf(NobodyThere);
    await expect(lastSequence(rig.nc, 'NOWHERE')).rejects.toBeInstanceOf(EffectFailed);
  });
});

test('log time is the same in whole milliseconds for whoever reads a message: 5,000 of them, by three ways', async () => {
  const id = freshSession();
  const seqs: number[] = [];
  for (let round = 0; round < 50; round += 1) seqs.push(...(await nudges(rig.publisher, id, 100)));
  const read: [number, number][] = [];
  await readRange(rig.nc, COMBAT, sessionLogFilter(id), 1, ({ seq, time }) => read.push([seq, time]));

  const consumer = await jetstream(rig.nc).consumers.get(COMBAT, { filter_subjects: sessionLogFilter(id) });
  const consumed: [number, number][] = [];
  const exact: [number, number][] = [];
  for await (const message of await consumer.fetch({ max_messages: seqs.length, expires: FETCH_LIMIT_MS })) {
    consumed.push([message.seq, timeOfMsg(message)]);
    // As an outsider who divides the server's own digits: $JS.ACK.<stream>.<consumer>.<n>.<seq>.<n>.<nanoseconds>.<n>
    const { reply } = (message as unknown as { msg: { reply: string } }).msg;
    exact.push([message.seq, Number(BigInt(reply.split('.').at(-2)!) / 1_000_000n)]);
  }
  expect(consumed.map(([seq]) => seq)).toEqual(seqs);
  expect(consumed).toEqual(exact);
  expect(read).toEqual(exact);
  for (const [seq, time] of exact.filter((_, index) => index % 500 === 0)) {
    const answer = (await rig.api(`STREAM.MSG.GET.${COMBAT}`, { seq })) as { message?: { time: string } };
    expect(timeOf(answer.message!.time)).toBe(time);
  }
});

test('a time with any number of decimals is cut, never rounded', () => {
  const second = Date.parse('2026-01-02T03:04:05Z');
  const times = ['05Z', '05.9Z', '05.98Z', '05.987Z', '05.9879Z', '05.987999999Z', '05.000999999Z', '05.000000001Z'];
  expect(times.map((rest) => timeOf(`2026-01-02T03:04:${rest}`) - second)).toEqual([0, 900, 980, 987, 987, 987, 0, 0]);
});

/** A publish whose headers are bytes of the publisher's own choice, which no client library would let through. */
async function publishRaw(subject: string, headers: string, body: Uint8Array): Promise<number> {
  const encode = () => Buffer.from(`NATS/1.0${headers}\r\n\r\n`);
  const answer = await rig.nc.request(subject, body, {
    headers: { encode } as unknown as MsgHdrs,
    timeout: FETCH_LIMIT_MS,
  });
  return answer.json<{ readonly seq: number }>().seq;
}

describe.concurrent("I10 headers of a publisher's own choice", () => {
  test.each([
    ['a sequence', '\r\nNats-Sequence: 999999999'],
    ['a sequence twice', '\r\nNats-Sequence: 0\r\nNats-Sequence: NaN'],
    ['a subject', '\r\nNats-Subject: combat.session.another'],
    ['a time', '\r\nNats-Time-Stamp: 1970-01-01T00:00:00Z'],
    ['a stream', '\r\nNats-Stream: DEAD'],
    ['the end of a batch', ' 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 1'],
    ['nothing found', ' 404 Message Not Found'],
    ['no responders', ' 503'],
    ['a name that is none', '\r\nno name(at all): x'],
    ['an empty name', '\r\n: x'],
    ['a name of control characters', '\r\n\u0000\u0001: \u0000'],
    ['a line without a name', '\r\nwithout'],
    ['a name that is not ASCII', '\r\nN\u00e4me: \ud83d\ude00'],
    ['a thousand headers', Array.from({ length: 1_000 }, (_, n) => `\r\nH${n}: ${n}`).join('')],
  ])('%s: the message is read as the stream has it, and those around it', async (_what, headers) => {
    const id = freshSession();
    const [before] = await nudges(rig.publisher, id, 1);
    const seq = await publishRaw(logSubject('signal', id), headers, nudge(id, 7));
    const [after] = await nudges(rig.publisher, id, 1);
    const messages = await read(sessionLogFilter(id), 1);
    expect(messages.map((message) => message.seq)).toEqual([before, seq, after]);
    expect(textOf(messages[1]!)).toBe(Buffer.from(nudge(id, 7)).toString());
    expect(new Set(messages.map(({ subject }) => subject))).toEqual(new Set([logSubject('signal', id)]));
    const times = messages.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((left, right) => left - right));
  });
});

test('what the server refuses to say is an error in its own words', async () => {
  await expect(lastSequence(rig.nc, 'NOWHERE')).rejects.toThrow(/^reading the state of NOWHERE: stream not found$/);
  const failed = lastMessage(rig.nc, COMBAT, '');
  await expect(failed).rejects.toThrow(EffectFailed);
  await expect(failed).rejects.toThrow(/^reading {2}from COMBAT: bad request$/);
});
