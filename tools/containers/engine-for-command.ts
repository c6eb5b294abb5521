// Owns: which container engine the tests of a command find: with RIPOSTE_ENGINE=own one of the command's own, else the one
// that runs on this machine, if any. A command that is not asked to starts none.
//
// 1. A machine that can run none is no fault of ours: the tests say so and are skipped. One that could, and on which it does
//    not start, is: the tests fail of it.

import { oneLine } from '../nats-server/step.ts';
import { EngineUnavailable, startEngine } from './engine.ts';

/** The engine of one command. */
export interface CommandEngine {
  /** Ends it, if it is the command's own. */
  stop(): Promise<void>;
}

/**
 * Gives a command its engine, and leads docker, compose and testcontainers to it: in `env`, for the processes that the
 * command starts. Where the machine can run none RIPOSTE_ENGINE_FAULT there says why; where it could,
 * RIPOSTE_ENGINE_BROKEN.
 */
export async function engineForCommand(
  env: NodeJS.ProcessEnv = process.env,
  start = startEngine,
): Promise<CommandEngine> {
  if (env.RIPOSTE_ENGINE !== 'own') return { stop: async () => {} };
  try {
    const engine = await start();
    Object.assign(env, engine.env);
    return engine;
  } catch (error) {
    if (error instanceof EngineUnavailable) env.RIPOSTE_ENGINE_FAULT = error.message;
    else env.RIPOSTE_ENGINE_BROKEN = oneLine(error);
    return { stop: async () => {} };
  }
}
