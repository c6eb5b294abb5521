// Owns: running the command line of the engine.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Pulling or building an image on a slow line; after that it hangs. */
const DOCKER_LIMIT_MS = 10 * 60_000;
const OUTPUT_BYTES = 16 * 1024 * 1024;

const run = promisify(execFile);

/**
 * Runs `docker` and returns what it printed.
 * @throws Error whose message is its complaint
 */
export async function docker(...args: readonly string[]): Promise<string> {
  try {
    return (await run('docker', args, { timeout: DOCKER_LIMIT_MS, maxBuffer: OUTPUT_BYTES })).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Error('there is no `docker` on this machine');
    throw new Error(`docker ${args.join(' ')}: ${stderr?.trim() || String(error)}`);
  }
}
