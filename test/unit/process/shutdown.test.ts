import { describe, expect, test } from 'vitest';
import { Child } from './child.ts';

describe('the end of a process', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s runs the steps in order and exits 0', async (signal) => {
    await using child = new Child('shutdown.ts');
    await child.logged('ready');
    child.kill(signal);
    const { code } = await child.exited;
    expect(code).toBe(0);
    expect(child.log.map((line) => line.msg)).toEqual([
      ...['ready', 'draining', 'first stopped', 'second stopped', 'last stopped', 'drained'],
    ]);
  });

  test('a step that sticks is named, and the exit is 1', async () => {
    await using child = new Child('shutdown.ts', { FIXTURE: 'stuck' });
    await child.logged('ready');
    child.kill('SIGTERM');
    expect((await child.exited).code).toBe(1);
    expect(child.log.at(-1)).toMatchObject({ level: 'fatal', step: 'second', msg: 'not drained: second is stuck' });
  });

  test('a step that fails does not keep the others from stopping, and the exit is 1', async () => {
    await using child = new Child('shutdown.ts', { FIXTURE: 'fails' });
    await child.logged('ready');
    child.kill('SIGTERM');
    expect((await child.exited).code).toBe(1);
    expect(child.log.map((line) => line.msg)).toEqual([
      ...['ready', 'draining', 'first stopped', 'second did not stop cleanly', 'last stopped', 'stopped'],
    ]);
  });

  test('a second signal exits at once', async () => {
    await using child = new Child('shutdown.ts', { FIXTURE: 'stuck, and each signal is one more' });
    await child.logged('ready');
    child.kill('SIGINT');
    await child.logged('first stopped');
    child.kill('SIGTERM');
    expect((await child.exited).code).toBe(143);
    expect(child.log.at(-1)).toMatchObject({ msg: 'SIGTERM again: not waiting for second' });
  });

  test('two signals in the same moment are one', async () => {
    await using child = new Child('shutdown.ts', { FIXTURE: 'stuck, and all signals are one' });
    await child.logged('ready');
    child.kill('SIGINT');
    await child.logged('first stopped');
    child.kill('SIGTERM');
    await child.logged('SIGTERM changes nothing');
    expect(child.process.exitCode).toBeNull();
  });
});
