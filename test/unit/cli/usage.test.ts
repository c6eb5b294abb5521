// Proves that what no command understands is refused before anybody connects, in one line that says what was expected.

import { describe, expect, test } from 'vitest';
import { BadUsage } from '#cli/command.ts';
import { ask } from './desk.ts';

describe('riposte audit', () => {
  test.each([
    [[], 'expected a session, or --all'],
    [['s1', '--all'], 'expected a session, or --all'],
    [['s1', 's2'], 'one session at a time, or --all; got s1 s2'],
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
    [['list', '7'], 'list takes options only, got 7'],
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
