// Proves that what could not be processed is kept whole: its bytes, its subject, where it stood and why, once for each
// place it stood in.

import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEAD } from '#contracts/streams.ts';
import { deadSubject, logSubject } from '#contracts/subjects.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { freshSession, RIG_LIMIT_MS, Rig } from './rig.ts';

const MESSAGE_BYTES = 512 * 1_024;

let rig: Rig;

beforeAll(async () => {
  rig = await Rig.open();
}, RIG_LIMIT_MS);

afterAll(async () => {
  await rig?.close();
});

const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, (_, n) => n % 256);

/** The dead letters of a subject, in order. */
async function letters(subject: string): Promise<{ data: Uint8Array; reason: string; origin: string }[]> {
  const jsm = await jetstreamManager(rig.nc, PATIENCE);
  const found: { data: Uint8Array; reason: string; origin: string }[] = [];
  const { state } = await jsm.streams.info(DEAD);
  for (let seq = state.first_seq; seq <= state.last_seq; seq += 1) {
    const message = await jsm.streams.getMessage(DEAD, { seq });
    if (message === null || message.subject !== deadSubject(subject)) continue;
    const { header, data } = message;
    found.push({ data, reason: header.get('Riposte-Reason'), origin: header.get('Riposte-Origin') });
  }
  return found;
}

describe.concurrent('a dead letter', () => {
  test.each([
    ['nothing', 0],
    ['every byte there is', 256],
    ['the largest message', MESSAGE_BYTES],
  ])('is whole: %s', async (_what, count) => {
    const subject = logSubject('signal', freshSession());
    const data = bytes(count);
    const receipt = await rig.effects.deadLetter({ subject, data, origin: `COMBAT:${subject}`, reason: 'because' });
    expect(receipt).toMatchObject({ kind: 'stored' });
    const found = await letters(subject);
    expect(found).toMatchObject([{ reason: 'because', origin: `COMBAT:${subject}` }]);
    expect(Buffer.from(found[0]!.data).equals(data)).toBe(true);
  });

  test('is kept once for each origin, however often and by whomever it is sent', async () => {
    const subject = logSubject('signal', freshSession());
    const other = await rig.replica();
    const send = (origin: string) => ({
      subject,
      data: bytes(3),
      origin: `COMBAT:${subject}${origin}`,
      reason: 'because',
    });
    const receipts = await Promise.all(
      [rig.effects, other.effects, rig.effects].flatMap((effects) => [
        effects.deadLetter(send('1')),
        effects.deadLetter(send('2')),
      ]),
    );
    expect(receipts.every(({ kind }) => kind === 'stored' || kind === 'unknown')).toBe(true);
    expect((await letters(subject)).map(({ origin }) => origin.at(-1)).sort()).toEqual(['1', '2']);
  });

  test.each([
    ['line ends', 'one\r\nRiposte-Origin: forged\r\n\r\ntwo'],
    ['what no header can carry', 'a \u0000 b \u007f c é \ud800 d \u2028 e'],
    ['blanks around it', '  why  '],
    ['nothing', ''],
    ['a long story', 'x'.repeat(10_000)],
  ])('keeps its headers apart, whatever the reason says: %s', async (_what, reason) => {
    const subject = logSubject('action', freshSession());
    const origin = `COMBAT:${subject}`;
    const receipt = await rig.effects.deadLetter({ subject, data: bytes(16), origin, reason });
    expect(receipt).toMatchObject({ kind: 'stored' });
    const [letter] = await letters(subject);
    expect(letter!.origin).toBe(origin);
    expect(letter!.reason).toMatch(/^[\x20-\x7e]*$/);
    expect([...letter!.data]).toEqual([...bytes(16)]);
  });

  test('of any subject that can be published to finds its place', async () => {
    const subjects = [
      'combat.session.no%id',
      `collector.signal.${'x'.repeat(300)}`,
      'timer.due.s',
      'ai.turn.s.b',
      'executor.batch.é',
    ];
    for (const [seq, subject] of subjects.entries()) {
      const receipt = await rig.effects.deadLetter({
        subject,
        data: bytes(1),
        origin: `ANY:${seq}`,
        reason: 'because',
      });
      expect([subject, receipt.kind]).toEqual([subject, 'stored']);
      expect(await letters(subject)).toHaveLength(1);
    }
  });
});
