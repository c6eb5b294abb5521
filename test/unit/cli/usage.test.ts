// Proves that what no command understands is refused before anybody connects, in one line that says what was expected.

import { describe, expect, test } from 'vitest';
import { asksForHelp, BadUsage } from '#cli/command.ts';
import { ask } from './desk.ts';

describe('riposte audit', () => {
  test.each([
    [[], 'expected a session, or --all'],
    [['s1', '--all'], 'expected a session, or --all'],
    [['s1', 's2'], 'got s1 s2, expected one session'],
    [['s1', '--session=s2'], 'got s2 s1, expected one session'],
    [['--session=', '--rest'], '"" is no session id'],
    [['--session=s1', '--all'], 'expected a session, or --all'],
    [['no.session'], '"no.session" is no session id'],
    [['--everything'], "Unknown option '--everything'"],
    [['--all=yes'], "Option '--all' does not take an argument"],
  ])('%j', async (args, line) => {
    const asked = ask(null, 'audit', ...args);
    await expect(asked).rejects.toThrow(BadUsage);
    await expect(asked).rejects.toThrow(line);
  });
});

describe('riposte dead', () => {
  test.each([
    [[], 'expected list, show or retry'],
    [['burn'], 'there is no burn of dead letters'],
    [['constructor'], 'there is no constructor of dead letters'],
    [['list', 's1', 's2'], 'got s1 s2, expected one session'],
    [['list', '--limit', '0'], '--limit is "0", expected a whole number of 1 or more'],
    [['show'], 'show takes one sequence of DEAD'],
    [['show', '1', '2'], 'show takes one sequence of DEAD'],
    [['show', 'x'], 'the sequence is "x", expected a whole number of 1 or more'],
    [['retry'], 'retry takes one sequence of DEAD, or --all'],
    [['retry', '1', '--all'], 'retry takes one sequence of DEAD, or --all'],
    [['retry', '1', '--reason', 'x'], 'filters go with --all'],
  ])('%j', async (args, line) => {
    const asked = ask(null, 'dead', ...args);
    await expect(asked).rejects.toThrow(BadUsage);
    await expect(asked).rejects.toThrow(line);
  });
});

describe('S3 an id that looks like an option', () => {
  const AFTER = 'a session id that begins with "-" goes after "--" or as --session=-';
  test.each([
    ['audit', ['-x7Yp'], `${AFTER}x7Yp`],
    ['audit', ['-7', '--rest'], `${AFTER}7`],
    ['audit', ['--__proto__'], `${AFTER}-__proto__`],
    [
      'audit',
      ['--session', '-x7Yp'],
      'what follows --session begins with "-": write --session=-x7Yp, if it is its value',
    ],
    ['dead', ['list', '-x7Yp'], `${AFTER}x7Yp`],
    ['dead', ['list', '--session', '-x7Yp'], 'what follows --session begins with "-": write --session=-x7Yp'],
    ['dead', ['retry', '--all', '-x7Yp'], 'a session id that begins with "-" goes as --session=-x7Yp'],
    ['dead', ['retry', '--all', '--session', '-x7Yp'], 'write --session=-x7Yp'],
  ] as const)('riposte %s %j says where it goes', async (command, args, line) => {
    const asked = ask(null, command, ...args);
    await expect(asked).rejects.toThrow(BadUsage);
    await expect(asked).rejects.toThrow(line);
  });

  test.each([
    ['audit', ['--', '-x7Yp']],
    ['audit', ['--session=-x7Yp']],
    ['audit', ['--', '--help']],
    ['dead', ['list', '--', '-x7Yp']],
    ['dead', ['list', '--session=-x7Yp']],
    ['dead', ['retry', '--all', '--session=-x7Yp']],
  ] as const)('riposte %s %j is understood', async (command, args) => {
    await expect(ask(null, command, ...args)).rejects.toThrow('it asked for a connection');
  });

  test.each([
    [['-h'], true],
    [['s1', '--help'], true],
    [['--', '--help'], false],
    [['--session=--help'], false],
  ])('%j asks for help: %j', (args, asks) => {
    expect(asksForHelp(args)).toBe(asks);
  });
});
