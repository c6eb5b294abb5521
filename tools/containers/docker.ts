// Owns: running the command line of the engine.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Pulling or building an image on a slow line; after that it hangs. */
const DOCKER_LIMIT_MS = 10 * 60_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;

const run = promisify(execFile);

/**
 * Runs `docker` and returns what it printed.
 * @param env more environment
 * @throws Error whose message is its complaint
 */
export async function docker(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  try {
    const options = { timeout: DOCKER_LIMIT_MS, maxBuffer: OUTPUT_BYTES, env: { ...process.env, ...env } };
    return (await run('docker', args, options)).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error('there is no `docker` on this machine');
    throw new Error(`docker ${args.join(' ')}: ${stderr?.trim() || String(error)}`);
  }
}
