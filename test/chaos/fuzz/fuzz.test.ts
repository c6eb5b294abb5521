// Proves I10 on a running system: whatever is published to any subject or bucket, under whatever headers, no role ends, no
// consumer stalls, memory stays bounded, and what cannot be read is dead-lettered whole; those who have nothing to do with
// it fight on to a faultless end, and so do the sessions it was aimed at, wherever it could be refused. Then everything
// is killed, the buckets are poisoned, and new processes do the same from what is left. FC_SEED replays a run.

import { connect, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restoreBattle } from '#combat/battle-snapshot.ts';
import { ruleBook } from '#combat/rules.ts';
import { restoreSession } from '#combat/session-snapshot.ts';
import { decodeJson } from '#contracts/decode.ts';
import { NESTING_MAX } from '#contracts/limits.ts';
import { DEAD, ORIGIN_HEADER, REASON_HEADER } from '#contracts/streams.ts';
import { bucketSubject, DEAD_FILTER } from '#contracts/subjects.ts';
import { readRange } from '#jetstream/stored-message.ts';
import { broken, type Hostile, noise } from '#test/property/broken-json.ts';
import type { Cast } from '#test/property/shapes.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { until } from '../../integration/jetstream/rig.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import { Bystanders } from './bystanders.ts';
import { isUnreadable, LANES, type Shot, STRAY_SUBJECTS, shots } from './lanes.ts';
import { atRest, crewOf, peakMib } from './rest.ts';
import { Victim } from './victim.ts';

const SEED = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 0x7fffffff));
/** Hostile messages of each lane. */
const SHOTS = depth({ slice: 20, full: 1_000 });
/** Sessions whose snapshots are poisoned, in each bucket, for each kind of poison. */
const POISONED = depth({ slice: 3, full: 40 });
const RINGS = 2;
const IN_FLIGHT = 16;
const TEST_LIMIT_MS = depth({ slice: 120_000, full: 900_000 });
const REST_LIMIT_MS = depth({ slice: 60_000, full: 300_000 });
const FIGHT_LIMIT_MS = 60_000;
/** Making the messages comes on top of starting everything. */
const SETUP_LIMIT_MS = STAGE_LIMIT_MS + depth({ slice: 30_000, full: 180_000 });
/** A role that has done nothing has some 100 MiB; a cache of ten thousand ordinary sessions adds a few hundred. */
const ROLE_MAX_MIB = 700;
/** A publish that the server drops without a word: its headers were none, or the subject is nobody's. */
const UNANSWERED_MS = 3_000;

let stage: Stage;
let nc: NatsConnection;
let bystanders: Bystanders;
/** What each lane will be sent. Made beforehand: it takes seconds, in which this process answers nobody. */
let aimed: Shot[][];

beforeAll(async () => {
  process.stdout.write(`fuzz: FC_SEED=${SEED}\n`);
  aimed = LANES.map((lane, at) => shots(lane, castOf(victimId(at)), SHOTS, SEED + at));
  const environment = { ...FAST_CLOCKS, ...PLAIN_RULES };
  stage = await Stage.open({ collectors: 1, executors: 1, ais: 1, environment });
  nc = await connect({ servers: stage.server.url });
  bystanders = new Bystanders(stage, RINGS);
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await stage?.close();
}, SETUP_LIMIT_MS);

/** A shot that a stream has taken. */
interface Taken {
  readonly shot: Shot;
  readonly origin: string;
}

/** Publishes; null where the server did not take it, which is an answer like any other. */
async function fire(shot: Shot): Promise<Taken | null> {
  const { subject, body, headers } = shot;
  const block = { encode: () => Buffer.from(`NATS/1.0${headers}\r\n\r\n`) } as unknown as MsgHdrs;
  try {
    const answer = await nc.request(subject, body, { timeout: UNANSWERED_MS, ...(headers && { headers: block }) });
    const { stream, seq, duplicate, error } = answer.json<{
      stream?: string;
      seq?: number;
      duplicate?: boolean;
      error?: object;
    }>();
    const isTaken = stream !== undefined && error === undefined && !duplicate;
    return isTaken ? { shot, origin: `${stream}:${seq}` } : null;
  } catch {
    return null;
  }
}

async function fireAll(all: readonly Shot[]): Promise<Taken[]> {
  const taken: Taken[] = [];
  const queue = [...all];
  const gunner = async (): Promise<void> => {
    for (let shot = queue.pop(); shot !== undefined; shot = queue.pop()) {
      const one = await fire(shot);
      if (one !== null) taken.push(one);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, gunner));
  return taken;
}

interface Letter {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly reason: string;
}

async function deadLetters(): Promise<Map<string, Letter[]>> {
  const byOrigin = new Map<string, Letter[]>();
  await readRange(nc, DEAD, DEAD_FILTER, 1, ({ subject, data, header }) => {
    const letters = byOrigin.get(header(ORIGIN_HEADER)) ?? [];
    byOrigin.set(header(ORIGIN_HEADER), [...letters, { subject, data, reason: header(REASON_HEADER) }]);
  });
  return byOrigin;
}

/** Every message of these that nobody can read is in DEAD, once and whole; nothing else of these is there altered. */
async function areBuried(taken: readonly Taken[]): Promise<number> {
  const wanted: Taken[] = [];
  for (const one of taken) {
    if (isUnreadable(one.shot.subject, one.shot.body)) wanted.push(one);
    await new Promise((resolve) => setImmediate(resolve)); // others are at work in this process
  }
  let letters = new Map<string, Letter[]>();
  await until('the dead letters', async () => {
    letters = await deadLetters();
    return wanted.every(({ origin }) => letters.has(origin));
  }).catch(() => {});
  const missing = wanted.filter(({ origin }) => !letters.has(origin));
  expect(
    missing.map(
      ({ shot, origin }) => `${origin} ${shot.subject} ${Buffer.from(shot.body).toString('latin1').slice(0, 200)}`,
    ),
  ).toEqual([]);
  for (const { shot, origin } of taken) {
    for (const letter of letters.get(origin) ?? []) {
      expect(letter.subject).toBe(`dead.${shot.subject}`);
      expect(Buffer.compare(letter.data, shot.body), `${origin} ${shot.subject}`).toBe(0);
      expect(letter.reason).toMatch(/^[\x20-\x7e]{1,240}$/);
    }
    expect(letters.get(origin)?.length ?? 0, origin).toBeLessThanOrEqual(1);
  }
  return wanted.length;
}

const victimId = (at: number): string => `victim-${at}`;
const castOf = (session: string): Cast => ({ session, actors: ['a', 'b', 'nobody'], moves: ['m1', 'm2', 'm3'] });

async function victims(ids: readonly string[]): Promise<Victim[]> {
  const all = ids.map((id) => new Victim(nc, id));
  for (const victim of all) {
    await victim.open();
    await victim.exchange(FIGHT_LIMIT_MS);
  }
  return all;
}

/** Victims that are none the worse for it, and must have fought on without a fault. */
const sound: Victim[] = [];
const figures = { messages: 0, refused_by_server: 0, dead_letters: 0 };

test('I10 every subject, fuzzed: nobody ends, nothing stalls, what cannot be read is kept whole', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const crew = crewOf(stage);
  const all = await victims(LANES.map((_, at) => victimId(at)));
  const strays = STRAY_SUBJECTS.flatMap((subject) =>
    fc.sample(noise, { numRuns: 3, seed: SEED }).map(({ bytes }): Shot => ({ subject, body: bytes, headers: '' })),
  );
  const taken = (await Promise.all([...aimed, strays].map(fireAll))).flat();
  await atRest(nc, REST_LIMIT_MS);
  expect(crewOf(stage)).toEqual(crew);

  figures.messages += taken.length;
  figures.refused_by_server += aimed.flat().length + strays.length - taken.length;
  figures.dead_letters += await areBuried(taken);

  sound.push(...all.filter((_, at) => LANES[at]!.refusable));
  await Promise.all(sound.map((victim) => victim.toTheEnd(FIGHT_LIMIT_MS)));
  expect(crewOf(stage)).toEqual(crew);
});

/** Snapshots of a session as it stands in a bucket, broken: only such as are no snapshot, or any at all. */
async function poison(bucket: 'sessions' | 'battles', id: string, junk: boolean, seed: number): Promise<Shot> {
  const subject = bucketSubject(bucket, id);
  const snapshot = await until(`a snapshot of ${id}`, async () => {
    let value: unknown;
    await readRange(nc, `KV_${bucket}`, subject, 1, ({ data }) => {
      const json = decodeJson(data, NESTING_MAX, Number.POSITIVE_INFINITY);
      if (json.ok) value = json.value;
    });
    return value;
  });
  const isJunk = ({ bytes }: Hostile): boolean => {
    const json = decodeJson(bytes, NESTING_MAX, Number.POSITIVE_INFINITY);
    if (!json.ok) return true;
    const book = ruleBook([]);
    return !(bucket === 'sessions' ? restoreSession(id, json.value, book) : restoreBattle(id, json.value, book)).ok;
  };
  const bodies = fc.oneof({ weight: 9, arbitrary: broken(fc.constant(snapshot)) }, { weight: 1, arbitrary: noise });
  const [body] = fc.sample(junk ? bodies.filter(isJunk) : bodies, { numRuns: 1, seed });
  return { subject, body: body!.bytes, headers: seed % 3 === 0 ? '\r\nno name(at all): x' : '' };
}

test('I10 I1 every bucket poisoned and every role killed: new ones go on from what can be read', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const ids = Array.from({ length: POISONED }, (_, n) => n);
  const junk = await victims(ids.flatMap((n) => [`junk-sessions-${n}`, `junk-battles-${n}`]));
  const lies = await victims(ids.flatMap((n) => [`lies-sessions-${n}`, `lies-battles-${n}`]));
  const [, ...fuzzed] = LANES.map((_, at) => new Victim(nc, victimId(at)));
  const poisons = await Promise.all(
    [...junk, ...lies].map(({ id }, at) =>
      poison(id.includes('sessions') ? 'sessions' : 'battles', id, id.startsWith('junk'), SEED + at),
    ),
  );
  await Promise.all((['collector', 'executor', 'ai'] as const).map((name) => stage.kill(name)));
  expect((await fireAll(poisons)).length).toBe(poisons.length);
  await Promise.all((['collector', 'executor', 'ai'] as const).map((name) => stage.start(name)));
  const crew = crewOf(stage);

  await Promise.all(junk.map((victim) => victim.toTheEnd(FIGHT_LIMIT_MS)));
  // What is well formed and untrue is believed, and may keep a fight from its end; it ends no process and holds up nobody.
  await Promise.all(lies.map((victim) => victim.exchange(1_000).catch(() => {})));
  await Promise.all(fuzzed.map((victim) => victim.view()));
  sound.push(...junk);
  figures.messages += poisons.length;
  expect(crewOf(stage)).toEqual(crew);
});

test('the bystanders, and all that had to be kept from harm, have fought on through it, each to a faultless end', {
  timeout: TEST_LIMIT_MS,
}, async () => {
  const { duels, lost, doubled, breaches } = await bystanders.finish(nc, sound);
  const memory = (['collector', 'executor', 'ai'] as const).map((name) => [name, peakMib(stage, name)] as const);
  for (const [name, peak] of memory) expect(peak, `the ${name}'s peak in MiB`).toBeLessThan(ROLE_MAX_MIB);
  recordFigures('fuzz', {
    ...figures,
    victims_fought_on: sound.length,
    bystander_duels: duels,
    lost: lost.length,
    doubled: doubled.length,
    ...Object.fromEntries(memory.map(([name, peak]) => [`${name}_peak_mib`, peak])),
    command: `FC_SEED=${SEED} RIPOSTE_CHAOS=full npx vitest run test/chaos/fuzz`,
  });
  expect({ lost, doubled, breaches }).toEqual({ lost: [], doubled: [], breaches: [] });
});
