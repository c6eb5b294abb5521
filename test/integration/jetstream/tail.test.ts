// Proves what a real server says of where its log ends for a session, and of a place that it is known to have reached. How answers
// of replicas that lag are told is proven in silence.test.ts, and on three servers in test/chaos/cluster.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMBAT } from '#contracts/streams.ts';
import { logSubject, sessionLogFilter } from '#contracts/subjects.ts';
import { EffectFailed } from '#jetstream/receipt.ts';
import { endsOf } from '#jetstream/stored-message.ts';
import { type Tail, tailOf } from '#jetstream/tail.ts';
import { freshSession, nudge, nudges, RIG_LIMIT_MS, Rig, until } from './rig.ts';

const EXPIRES_NS = 1e9;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open();
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

const tail = (filter: string, atLeast: number, on = rig): Promise<Tail> => tailOf(on.nc, COMBAT, filter, atLeast);

describe('where the log ends for a session', () => {
  test('is its last message, on whichever subject, and the log has nothing else of it up to its end', async () => {
    const [id, other] = [freshSession(), freshSession()];
    const seqs: number[] = [];
    for (const kind of ['session', 'signal', 'action', 'signal', 'result', 'signal', 'action'] as const) {
      await nudges(rig.publisher, other, 1);
      const receipt = await rig.publisher.publish(logSubject(kind, id), nudge(id, 0));
      if (receipt.kind === 'stored') seqs.push(receipt.seq);
    }
    const [end] = await nudges(rig.publisher, other, 1);
    for (const atLeast of [0, 1, seqs.at(-1)!, end!])
      expect(await tail(sessionLogFilter(id), atLeast)).toEqual({ last: seqs.at(-1), through: end });
    expect(await tail(logSubject('result', id), end!)).toEqual({ last: seqs[4], through: end });
    expect(await tail(logSubject('session', id), end!)).toEqual({ last: seqs[0], through: end });
  });

  test('is nowhere for a session that it does not have: said by who has what is known', async () => {
    expect(await tail(sessionLogFilter('nobody'), 0)).toEqual({ last: 0, through: 0 });
    const [end] = await nudges(rig.publisher, freshSession(), 1);
    expect(await tail(sessionLogFilter('nobody'), end!)).toEqual({ last: 0, through: end });
  });

  test('cannot be had where nobody has come as far as is asked for', async () => {
    const id = freshSession();
    const [seq] = await nudges(rig.publisher, id, 1);
    await expect(tail(sessionLogFilter(id), seq! + 1)).rejects.toThrow(EffectFailed);
    await expect(tail(sessionLogFilter('nobody'), seq! + 1)).rejects.toThrow(/lag behind/);
  });

  test('is nowhere where all that is known of has expired', async () => {
    await using own = await Rig.open();
    const id = freshSession();
    const [known] = await nudges(own.publisher, id, 1);
    const { config } = await own.api(`STREAM.INFO.${COMBAT}`);
    await own.api(`STREAM.UPDATE.${COMBAT}`, { ...config, max_age: EXPIRES_NS, duplicate_window: EXPIRES_NS });
    // The log is empty then: nothing is left that could show how far it is.
    await until('it to expire', async () => (await endsOf(own.nc, COMBAT)).firstSeq > known!);
    expect(await tail(sessionLogFilter(id), known!, own)).toEqual({ last: 0, through: known });
  });
});
