// Proves that a message's place is read from its reply subject, with and without a domain.

import { expect, test } from 'vitest';
import { placeAt } from '#jetstream/delivery.ts';

test.each([
  '$JS.ACK.COMBAT.collector.2.4711.17.1700000000123456789.5',
  '$JS.ACK.hub.Aa1Bb2.COMBAT.collector.2.4711.17.1700000000123456789.5.x9',
])('%s', (reply) => {
  expect(placeAt(reply)).toEqual({ count: 2, seq: 4711, nth: 17, time: 1_700_000_000_123 });
});
