import { describe, expect, test } from 'vitest';
import { choosePolicy, type Policy } from '#policies/policy.ts';
import { weighted } from '#policies/weighted/weighted.ts';

const request = { session_id: 's1', bot_id: '-7', missing_targets: ['101'], request_id: '-7@5' };
const named = (name: string, handles?: (bot: string) => boolean): Policy => ({
  name,
  choose: () => new Map(),
  ...(handles && { handles: ({ bot_id }) => handles(bot_id) }),
});

describe('choosePolicy', () => {
  test('the last one added that handles the request answers it', () => {
    const policies = [weighted, named('older', () => true), named('newer', () => true), named('else', () => false)];
    expect(choosePolicy(policies, request).name).toBe('newer');
  });

  test('a policy that does not say what it handles takes everything', () => {
    expect(choosePolicy([weighted, named('any')], request).name).toBe('any');
  });

  test('weighted takes what nobody else does', () => {
    expect(choosePolicy([weighted, named('dragons', (bot) => bot === 'dragon')], request)).toBe(weighted);
  });

  test('a request that nobody handles is an error that names the bot', () => {
    expect(() => choosePolicy([named('none', () => false)], request)).toThrow('no policy handles bot -7 of s1');
  });
});
