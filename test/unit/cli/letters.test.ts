// Proves which dead letters may be sent again, and that a table of them stays narrow.

import { expect, test } from 'vitest';
import type { Letter } from '#cli/dead/letters.ts';
import { tableOf } from '#cli/dead/page.ts';
import { resendingOf } from '#cli/dead/resending.ts';
import { encode } from '#contracts/decode.ts';
import { sessionOfSubject } from '#contracts/subjects.ts';

function letter(subject: string, body: unknown = {}): Letter {
  const session = sessionOfSubject(subject);
  return { seq: 7, time: 0, subject, session, reason: 'because', origin: 'COMBAT:3', data: encode(body) };
}

test.each([
  ['collector.signal.s1', {}, { stream: 'COMBAT' }],
  ['combat.session.s1', { type: 'joined' }, { stream: 'COMBAT' }],
  ['combat.session.s1', 'no object', { stream: 'COMBAT' }],
  ['combat.session.s1', { type: 'opened' }, { stream: 'COMBAT', expected: 0, conflict: expect.stringContaining('s1') }],
  ['executor.batch.s1', {}, { stream: 'TASKS' }],
  ['ai.turn.s1.bot', {}, { stream: 'TASKS' }],
  ['timer.due.s1', {}, { stream: 'TIMERS' }],
])('on %s %j may be sent again', (subject, body, how) => {
  expect(resendingOf(letter(subject, body))).toEqual(how);
});

test.each(['collector.signal', 'combat.session', 'executor.batch', 'ai.turn', 'timer.due'])(
  'on %s a letter to no session may not',
  (family) => {
    expect(resendingOf(letter(`${family}.no~id`, { type: 'opened' }))).toMatch(/names no session/);
  },
);

test.each([
  ['combat.action.s1', /nobody else may/],
  ['combat.result.s1', /nobody else may/],
  ['other.subject.s1', /on no subject of Riposte/],
])('on %s no letter may', (subject, why) => {
  expect(resendingOf(letter(subject))).toMatch(why);
});

test('a wide cell of the table is cut, the reason is not', () => {
  const subject = `collector.signal.${'s'.repeat(64)}`;
  const reason = 'a reason is a sentence '.repeat(5).trim();
  const [, row] = tableOf([{ ...letter(subject), reason }]).split('\n');
  expect(row).toContain(`${subject.slice(0, 57)}...  `);
  expect(row).toMatch(new RegExp(`  ${reason}$`));
});
