// Proves how `npm start` and `npm run demo` read their options: what is unknown or malformed is refused in one line that
// names it. That a command prints that line and ends with 2 is proved on real processes in test/e2e.

import { describe, expect, test } from 'vitest';
import { StartError } from '#process/start-error.ts';
import { readDemoOptions } from '#tools/commands/demo-options.ts';
import { BadOption } from '#tools/commands/options.ts';
import { readStartOptions } from '#tools/commands/start-options.ts';

function thrownBy(read: () => unknown): Error {
  try {
    read();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was refused');
}

describe('npm run demo', () => {
  test.each([
    [[], { battles: 100, seed: 'riposte', json: false }],
    [['--battles', '100000', '--seed', 'a-Z_9', '--json'], { battles: 100_000, seed: 'a-Z_9', json: true }],
    [['--help', '--battles', '0'], 'help'],
  ])('%j is read', (args, options) => {
    expect(readDemoOptions(args)).toEqual(options);
  });

  test.each([
    [['--battles', '0'], /^--battles 0: expected a whole number from 1 to 100000$/],
    [['--battles', '1e3'], /^--battles 1e3/],
    [['--battles', '100001'], /^--battles 100001/],
    [['--battles=-1'], /^--battles -1/],
    [['--battles'], /--battles/],
    [['--seed', 'a b'], /^--seed a b: expected 1 to 32/],
    [['--sead', '7'], /^Unknown option '--sead'; --help says what there is$/],
    [['7'], /^Unexpected argument '7'/],
  ])('%j is refused', (args, says) => {
    const error = thrownBy(() => readDemoOptions(args));
    expect(error).toBeInstanceOf(BadOption);
    expect(error.message).toMatch(says);
  });
});

describe('npm start', () => {
  test.each([
    [[], {}, { hasArena: true, hasRoles: true }],
    [['--no-arena'], {}, { hasArena: false, hasRoles: true }],
    [['--no-roles'], { NATS_URL: 'nats://there' }, { hasArena: true, hasRoles: false }],
    [['--help'], { LOCK_TTL_MS: 'soon' }, 'help'],
  ])('%j with %j is read', (args, env, parts) => {
    expect(readStartOptions(args, env)).toEqual(parts);
  });

  test.each([
    [['--battles', '3'], {}, /^Unknown option '--battles'; --help says what there is$/],
    [['now'], {}, /^Unexpected argument 'now'/],
    [['--no-roles'], {}, /^--no-roles: NATS_URL/],
  ])('%j with %j is refused', (args, env, says) => {
    const error = thrownBy(() => readStartOptions(args, env));
    expect(error).toBeInstanceOf(BadOption);
    expect(error.message).toMatch(says);
  });

  test.each([
    [{ LOCK_TTL_MS: 'soon' }, /^LOCK_TTL_MS/],
    [{ NATS_URL: 'nats://me:secret@there' }, /^NATS_URL/],
  ])('a bad variable, %j, is refused with 2, and no secret is repeated', (env, says) => {
    const error = thrownBy(() => readStartOptions([], env));
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).exitCode).toBe(2);
    expect(error.message).toMatch(says);
    expect(error.message).not.toContain('secret');
  });
});
