// Owns: which container engine the tests of a command find: with RIPOSTE_ENGINE=own one of the command's own, else the one
// that runs on this machine, if any. A command that is not asked to starts none.

import { EngineUnavailable, startEngine } from './engine.ts';

/** The engine of one command. */
export interface CommandEngine {
  /** Ends it, if it is the command's own. */
  stop(): Promise<void>;
}

/**
 * Gives a command its engine, and leads docker, compose and testcontainers to it: in `env`, for the processes that the
 * command starts. Where none of its own can be started, RIPOSTE_ENGINE_FAULT there says why.
 */
export async function engineForCommand(env: NodeJS.ProcessEnv = process.env): Promise<CommandEngine> {
  if (env.RIPOSTE_ENGINE !== 'own') return { stop: async () => {} };
  try {
    const engine = await startEngine();
    Object.assign(env, engine.env);
    return engine;
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    env.RIPOSTE_ENGINE_FAULT = error.message;
    return { stop: async () => {} };
  }
}
