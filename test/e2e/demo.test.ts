// Proves `npm run demo` as the contract has it: battles of bots fought to the end, the last line, the exit code.

import { afterEach, describe, expect, test } from 'vitest';
import { COMMAND_LIMIT_MS, Command, remaining } from './command.ts';

/** The demo itself, the guardian of its server, the server, and three roles; more where the set-up starts one of its own. */
const PROCESSES = 6;

let command: Command | undefined;

afterEach(async () => {
  await command?.kill();
});

async function demo(...args: string[]): Promise<Command> {
  command = new Command('demo', args);
  return command;
}

describe('npm run demo', { timeout: COMMAND_LIMIT_MS }, () => {
  test('--battles 20 --seed 7 --json: one line on stdout, 20 finished, exit 0, nothing left running', async () => {
    const running = await demo('--battles', '20', '--seed', '7', '--json');
    const [below, end] = await Promise.all([running.everythingStarted(PROCESSES), running.ended]);
    expect([end, running.stdout.length, running.stderr[0]]).toEqual([
      { code: 0, signal: null },
      1,
      '20 battles of bots, two against two, seed 7',
    ]);
    const line = JSON.parse(running.stdout[0]!);
    expect(Object.keys(line)).toEqual(['battles', 'finished', 'exchanges', 'ms']);
    expect(line).toMatchObject({ battles: 20, finished: 20 });
    // Two against two: nobody falls before the third blow, and no battle of theirs is endless.
    expect(line.exchanges).toBeGreaterThan(20 * 3);
    expect(line.exchanges).toBeLessThan(20 * 200);
    expect(line.ms).toBeGreaterThan(0);
    expect(await remaining(below)).toEqual([]);
  });

  test('without --json it is told for people; interrupted, it ends, says how far it was, and leaves nothing', async () => {
    const running = await demo('--battles', '100000');
    await running.line(/of 100000 battles, /);
    const below = running.below();
    expect(below.size).toBeGreaterThanOrEqual(PROCESSES);
    running.signal('SIGINT');
    expect(await running.ended).toEqual({ code: 130, signal: null });
    expect(running.stderr).toEqual([]);
    expect(running.stdout.join('\n')).toMatch(
      /^\d+ of 100000 battles were fought to the end in \d+\.\d s: \d+ exchanges/m,
    );
    expect(await remaining(below)).toEqual([]);
  });

  test('--help says what there is', async () => {
    const running = await demo('--help');
    expect(await running.ended).toEqual({ code: 0, signal: null });
    for (const option of ['--battles', '--seed', '--json']) expect(running.stdout.join('\n')).toContain(option);
  });

  // What else is refused: test/unit/tools/command-options.test.ts.
  test('a bad option is one line on stderr, and exit code 2', async () => {
    const running = await demo('--battles', '0');
    expect(await running.ended).toEqual({ code: 2, signal: null });
    expect([running.stdout, running.stderr]).toEqual([[], [expect.stringMatching(/^demo: --battles 0: expected/)]]);
  });
});
