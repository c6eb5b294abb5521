// Gives the environment that a test starts a process with: what any program needs, and no variable of the person who runs
// the tests.

/** PATH, HOME, and the compile cache that `npm test` sets: with it a role starts in half the time. */
export function bareEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE } = process.env;
  return { PATH, HOME, ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }) };
}
