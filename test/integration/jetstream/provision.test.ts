// Proves that provisioning makes what is missing, brings up to date what is ours, and touches nothing that is not: whoever
// cannot be let in is told why in one line.

import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ACTIONS,
  bucketDefinitions,
  COMBAT,
  CONSUMERS,
  type ConsumerName,
  streamDefinitions,
  TASKS,
} from '#contracts/streams.ts';
import { type Provisioned, provision } from '#jetstream/provision.ts';
import { StartError } from '#process/start-error.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { freshSession, Lines, MARK, nudges, OPTIONS, RIG_LIMIT_MS, Rig, until } from './rig.ts';

const ALL = Object.keys(CONSUMERS) as ConsumerName[];
const STREAMS = [...streamDefinitions(OPTIONS), ...bucketDefinitions(OPTIONS)].map(({ name }) => name);
const HOUR_MS = 3_600_000;
const NANOS_PER_MS = 1_000_000;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open({}, ALL);
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

type Config = Readonly<Record<string, unknown>>;

/** Without what seals a consumer: no two have the same. */
function unsealed(found: Record<string, Config>): Record<string, Config> {
  const sealed = found[`${COMBAT}/collector`]!;
  expect(sealed.opt_start_time).toMatch(/^(19|200)\d/);
  const { opt_start_time: _, ...rest } = sealed;
  return { ...found, [`${COMBAT}/collector`]: rest };
}

/** The configuration of everything that is there, by name. */
async function everything(on: Rig): Promise<Record<string, Config>> {
  const jsm = await jetstreamManager(on.nc, PATIENCE);
  const found: Record<string, Config> = {};
  for await (const { config } of jsm.streams.list()) {
    found[config.name] = config as unknown as Config;
    for await (const consumer of jsm.consumers.list(config.name)) {
      if (consumer.config.durable_name === undefined) continue; // a source's own
      found[`${config.name}/${consumer.name}`] = consumer.config as unknown as Config;
    }
  }
  return found;
}

/** Provisions and resolves with the one line that says why it was refused. */
async function refusal(on: Rig, consumers: readonly ConsumerName[] = [], options = on.options): Promise<string> {
  const refused: unknown = await provision(on.nc, consumers, options, new Lines().logger).then(
    () => 'it was not refused',
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(StartError);
  const { message } = refused as StartError;
  expect(message).not.toMatch(/\n/);
  return message;
}

describe.concurrent('provisioning', () => {
  test('makes the streams, buckets and consumers of the contract, each with our mark', async () => {
    const found = await everything(rig);
    const consumers = ALL.map((name) => `${CONSUMERS[name].stream}/${name}`);
    expect(Object.keys(found).sort()).toEqual([...STREAMS, ...consumers].sort());
    for (const config of Object.values(found)) expect(config.metadata).toMatchObject(MARK);
    const log = {
      storage: 'file',
      num_replicas: 1,
      deny_delete: true,
      deny_purge: true,
      max_age: 168 * HOUR_MS * NANOS_PER_MS,
    };
    expect(found.COMBAT).toMatchObject({ ...log, retention: 'limits', max_msg_size: 512 * 1_024 });
    for (const setting of ['allow_rollup_hdrs', 'allow_msg_ttl', 'allow_msg_schedules']) {
      expect(found.COMBAT?.[setting] ?? false).toBe(false);
    }
    expect(found.ACTIONS).toMatchObject({
      compression: 's2',
      sources: [{ name: COMBAT, filter_subject: 'combat.action.*' }],
    });
    expect(found.TASKS).toMatchObject({ retention: 'workqueue', subjects: ['executor.batch.*', 'ai.turn.*.*'] });
    expect(found.TIMERS).toMatchObject({ retention: 'workqueue', allow_msg_schedules: true });
    expect(found.DEAD).toMatchObject({ subjects: ['dead.>'], max_age: 30 * 24 * HOUR_MS * NANOS_PER_MS });
    for (const bucket of ['sessions', 'battles']) {
      expect(found[`KV_${bucket}`]).toMatchObject({ max_msgs_per_subject: 1, max_age: 168 * HOUR_MS * NANOS_PER_MS });
    }
    expect(found.KV_locks).toMatchObject({ storage: 'file', allow_msg_ttl: true, max_msgs_per_subject: 1 });
  });

  test('again changes nothing, and loses nothing', async () => {
    await using own = await Rig.open({}, ALL);
    await nudges(own.publisher, freshSession(), 10);
    const before = await everything(own);
    const lines = new Lines();
    for (let round = 0; round < 3; round += 1) await provision(own.nc, ALL, own.options, lines.logger);
    expect(await everything(own)).toEqual(before);
    expect(await own.effects.endOfLog()).toBe(10);
    expect(lines.saying(/created|changed/)).toEqual([]);
  });

  test('makes again what an operator removed, and no more', async () => {
    await using own = await Rig.open({}, ALL);
    const before = await everything(own);
    await nudges(own.publisher, freshSession(), 10);
    await own.drop('KV_locks');
    await own.drop(TASKS);
    await (await jetstreamManager(own.nc, PATIENCE)).consumers.delete(COMBAT, 'collector');
    await provision(own.nc, ALL, own.options, own.lines.logger);
    expect(unsealed(await everything(own))).toEqual(unsealed(before));
    expect(await own.effects.endOfLog()).toBe(10);
  });

  test('by 12 processes at once on an empty server is provisioning by one', async () => {
    await using own = await Rig.empty();
    const replicas = await Promise.all(Array.from({ length: 12 }, () => own.replica()));
    await Promise.all(replicas.map(({ nc }) => provision(nc, ALL, own.options, own.lines.logger)));
    const reference = await everything(rig);
    expect(unsealed(await everything(own))).toEqual(unsealed(reference));
    await nudges(own.publisher, freshSession(), 3);
    expect(await own.effects.endOfLog()).toBe(3);
  });

  test('brings the log, its buckets and its consumers up to a changed environment', async () => {
    await using own = await Rig.open({}, ALL);
    await nudges(own.publisher, freshSession(), 10);
    const changed = { ...own.options, logMaxAgeMs: 24 * HOUR_MS, logMaxBytes: 100_000_000, ackWaitMs: 7_000 };
    await provision(own.nc, ALL, changed, own.lines.logger);
    const found = await everything(own);
    const age = 24 * HOUR_MS * NANOS_PER_MS;
    expect(found.COMBAT).toMatchObject({ max_age: age, max_bytes: 100_000_000, deny_delete: true, metadata: MARK });
    expect(found.KV_sessions).toMatchObject({ max_age: age, allow_msg_ttl: true });
    expect(found.KV_battles).toMatchObject({ max_age: age });
    expect(found.KV_locks).toMatchObject({ max_age: 0 });
    for (const name of ALL) {
      expect(found[`${CONSUMERS[name].stream}/${name}`]).toMatchObject({ ack_wait: 7_000 * NANOS_PER_MS });
    }
    expect(await own.effects.endOfLog()).toBe(10);
    await provision(own.nc, ALL, own.options, own.lines.logger);
    expect((await everything(own)).COMBAT).toMatchObject({
      max_age: own.options.logMaxAgeMs * NANOS_PER_MS,
      max_bytes: -1,
    });
  });

  test('the log is not deleted from and not purged, whoever asks', async () => {
    await using own = await Rig.open();
    const [seq] = await nudges(own.publisher, freshSession(), 1);
    expect(await own.api(`STREAM.MSG.DELETE.${COMBAT}`, { seq })).toMatchObject({ error: {} });
    expect(await own.api(`STREAM.PURGE.${COMBAT}`)).toMatchObject({ error: {} });
    const headers = [['Nats-Rollup', 'all']] as const;
    expect(await own.publisher.publish('collector.signal.s', new Uint8Array(), { headers })).toMatchObject({
      kind: 'refused',
    });
    expect(await own.publisher.publish('collector.signal.s', new Uint8Array(), { ttlS: 1 })).toMatchObject({
      kind: 'refused',
    });
    expect(await own.effects.endOfLog()).toBe(1);
  });
});

describe.concurrent("what is not Riposte's", () => {
  test.each(STREAMS)('%s of that name is left as it is, and named in one line', async (name) => {
    await using own = await Rig.empty();
    const theirs = { name, subjects: [`theirs.${name}.>`], storage: 'memory', retention: 'limits', max_msgs: 7 };
    expect((await own.api(`STREAM.CREATE.${name}`, theirs)).error).toBeUndefined();
    for (let n = 0; n < 5; n += 1) await own.publisher.publish(`theirs.${name}.x`, Uint8Array.of(n));
    const before = await own.api(`STREAM.INFO.${name}`);
    expect(await refusal(own, ALL)).toContain(name);
    const after = await own.api(`STREAM.INFO.${name}`);
    expect(after.config).toEqual(before.config);
    expect(after.state).toEqual(before.state);
    expect(Object.keys(await everything(own)), 'nothing of ours is left behind').toEqual([name]);
  });

  test.each([
    ['combat.>', COMBAT],
    ['collector.signal.*', COMBAT],
    ['executor.batch.s1', TASKS],
    ['timer.due.*', 'TIMERS'],
    ['dead.letters', 'DEAD'],
    ['$KV.locks.>', 'KV_locks'],
  ])('a stream that takes %s stands in the way of %s, and stays as it is', async (subject, name) => {
    await using own = await Rig.empty();
    const theirs = { name: 'THEIRS', subjects: [subject], storage: 'memory', retention: 'limits' };
    expect((await own.api('STREAM.CREATE.THEIRS', theirs)).error).toBeUndefined();
    const line = await refusal(own, ALL);
    expect(line).toContain(name);
    const { config } = await own.api('STREAM.INFO.THEIRS');
    expect(config).toMatchObject(theirs);
    expect((await own.api(`STREAM.INFO.${name}`)).error).toBeDefined();
  });

  test('a stream of ours that lost its mark is not ours any more', async () => {
    await using own = await Rig.open();
    const { config } = await own.api(`STREAM.INFO.${TASKS}`);
    await own.api(`STREAM.UPDATE.${TASKS}`, { ...config, metadata: {} });
    expect(await refusal(own)).toContain(TASKS);
  });

  test.each([
    [TASKS, { retention: 'limits' }, 'retention'],
    ['TIMERS', { allow_msg_schedules: undefined }, 'allow_msg_schedules'],
    ['KV_locks', { allow_msg_ttl: undefined }, 'allow_msg_ttl'],
    ['KV_sessions', { storage: 'memory' }, 'storage'],
    [COMBAT, { subjects: ['combat.*.*'] }, 'collector.signal'],
    // What the rights rest on: with each of these whoever may write a message may do more than that.
    [COMBAT, { deny_delete: undefined }, 'deny_delete false, and true is needed'],
    [COMBAT, { deny_purge: undefined }, 'deny_purge false, and true is needed'],
    [COMBAT, { allow_rollup_hdrs: true, deny_purge: undefined }, ' false, and true is needed'],
    [COMBAT, { allow_msg_ttl: true }, 'allow_msg_ttl true, and false is needed'],
    [COMBAT, { republish: { src: 'collector.signal.*', dest: 'public.signal.{{wildcard(1)}}' } }, 'republish'],
    [
      COMBAT,
      { subject_transform: { src: 'combat.session.*', dest: 'combat.action.{{wildcard(1)}}' } },
      'subject_trans',
    ],
    [TASKS, { allow_rollup_hdrs: true }, 'allow_rollup_hdrs true, and false is needed'],
    [TASKS, { allow_msg_schedules: true }, 'allow_'],
    ['KV_locks', { allow_rollup_hdrs: true }, 'allow_rollup_hdrs true, and false is needed'],
    ['DEAD', { sources: [{ name: 'ELSEWHERE' }] }, 'sources'],
    [ACTIONS, { sources: [{ name: COMBAT }] }, 'sources'],
  ])('%s with our mark and another %o is refused, and not changed', async (name, other, word) => {
    await using own = await Rig.empty();
    const definition = [...streamDefinitions(OPTIONS), ...bucketDefinitions(OPTIONS)].find((one) => one.name === name);
    expect((await own.api(`STREAM.CREATE.${name}`, { ...definition, ...other })).error).toBeUndefined();
    const before = await own.api(`STREAM.INFO.${name}`);
    const line = await refusal(own);
    expect(line).toContain(name);
    expect(line).toContain(word);
    expect((await own.api(`STREAM.INFO.${name}`)).config).toEqual(before.config);
  });
});

describe.concurrent('what is ours and cannot work as it is, is put right or refused', () => {
  test.each([
    [COMBAT, { allow_direct: false }],
    ['KV_sessions', { allow_direct: false }],
    ['KV_locks', { max_age: HOUR_MS * NANOS_PER_MS }],
    [COMBAT, { discard: 'new' }],
    ['KV_sessions', { discard: 'old' }],
  ])('%s with another %o', async (name, other) => {
    await using own = await Rig.empty();
    const definition = [...streamDefinitions(OPTIONS), ...bucketDefinitions(OPTIONS)].find((one) => one.name === name)!;
    expect((await own.api(`STREAM.CREATE.${name}`, { ...definition, ...other })).error).toBeUndefined();
    const refused = await provision(own.nc, [], own.options, own.lines.logger).catch((error: unknown) => error);
    if (refused instanceof StartError) return;
    const { config } = await own.api(`STREAM.INFO.${name}`);
    for (const setting of Object.keys(other))
      expect([setting, config?.[setting]]).toEqual([setting, definition[setting]]);
  });

  test('the consumer collector with other filters', async () => {
    await using own = await Rig.open();
    const config = { durable_name: 'collector', filter_subject: 'combat.session.*', ack_policy: 'explicit' };
    const settings = { ack_wait: own.options.ackWaitMs * NANOS_PER_MS, max_ack_pending: 50_000, max_deliver: -1 };
    const body = { stream_name: COMBAT, config: { ...config, ...settings, metadata: MARK } };
    expect((await own.api(`CONSUMER.CREATE.${COMBAT}.collector`, body)).error).toBeUndefined();
    const refused = await provision(own.nc, ['collector'], own.options, own.lines.logger).catch(
      (error: Error) => error,
    );
    if (refused instanceof StartError) return;
    const made = await own.api(`CONSUMER.INFO.${COMBAT}.collector`);
    expect(made.config?.filter_subjects).toEqual(CONSUMERS.collector.filters);
  });
});

describe.concurrent('a collector’s consumer that was made by hand', () => {
  /** Makes it in place of the one that is there. */
  async function remake(on: Rig, config: object): Promise<void> {
    await (await jetstreamManager(on.nc, PATIENCE)).consumers.delete(COMBAT, 'collector');
    const usual = { durable_name: 'collector', ack_policy: 'explicit', ack_wait: on.options.ackWaitMs * NANOS_PER_MS };
    const body = { ...usual, filter_subjects: CONSUMERS.collector.filters, max_ack_pending: 50_000, ...config };
    const made = await on.api(`CONSUMER.CREATE.${COMBAT}.collector`, { stream_name: COMBAT, config: body });
    expect(made.error).toBeUndefined();
  }
  const off = { ...OPTIONS, checkOnly: true };

  test.each([
    [{ filter_subjects: ['combat.session.*'] }, 'filters ["combat.session.*"]'],
    [{ filter_subjects: undefined, filter_subject: 'collector.signal.*' }, 'filters ["collector.signal.*"]'],
    [{ max_deliver: 3 }, 'max_deliver 3'],
    [{ ack_policy: 'all' }, 'ack_policy "all"'],
  ])('with %o loses wakes: a role with PROVISION=off does not start on it', async (config, word) => {
    await using own = await Rig.open({}, ALL);
    await remake(own, config);
    const before = await everything(own);
    const line = await refusal(own, ['collector'], off);
    expect(line).toContain(`consumer collector of COMBAT has ${word}, and `);
    expect(line).toContain('PROVISION=off');
    expect(await everything(own)).toEqual(before);
  });

  test('with its filters in another order is as it should be', async () => {
    await using own = await Rig.open({}, ALL);
    const { config } = await own.api(`CONSUMER.INFO.${COMBAT}.collector`);
    await remake(own, { ...config, filter_subjects: CONSUMERS.collector.filters.toReversed() });
    const lines = new Lines();
    await provision(own.nc, ['collector'], off, lines.logger);
    expect(lines.all).toEqual([]);
  });

  test.each([
    ['a role with PROVISION=off', true],
    ['the operator', false],
  ])('without a seal: %s is told so, and how to have it sealed', async (_, checkOnly) => {
    await using own = await Rig.open({}, ALL);
    await remake(own, {});
    const lines = new Lines();
    await provision(own.nc, ['collector'], { ...own.options, checkOnly }, lines.logger);
    const [line, ...more] = lines.saying(/seal/);
    expect([line?.msg, more]).toEqual(['consumer collector has no seal', []]);
    expect(line?.reason).toMatch(/delete it and provision again: nothing is lost/);
    await (await jetstreamManager(own.nc, PATIENCE)).consumers.delete(COMBAT, 'collector');
    await provision(own.nc, ['collector'], own.options, lines.logger);
    expect(lines.saying(/seal/)).toHaveLength(1);
    unsealed(await everything(own));
  });
});

describe.concurrent('PROVISION=off', () => {
  const off = { ...OPTIONS, checkOnly: true };

  test('creates nothing on an empty server, and names what is missing', async () => {
    await using own = await Rig.empty();
    expect(await refusal(own, ALL, off)).toMatch(/COMBAT is missing.*PROVISION=off/);
    expect(await everything(own)).toEqual({});
  });

  test.each([...STREAMS, ...ALL])('names %s where that alone is missing', async (name) => {
    await using own = await Rig.open({}, ALL);
    if (STREAMS.includes(name)) await own.drop(name);
    else
      await (await jetstreamManager(own.nc, PATIENCE)).consumers.delete(CONSUMERS[name as ConsumerName].stream, name);
    const before = await everything(own);
    const line = await refusal(own, ALL, off);
    expect(line).toMatch(/is missing/);
    expect(line).toContain(name);
    expect(await everything(own)).toEqual(before);
  });

  test('is content with what is there, and changes nothing where the environment differs: that is a warning', async () => {
    await using own = await Rig.open({}, ALL);
    const before = await everything(own);
    const lines = new Lines();
    await provision(own.nc, ALL, off, lines.logger);
    expect(lines.all).toEqual([]);
    await provision(own.nc, ALL, { ...off, logMaxAgeMs: HOUR_MS, ackWaitMs: 9_000 }, lines.logger);
    expect(await everything(own)).toEqual(before);
    expect(lines.saying(/stream differs/).map((line) => line.stream)).toContain(COMBAT);
    expect(lines.saying(/consumer differs/).map((line) => line.consumer)).toEqual(ALL);
  });
});

test('ACTIONS is what stands on combat.action in COMBAT, in order, and says where', async () => {
  await using own = await Rig.open();
  const id = freshSession();
  const seqs: number[] = [];
  for (let n = 0; n < 50; n += 1) {
    await nudges(own.publisher, id, 1);
    const receipt = await own.publisher.publish(`combat.action.${id}`, Uint8Array.of(n));
    if (receipt.kind === 'stored') seqs.push(receipt.seq);
  }
  await until('the public record', async () => (await own.api(`STREAM.INFO.${ACTIONS}`)).state?.messages === 50);
  const jsm = await jetstreamManager(own.nc, PATIENCE);
  for (let n = 0; n < 50; n += 1) {
    const message = await jsm.streams.getMessage(ACTIONS, { seq: n + 1 });
    expect([...message!.data]).toEqual([n]);
    expect(message!.header.get('Nats-Stream-Source').split(' ')).toContain(`${seqs[n]}`);
  }
});

test('what was changed is told with its settings; what the server refuses to change is one line', async () => {
  await using own = await Rig.open();
  const told: string[] = [];
  const options = {
    ...own.options,
    logMaxAgeMs: 2 * HOUR_MS,
    told: ({ name, change, settings }: Provisioned) => void told.push([name, change, ...settings].join(' ')),
  };
  await provision(own.nc, [], options, new Lines().logger);
  expect(told).toContain(`${COMBAT} changed max_age`);
  expect(told).toContain(`${TASKS} unchanged`);
  expect(await refusal(own, [], { ...options, replicas: 3 })).toMatch(
    /^stream COMBAT cannot be changed: REPLICAS=3 needs a cluster of as many servers: ./,
  );
});
