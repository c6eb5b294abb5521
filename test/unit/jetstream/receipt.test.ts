// Proves what each answer to a publish is taken for: by that the caller appends again, reads the tail first, or gives up.

import { expect, test } from 'vitest';
import { readReceipt, storedOr } from '#jetstream/receipt.ts';

const error = (code: number, err_code?: number, description?: string) =>
  JSON.stringify({ error: { code, err_code, description }, stream: 'COMBAT', seq: 0 });

test.each([
  ['{"stream":"COMBAT","seq":7}', { kind: 'stored', seq: 7, duplicate: false }],
  ['{"stream":"COMBAT","seq":7,"duplicate":true}', { kind: 'stored', seq: 7, duplicate: true }],
  [error(400, 10071, 'wrong last sequence: 12'), { kind: 'conflict', last: 12 }],
  [error(400, 10071, 'wrong last sequence'), { kind: 'conflict', last: null }],
  [error(400, 10164, 'wrong last sequence'), { kind: 'conflict', last: null }],
  [error(409, 10158, 'duplicate in flight'), { kind: 'unknown', reason: 'duplicate in flight' }],
  // A full disk and a missing leader are both 503: of the first nothing is stored, of the second nobody knows.
  [error(503, 10023, 'insufficient resources'), { kind: 'refused', code: 10023, reason: 'insufficient resources' }],
  [error(503, 10008, 'no leader'), { kind: 'unknown', reason: 'no leader' }],
  [error(503), { kind: 'unknown', reason: 'error 503' }],
  [error(400, 10077, 'maximum bytes exceeded'), { kind: 'refused', code: 10077, reason: 'maximum bytes exceeded' }],
  [error(400), { kind: 'refused', code: 400, reason: 'error 400' }],
  ['no JSON', { kind: 'unknown', reason: 'an acknowledgement that cannot be read' }],
])('%s', (answer, receipt) => {
  expect(readReceipt(answer)).toEqual(receipt);
});

test('what had to be stored and was not says why', () => {
  expect(storedOr({ kind: 'stored', seq: 7, duplicate: false }, 'it')).toBe(7);
  expect(() => storedOr({ kind: 'conflict', last: 3 }, 'it')).toThrow('it: conflict: another was first');
  expect(() => storedOr({ kind: 'unknown', reason: 'no answer' }, 'it')).toThrow('it: unknown: no answer');
});
