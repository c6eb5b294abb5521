// Proves what becomes of a command whose engine does not start, and that a stranger's engine gets no image of our making.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ensureBaseImages } from '#tools/containers/base-images.ts';
import { EngineUnavailable } from '#tools/containers/engine.ts';
import { engineForCommand } from '#tools/containers/engine-for-command.ts';
import { engineFault } from '../../harness/containers.ts';
import { temporaryDir } from './fake-server.ts';

afterEach(() => void vi.unstubAllEnvs());

const failsWith = (error: Error) => async () => {
  throw error;
};

describe('an engine that is asked for', () => {
  test('and that the machine cannot run is said, and no fault', async () => {
    const env: NodeJS.ProcessEnv = { RIPOSTE_ENGINE: 'own' };
    await engineForCommand(env, failsWith(new EngineUnavailable('no Linux')));
    expect(env).toEqual({ RIPOSTE_ENGINE: 'own', RIPOSTE_ENGINE_FAULT: 'no Linux' });
  });

  test('and that does not start where it could fails the tests that need it', async () => {
    const env: NodeJS.ProcessEnv = { RIPOSTE_ENGINE: 'own' };
    await engineForCommand(env, failsWith(new Error('dockerd did not start: it said nothing')));
    expect(env.RIPOSTE_ENGINE_FAULT).toBeUndefined();
    await expect(engineFault(env)).rejects.toThrow('no engine of our own: dockerd did not start: it said nothing');
  });
});

test("a stranger's engine that cannot pull gets no image of our making: why it cannot is what is said", async () => {
  const dir = temporaryDir();
  const calls = join(dir, 'calls');
  writeFileSync(
    join(dir, 'docker'),
    `#!/bin/sh\necho "$1" >>"${calls}"\n[ "$1" != pull ] || { echo "no such registry" >&2; exit 1; }\n`,
    { mode: 0o755 },
  );
  vi.stubEnv('PATH', `${dir}:${process.env.PATH}`);
  const said: string[] = [];
  await expect(ensureBaseImages({}, (line) => said.push(line))).rejects.toThrow(/node:24-slim: no such registry/);
  expect(said).toEqual([]);
  expect(readFileSync(calls, 'utf8')).toBe('image\npull\n');
});
