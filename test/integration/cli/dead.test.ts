// Proves `riposte dead` on a real server: letters are listed and shown whole, and re-sent on their subject once, whatever dies in
// between; what may not be re-sent stays, and says why.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, connect as dial, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { msgIdOf } from '#cli/dead/retry.ts';
import { encode } from '#contracts/decode.ts';
import { COMBAT, DEAD, ORIGIN_HEADER, REASON_HEADER, type StreamName, TASKS, TIMERS } from '#contracts/streams.ts';
import { deadSubject, logSubject, timerDueSubject } from '#contracts/subjects.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { storedOr } from '#jetstream/receipt.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { ask } from '#test/unit/cli/desk.ts';
import { fight, freshId, openStage, STAGE_LIMIT_MS } from '../client/stage.ts';
import { provisionForTest } from './provisioned.ts';
import { start } from './riposte.ts';

const LOOK_MS = 20;

let server: TestServer;
let nc: NatsConnection;
let jsm: JetStreamManager;
let publisher: Publisher;
let origins = 1_000_000;

beforeAll(async () => {
  server = await startTestServer();
  await provisionForTest(server.url);
  nc = await connect({ servers: server.url });
  jsm = await jetstreamManager(nc, PATIENCE);
  publisher = new Publisher(nc);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await publisher?.close();
  await nc?.close();
  await server?.stop();
});

/** Keeps a letter as the services do; returns its sequence in DEAD. */
async function bury(subject: string, data: Uint8Array, reason = 'because', origin?: string): Promise<number> {
  origins += 1;
  const from = origin ?? `${COMBAT}:${origins}`;
  const headers = [
    [REASON_HEADER, reason],
    [ORIGIN_HEADER, from],
  ] as const;
  return storedOr(await publisher.publish(deadSubject(subject), data, { msgId: from, headers }), 'a letter');
}

/** What a stream has on a subject. */
async function standing(stream: StreamName, subject: string) {
  const found: { seq: number; data: Uint8Array; msgId: string; origin: string }[] = [];
  const { state } = await jsm.streams.info(stream);
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage(stream, { seq }).catch(() => null);
    if (message?.subject !== subject) continue;
    const { header, data } = message;
    found.push({ seq, data, msgId: header.get('Nats-Msg-Id'), origin: header.get(ORIGIN_HEADER) });
  }
  return found;
}

const isKept = async (seq: number): Promise<boolean> =>
  (await jsm.streams.getMessage(DEAD, { seq }).catch(() => null)) !== null;

const run = (...args: string[]) => ask(nc, 'dead', ...args);
const heartbeat = (id: string) => encode({ session_id: id, signal_type: 'heartbeat' });

describe('list', () => {
  test('shows the letters that the filters mean, the latest of too many, and lets nobody speak to the terminal', async () => {
    const id = freshId();
    const seqs: number[] = [];
    seqs.push(await bury(logSubject('signal', id), new Uint8Array(3), 'not JSON: \u001b[31m'));
    seqs.push(await bury(logSubject('session', id), new Uint8Array(5), 'actor a stands in two places'));
    seqs.push(await bury(`ai.turn.${id}.bot`, new Uint8Array(7), 'not UTF-8'));
    await bury(logSubject('signal', freshId()), new Uint8Array(9), 'not JSON: at 0');

    const table = await run('list', '--session', id);
    expect(table).toMatchObject({ code: 0, said: ['3 letters'] });
    expect(table.out[0]).toMatch(/^SEQ +KEPT AT +ORIGIN +SUBJECT +BYTES +REASON$/);
    expect(table.out.slice(1).map((row) => row.split(/ {2,}/))).toEqual([
      [
        `${seqs[0]}`,
        expect.stringMatching(/^20.*Z$/),
        expect.stringMatching(/^COMBAT:/),
        logSubject('signal', id),
        '3',
        'not JSON: \\u001b[31m',
      ],
      [
        `${seqs[1]}`,
        expect.anything(),
        expect.anything(),
        logSubject('session', id),
        '5',
        'actor a stands in two places',
      ],
      [`${seqs[2]}`, expect.anything(), expect.anything(), `ai.turn.${id}.bot`, '7', 'not UTF-8'],
    ]);
    const seqsOf = async (...args: string[]): Promise<number[]> =>
      (await run('list', '--session', id, '--json', ...args)).out.map((line) => JSON.parse(line).seq);
    expect(await seqsOf()).toEqual(seqs);
    expect(await seqsOf('--reason', 'NOT')).toEqual([seqs[0], seqs[2]]);
    expect(await seqsOf('--subject', 'combat.session.*')).toEqual([seqs[1]]);
    expect(await seqsOf('--subject', 'ai.>')).toEqual([seqs[2]]);
    expect(await seqsOf('--subject', 'ai.turn.*')).toEqual([]);
    expect(await seqsOf('--limit', '2')).toEqual(seqs.slice(1));
    expect((await run('list', '--session', id, '--limit', '2')).said).toEqual(['2 of 3 letters']);
  });
});

describe('show', () => {
  test('shows head and body: text as it is, other bytes in hexadecimal, all of them', async () => {
    const id = freshId();
    const subject = logSubject('signal', id);
    const text = await bury(subject, new TextEncoder().encode('{"a":"é\u0007"}\n'), 'not ours', 'COMBAT:11');
    const page = (await run('show', `${text}`)).out;
    expect(page.slice(0, 6).map((line) => line.split(/ {2,}| /)[0])).toEqual([
      'letter',
      'kept',
      'origin',
      'subject',
      'reason',
      'bytes',
    ]);
    expect(page.join('\n')).toContain(`subject  ${subject}`);
    expect(page.at(-1)).toBe('{"a":"é\\u0007"}');
    const json = JSON.parse((await run('show', `${text}`, '--json')).out.join(''));
    expect(json).toMatchObject({ seq: text, origin: 'COMBAT:11', subject, session: id, reason: 'not ours' });
    expect(json.body).toBe('{"a":"é\u0007"}\n');

    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const raw = await bury(subject, bytes);
    const shown = (await run('show', `${raw}`)).out.slice(6);
    expect(shown).toHaveLength(16);
    expect(shown[15]).toBe('0000f0  f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff');
    expect(JSON.parse((await run('show', `${raw}`, '--json')).out.join('')).body_hex).toBe(
      Buffer.from(bytes).toString('hex'),
    );
    const empty = await bury(subject, new Uint8Array());
    expect((await run('show', `${empty}`)).out.at(-1)).toBe('(no body)');
    const large = await bury(subject, new Uint8Array(512 * 1024 - 1024).fill(0x61));
    expect(JSON.parse((await run('show', `${large}`, '--json')).out.join('')).body).toHaveLength(512 * 1024 - 1024);
  });
});

describe('retry', () => {
  test.each([
    ['a signal', COMBAT, (id: string) => logSubject('signal', id)],
    ['a word on a session', COMBAT, (id: string) => logSubject('session', id)],
    ['a batch', TASKS, (id: string) => `executor.batch.${id}`],
    ['a turn', TASKS, (id: string) => `ai.turn.${id}.bot`],
    ['a due timer', TIMERS, (id: string) => `timer.due.${id}`],
  ] as const)('sends %s again, whole, names its origin, and deletes the letter', async (_, stream, subjectOf) => {
    const subject = subjectOf(freshId());
    const data = Uint8Array.from({ length: 256 }, (_, at) => at);
    const seq = await bury(subject, data);
    const origin = `COMBAT:${origins}`;
    const { code, out } = await run('retry', `${seq}`);
    const [message, ...more] = await standing(stream, subject);
    expect(out).toEqual([`DEAD:${seq} ${subject}: re-sent as ${stream}:${message!.seq}`]);
    expect({ code, more }).toEqual({ code: 0, more: [] });
    expect([...message!.data]).toEqual([...data]);
    expect(message).toMatchObject({ origin, msgId: `DEAD:${seq}:${origin}` });
    expect(await isKept(seq)).toBe(false);
    await expect(run('retry', `${seq}`)).rejects.toThrow(`there is no letter DEAD:${seq}`);
  });

  test.each([
    ['an action', (id: string) => logSubject('action', id), 'nobody else may'],
    ['a result', (id: string) => logSubject('result', id), 'nobody else may'],
    ['what names no session', () => 'collector.signal.no%id', 'names no session'],
    ['a stranger', () => 'something.else', 'no subject of Riposte'],
  ])('keeps %s, and says why', async (_, subjectOf, why) => {
    const subject = subjectOf(freshId());
    const seq = await bury(subject, heartbeat('s1'));
    const { code, out } = await run('retry', `${seq}`);
    expect(code).toBe(1);
    expect(out).toEqual([expect.stringContaining(`DEAD:${seq} ${subject}: kept: `)]);
    expect(out[0]).toContain(why);
    expect(await isKept(seq)).toBe(true);
    expect(await standing(COMBAT, subject)).toEqual([]);
  });

  test('opens a session only where nobody has, as whoever opens one must', async () => {
    const [taken, fresh] = [freshId(), freshId()];
    const opened = (id: string) => encode({ type: 'opened', session_id: id, teams: {} });
    await jetstream(nc).publish(logSubject('session', taken), opened(taken));
    const refused = await bury(logSubject('session', taken), opened(taken), 'a fight needs two teams');
    const { code, out } = await run('retry', `${refused}`);
    expect(code).toBe(1);
    expect(out[0]).toContain(`the id ${taken} is taken`);
    expect([await isKept(refused), (await standing(COMBAT, logSubject('session', taken))).length]).toEqual([true, 1]);

    const late = await bury(logSubject('session', fresh), opened(fresh), 'unknown rules');
    expect((await run('retry', `${late}`)).code).toBe(0);
    expect(await standing(COMBAT, logSubject('session', fresh))).toHaveLength(1);
  });

  test('takes all that the filters mean, and says of each what became of it', async () => {
    const id = freshId();
    const signals = [
      await bury(logSubject('signal', id), heartbeat(id)),
      await bury(logSubject('signal', id), heartbeat(id)),
    ];
    const action = await bury(logSubject('action', id), heartbeat(id));
    const { code, out } = await run('retry', '--all', '--session', id, '--json');
    expect(code).toBe(1);
    expect(out.map((line) => JSON.parse(line)).map(({ seq, resent_as }) => [seq, resent_as])).toEqual([
      [signals[0], expect.stringMatching(/^COMBAT:/)],
      [signals[1], expect.stringMatching(/^COMBAT:/)],
      [action, null],
    ]);
    expect(await standing(COMBAT, logSubject('signal', id))).toHaveLength(2);
  });

  test('by two at once sends it once', async () => {
    const subject = logSubject('signal', freshId());
    const seq = await bury(subject, heartbeat('s1'));
    const answers = await Promise.all([run('retry', `${seq}`), run('retry', `${seq}`)]);
    expect(answers.some(({ code }) => code === 0)).toBe(true);
    expect(await standing(COMBAT, subject)).toHaveLength(1);
    expect(await isKept(seq)).toBe(false);
  });
});

describe('a command that is killed', () => {
  /** A way to the server on which the client falls silent, or is told nothing more, once it says something. */
  async function wayTo(port: number, pattern: string, cut: 'client' | 'server') {
    const { promise: said, resolve } = Promise.withResolvers<void>();
    const proxy = createServer((client) => {
      const upstream = dial(port, '127.0.0.1');
      let isCut = false;
      client.on('data', (data) => {
        if (data.includes(pattern)) {
          isCut = true;
          resolve();
        }
        if (!isCut || cut === 'server') upstream.write(data);
      });
      upstream.on('data', (data) => {
        if (!isCut || cut === 'client') client.write(data);
      });
      const end = (one: Socket, other: Socket) => {
        one.on('error', () => {});
        one.on('close', () => other.destroy());
      };
      end(client, upstream);
      end(upstream, client);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    onTestFinished(() => void proxy.close());
    return { url: `nats://127.0.0.1:${(proxy.address() as AddressInfo).port}`, said };
  }

  test.each([
    ['between publish and delete', 'STREAM.MSG.DELETE', 'client'],
    ['between publish and its acknowledgement', 'HPUB collector.signal.', 'server'],
  ] as const)('%s leaves the letter, and the next one sends nothing twice', async (_, pattern, cut) => {
    const subject = logSubject('signal', freshId());
    const seq = await bury(subject, heartbeat('s1'));
    const way = await wayTo(server.port, pattern, cut);
    const { child, answer } = start(['dead', 'retry', `${seq}`], { NATS_URL: way.url });
    await way.said;
    while ((await standing(COMBAT, subject)).length === 0) await pause(LOOK_MS);
    child.kill('SIGKILL');
    expect((await answer).code).toBeNull();
    expect(await isKept(seq)).toBe(true);

    const again = await run('retry', `${seq}`);
    const [message, ...more] = await standing(COMBAT, subject);
    expect(again.out).toEqual([`DEAD:${seq} ${subject}: had been re-sent already as COMBAT:${message!.seq}`]);
    expect(more).toEqual([]);
    expect(await isKept(seq)).toBe(false);
  });

  test('is found out beyond the time in which the server tells duplicates', async () => {
    await using other = await startTestServer();
    await provisionForTest(other.url);
    const there = await connect({ servers: other.url });
    try {
      const manager = await jetstreamManager(there, PATIENCE);
      const { config } = await manager.streams.info(COMBAT);
      await manager.streams.update(COMBAT, { ...config, duplicate_window: 100_000_000 });
      const id = freshId();
      const subject = logSubject('signal', id);
      const js = jetstream(there);
      const refused = await js.publish(subject, new Uint8Array([0xff]));
      const letter = { seq: 1, origin: `COMBAT:${refused.seq}` };
      const kept = headers();
      kept.set(REASON_HEADER, 'because');
      kept.set(ORIGIN_HEADER, letter.origin);
      await js.publish(deadSubject(subject), heartbeat(id), { headers: kept });
      const resent = headers();
      resent.set(ORIGIN_HEADER, letter.origin);
      // What a command had published that died before the delete.
      const before = await js.publish(subject, heartbeat(id), {
        msgID: msgIdOf({ ...LETTER, ...letter }),
        headers: resent,
      });
      for (let probe = 0; ; probe += 1) {
        // The server forgets ids in the order of their coming: a later one that is taken twice says that ours is forgotten.
        const ack = await js.publish(logSubject('signal', 'probe'), heartbeat('probe'), { msgID: 'probe' });
        if (probe > 0 && !ack.duplicate) break;
      }
      const { code, out } = await ask(there, 'dead', 'retry', '1');
      expect({ code, out }).toEqual({
        code: 0,
        out: [`DEAD:1 ${subject}: had been re-sent already as COMBAT:${before.seq}`],
      });
      const { state } = await manager.streams.info(COMBAT, { subjects_filter: subject });
      expect(state.subjects?.[subject]).toBe(2); // the refused one, and its second coming
    } finally {
      await there.close();
    }
  });

  const LETTER = { time: 0, subject: '', session: '', reason: '', data: new Uint8Array() };
});

describe('with the roles at work', () => {
  test('a word that came too early is re-sent and takes effect; garbage comes back as a new letter; the audit has no breach', async () => {
    await using stage = await disposable();
    const { client, server: live } = stage;
    const session = fight({ red: ['a', 'b'], blue: ['x'] });
    const id = session.session_id;
    await client.open(session);
    const there = await connect({ servers: live.url });
    try {
      const js = jetstream(there);
      await js.publish(logSubject('session', id), encode({ type: 'left', session_id: id, actor_id: 'late' }));
      const garbage = await js.publish(logSubject('signal', id), new Uint8Array([0xff]));
      const letters = async (): Promise<{ seq: number; origin: string; reason: string }[]> =>
        (await ask(there, 'dead', 'list', '--json')).out.map((line) => JSON.parse(line));
      const until = async (count: number) => {
        for (;;) {
          const found = await letters();
          if (found.length === count) return found;
          await pause(LOOK_MS);
        }
      };
      const [early] = await until(2);
      expect(early!.reason).toBe('the session knows no actor late');
      await client.join(id, 'late', 'blue', { kind: 'player', stats: {} });
      expect((await ask(there, 'dead', 'retry', '--all')).code).toBe(0);
      const [back] = await until(1);
      expect(back).toMatchObject({ reason: 'not UTF-8' });
      expect(Number(back!.origin.split(':')[1])).toBeGreaterThan(garbage.seq);
      expect((await client.state(id))?.actors.late).toMatchObject({ gone: true });
      const { breaches, messages } = await audit(there, { atRest: true });
      expect({ breaches: breaches.map(breachLine), messages }).toEqual({ breaches: [], messages: 6 });
    } finally {
      await there.close();
    }
  });
});

async function disposable() {
  const stage = await openStage({ roles: ['collector'] });
  return Object.assign(stage, { [Symbol.asyncDispose]: () => stage.close() });
}

test('a letter that the server refuses stays, with what the server says', async () => {
  const { config } = await jsm.streams.info(TIMERS);
  const subject = timerDueSubject(freshId());
  const seq = await bury(subject, encode({ session_id: 's1' }));
  await jsm.streams.update(TIMERS, { ...config, max_msg_size: 1 });
  try {
    const { code, out } = await run('retry', `${seq}`);
    expect([code, out]).toEqual([1, [expect.stringMatching(/the server refuses it: .*maximum/)]]);
    expect(await isKept(seq)).toBe(true);
  } finally {
    await jsm.streams.update(TIMERS, config);
  }
  expect((await run('retry', `${seq}`)).code).toBe(0);
});
