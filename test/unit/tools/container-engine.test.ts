// Proves what becomes of a command whose engine does not start.

import { describe, expect, test } from 'vitest';
import { EngineUnavailable } from '#tools/containers/engine.ts';
import { engineForCommand } from '#tools/containers/engine-for-command.ts';
import { engineFault } from '../../harness/containers.ts';

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
