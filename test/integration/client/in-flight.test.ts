// Proves the bound on what is in flight: so many calls at once, so many more in their order, and a refusal beyond that.

import { setImmediate as breathe } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Mailbox } from '#client/mailbox.ts';
import { Slots } from '#client/slots.ts';

describe('slots', () => {
  test('run so many at once, the others in their order, whether the ones before succeed or fail', async () => {
    const slots = new Slots(2);
    const begun: number[] = [];
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    const running = gates.map(({ promise }, index) =>
      slots.run(async () => {
        begun.push(index);
        await promise;
        return index;
      }),
    );
    const settled = Promise.allSettled(running);
    await breathe();
    expect(begun).toEqual([0, 1]);
    gates[1]!.reject(new Error('failed'));
    await breathe();
    expect(begun).toEqual([0, 1, 2]);
    for (const gate of gates) gate.resolve();
    expect((await settled).map((end) => (end.status === 'fulfilled' ? end.value : end.reason.message))).toEqual([
      0,
      'failed',
      2,
      3,
      4,
    ]);
    expect(begun).toEqual([0, 1, 2, 3, 4]);
    expect(await slots.run(async () => 'free again')).toBe('free again');
  });

  test('refuse what nobody will wait for, and take calls again afterwards', async () => {
    const slots = new Slots(1, 2);
    const gate = Promise.withResolvers<void>();
    const calls = Array.from({ length: 5 }, () => slots.run(() => gate.promise));
    const settled = Promise.allSettled(calls);
    gate.resolve();
    const codes = (await settled).map((end) => (end.status === 'fulfilled' ? 'done' : end.reason.code));
    expect(codes).toEqual(['done', 'done', 'done', 'busy', 'busy']);
    await slots.run(async () => {});
  });
});

describe('a mailbox', () => {
  test('takes nothing after its end: what was put in before an error still comes, after an end nothing does', async () => {
    const failed = new Mailbox<number>();
    failed.put(1);
    failed.end(new Error('lost'));
    failed.put(2);
    expect(await failed.take()).toBe(1);
    await expect(failed.take()).rejects.toThrow('lost');

    const ended = new Mailbox<number>();
    ended.put(1);
    ended.end();
    ended.put(2);
    expect(await ended.take()).toBeNull();
  });
});
