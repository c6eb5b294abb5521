// Proves what a cluster's silences ask for, each of them played: a publish that nobody has heard waits for the next leader; a
// read that hangs is asked of another replica; a silent consumer is asked again; a start waits for servers that have not
// found each other. What a real cluster makes of it all is proven in test/chaos/cluster.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { Consuming } from '#jetstream/consumer.ts';
import { provision } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { lastSequence, readRange } from '#jetstream/stored-message.ts';
import { tailOf } from '#jetstream/tail.ts';
import { startTestServer, type TestServer } from '../../harness/server.ts';
import { Lines, OPTIONS, RIG_LIMIT_MS, until, within } from './rig.ts';

const BODY = new TextEncoder().encode('{}');
/** What a leader says that has stored a message. */
const STORED = JSON.stringify({ stream: COMBAT, seq: 7 });
const LEADERLESS = { error: { code: 503, err_code: 10008, description: 'JetStream system temporarily unavailable' } };

let clustered: TestServer;
let alone: TestServer;
let nc: NatsConnection;
/** A stream as far as it is played here. */
let stream: NatsConnection;

beforeAll(async () => {
  const config = 'cluster { name: "played", listen: "127.0.0.1:-1" }';
  [clustered, alone] = await Promise.all([
    startTestServer({ config, jetstream: false }),
    startTestServer({ jetstream: false }),
  ]);
  nc = await connect({ servers: clustered.url });
  stream = await connect({ servers: clustered.url });
}, RIG_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await stream?.close();
  await clustered?.stop();
  await alone?.stop();
});

describe.concurrent('a publish that nobody has heard', () => {
  test('waits, in a cluster, for the next leader of its stream, and is heard by it once', async () => {
    const publisher = new Publisher(nc);
    let settled = false;
    const publish = publisher.publish('played.late', BODY, { expected: 3 });
    void publish.then(() => {
      settled = true;
    });
    await nc.flush(); // the server has said by now that nobody is there
    expect(settled).toBe(false);
    let heard = 0;
    stream.subscribe('played.late', {
      callback: (_, msg) => {
        heard += 1;
        msg.respond(STORED);
      },
    });
    expect(await within('the answer', publish)).toEqual({ kind: 'stored', seq: 7, duplicate: false });
    expect(heard).toBe(1);
    expect(publisher.inFlight).toBe(0);
  });

  test('has an unknown outcome where no leader comes in time', async () => {
    const publisher = new Publisher(nc);
    expect(await within('the answer', publisher.publish('played.never', BODY))).toMatchObject({ kind: 'unknown' });
    expect(publisher.inFlight).toBe(0);
  });

  test('has an unknown outcome at once where the server is no cluster: its stream is gone', async () => {
    const own = await connect({ servers: alone.url });
    const publish = new Publisher(own).publish('played.gone', BODY);
    await own.flush();
    const answer = await Promise.race([publish, own.flush().then(() => 'none yet')]);
    expect(answer).toMatchObject({ kind: 'unknown', reason: expect.stringMatching(/503/) });
    await own.close();
  });
});

describe.concurrent('a read', () => {
  test('that a replica leaves unanswered is asked of another, and the first to answer is listened to alone', async () => {
    const asked: string[] = [];
    const direct = stream.subscribe('$JS.API.DIRECT.GET.HANGING', {
      callback: (_, msg) => {
        asked.push(msg.reply!);
        if (asked.length !== 3) return;
        for (const seq of [4, 5]) answerDirect(asked[2]!, seq, seq === 4 ? 0 : 4);
        answerDirect(asked[0]!, 4, 0); // the one that hung wakes up
        endDirect(asked[0]!, 4);
        endDirect(asked[2]!, 5);
      },
    });
    await stream.flush();
    const read: number[] = [];
    expect(await readRange(nc, 'HANGING', '>', 4, ({ seq }) => read.push(seq))).toBe(2);
    expect(read).toEqual([4, 5]);
    direct.unsubscribe();
  });

  test.each([
    ['the first', [5], 5],
    ['one in the middle', [3, 5], 5],
    ['the last', [3, 4], 5],
  ])('of whose answer a message was lost on its way fails: %s', async (name, arriving, last) => {
    const stored = [3, 4, 5];
    const lossy = `LOSSY_${name.replaceAll(' ', '_')}`;
    const direct = stream.subscribe(`$JS.API.DIRECT.GET.${lossy}`, {
      callback: (_, { reply }) => {
        for (const seq of arriving) answerDirect(reply!, seq, stored[stored.indexOf(seq) - 1] ?? 0);
        endDirect(reply!, last);
      },
    });
    await stream.flush();
    await expect(readRange(nc, lossy, '>', 1, () => {})).rejects.toThrow(/messages are missing/);
    direct.unsubscribe();
  });

  test('of where a session ends takes no answer of a replica that lacks what is known already', async () => {
    const asked: { readonly multi_last?: readonly string[]; readonly seq?: number }[] = [];
    const direct = stream.subscribe('$JS.API.DIRECT.GET.LAGGING', {
      callback: (_, msg) => {
        const { reply } = msg;
        const request = msg.json<(typeof asked)[number]>();
        // A busy machine may ask for the same again before it has heard the answer.
        const isFirst = !asked.some((each) => JSON.stringify(each) === JSON.stringify(request));
        asked.push(request);
        // A replica without anything of the session, then another's message that stands at the known place...
        if (request.multi_last?.length === 1)
          return stream.publish(reply!, new Uint8Array(0), { headers: status('404 No Results') });
        if (request.seq === 9) {
          answerDirect(reply!, 9, 0, 'combat.result.s2');
          return endDirect(reply!, 9);
        }
        // ...then one that has come to 8, and lacks the session's own at 9; then one that has it.
        if (isFirst) {
          answerDirect(reply!, 7, 0);
          return endDirect(reply!, 7, 8);
        }
        answerDirect(reply!, 9, 0);
        answerDirect(reply!, 10, 9, 'combat.result.s2');
        endDirect(reply!, 10, 12);
      },
    });
    await stream.flush();
    expect(await tailOf(nc, 'LAGGING', '*.*.s1', 9)).toEqual({ last: 9, through: 12 });
    const both = { multi_last: ['*.*.s1', 'combat.result.s2'] };
    expect(asked).toEqual(expect.arrayContaining([{ multi_last: ['*.*.s1'] }, { seq: 9, batch: 16 }, both]));
    expect(asked.filter((each) => each.multi_last?.length === 2).length).toBeGreaterThanOrEqual(2);
    direct.unsubscribe();
  });

  test('of the last sequence is asked again while nobody answers, and while there is no leader', async () => {
    let asked = 0;
    const info = stream.subscribe('$JS.API.STREAM.INFO.SILENT', {
      callback: (_, msg) => {
        asked += 1;
        if (asked === 2) msg.respond(JSON.stringify(LEADERLESS));
        if (asked >= 3)
          msg.respond(
            JSON.stringify({ created: 'once', config: { num_replicas: 1 }, state: { first_seq: 1, last_seq: 42 } }),
          );
      },
    });
    await stream.flush();
    expect(await lastSequence(nc, 'SILENT')).toBe(42);
    expect(asked).toBeGreaterThanOrEqual(3);
    info.unsubscribe();
  });
});

describe.concurrent('a durable consumer', () => {
  test('that falls silent is asked again, though nobody can say whether it is still there, and shows in readiness', async () => {
    const pulls: string[] = [];
    const next = stream.subscribe(`$JS.API.CONSUMER.MSG.NEXT.${COMBAT}.collector`, {
      callback: (_, msg) => void pulls.push(msg.reply!),
    });
    const info = stream.subscribe(`$JS.API.CONSUMER.INFO.${COMBAT}.collector`, { callback: () => {} });
    await stream.flush();
    const lines = new Lines();
    const consuming = await Consuming.start(
      nc,
      'collector',
      async () => {},
      () => {},
      lines.logger,
    );
    expect(consuming.fault).toBeNull();
    await until('a third pull', () => pulls.length >= 3);
    expect(consuming.fault).toBe('no sign of life');
    await until('a sign of life', () => {
      stream.publish(pulls.at(-1)!, new Uint8Array(0), { headers: status('100 Idle Heartbeat') });
      return consuming.fault === null;
    });
    await consuming.stop();
    next.unsubscribe();
    info.unsubscribe();
  });
});

describe('provisioning', () => {
  /**
   * A cluster's API that has no stream. `answer` says what it is asked about COMBAT, and how often before: its silence is null. A
   * busy machine asks again before it has heard the answer.
   */
  function api(answer: (asked: 'INFO' | 'CREATE', before: { INFO: number; CREATE: number }) => object | null) {
    const paths: string[] = [];
    const subjects = new Set<string>();
    const before = { INFO: 0, CREATE: 0 };
    const subscription = stream.subscribe('$JS.API.STREAM.*.*', {
      callback: (_, msg) => {
        subjects.add(msg.subject);
        const asked = msg.subject.includes('.INFO.') ? 'INFO' : 'CREATE';
        if (!msg.subject.endsWith(`.${COMBAT}`)) {
          return void msg.respond(JSON.stringify(asked === 'INFO' ? NOT_FOUND : ENOUGH));
        }
        paths.push(asked);
        const said = answer(asked, before);
        before[asked] += 1;
        if (said !== null) msg.respond(JSON.stringify(said));
      },
    });
    return { paths, subjects, close: () => subscription.unsubscribe() };
  }
  const ENOUGH = { error: { code: 500, description: 'enough' } };
  const NOT_FOUND = { error: { code: 404, err_code: 10059, description: 'stream not found' } };
  const NO_PEERS = { error: { code: 400, err_code: 10005, description: 'no suitable peers for placement' } };

  test('waits for a cluster that does not answer, has no leader, or too few servers yet', async () => {
    const played = api((asked, before) => {
      if (asked === 'CREATE') return before.CREATE === 0 ? NO_PEERS : {};
      if (before.INFO < 2) return before.INFO === 0 ? null : LEADERLESS;
      return before.CREATE < 2 ? NOT_FOUND : ENOUGH;
    });
    await stream.flush();
    const options = { ...OPTIONS, replicas: 3 };
    await expect(provision(nc, [], options, new Lines().logger)).rejects.toThrow('enough');
    const first = played.paths.indexOf('CREATE');
    expect(first).toBeGreaterThanOrEqual(3); // silence, no leader, no such stream
    expect(played.paths.filter((asked) => asked === 'CREATE').length).toBeGreaterThanOrEqual(2);
    played.close();
  });

  test('gives up in the end, and names REPLICAS where there are too few servers', async () => {
    const played = api((asked) => (asked === 'INFO' ? NOT_FOUND : NO_PEERS));
    await stream.flush();
    const options = { ...OPTIONS, replicas: 3, waitMs: 1 };
    const reason = /COMBAT cannot be created: REPLICAS=3 needs a cluster of as many servers: no suitable peers/;
    await expect(provision(nc, [], options, new Lines().logger)).rejects.toThrow(reason);
    played.close();
  });

  test('S12 gives up after one wait, not one for each stream, and says what a cluster needs', async () => {
    const played = api(() => LEADERLESS);
    await stream.flush();
    const late = provision(nc, [], { ...OPTIONS, replicas: 3, waitMs: 1 }, new Lines().logger);
    await expect(late).rejects.toThrow(/^JetStream was not available in 0 s: .*; of a cluster more than half/);
    expect([...played.subjects]).toEqual([`$JS.API.STREAM.INFO.${COMBAT}`]);
    played.close();
  });

  test('says every few seconds what it waits for', async () => {
    let isSilent = true;
    const played = api(() => (isSilent ? null : ENOUGH));
    await stream.flush();
    const lines = new Lines();
    const waiting = provision(nc, [], OPTIONS, lines.logger);
    waiting.catch(() => {});
    await until('a line', () => lines.saying(/waiting for JetStream/).length > 0);
    isSilent = false;
    await expect(waiting).rejects.toThrow('enough');
    played.close();
  });
});

/** A message of an answer to direct get; `before` is the sequence of the one sent before it. */
function answerDirect(reply: string, seq: number, before: number, subject = 'combat.action.s1'): void {
  const lines = [
    `Nats-Subject: ${subject}`,
    `Nats-Sequence: ${seq}`,
    'Nats-Time-Stamp: 2026-01-01T00:00:00Z',
    `Nats-Last-Sequence: ${before}`,
  ];
  stream.publish(reply, BODY, { headers: status(`\r\n${lines.join('\r\n')}`) });
}

/** The end of such an answer; `upTo` is how far the replica has come, where the last of each subject was asked for. */
function endDirect(reply: string, before: number, upTo = 0): void {
  const lines = ['204 EOB', 'Nats-Num-Pending: 0', `Nats-Last-Sequence: ${before}`, `Nats-UpTo-Sequence: ${upTo}`];
  stream.publish(reply, new Uint8Array(0), { headers: status(lines.join('\r\n')) });
}

/** Headers as only a server writes them. */
function status(lines: string): never {
  const bytes = new TextEncoder().encode(`NATS/1.0 ${lines}\r\n\r\n`);
  return { encode: () => bytes } as never;
}
