// Owns: running a TypeScript program under the project's Node.js as if it were this process: its exit code is this one's, a
// signal to this process reaches it (see lifeline.mjs), and it is told to end when whoever started this process is killed.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { onOrphaned } from './orphan.mjs';

/** In a checkout `riposte/client` and its like are the sources themselves: see `exports` in package.json. */
const FROM_SOURCE = ['--conditions=riposte-source'];

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program to its end and takes over its exit code.
 * @param node the Node.js to run it with
 * @param entry its path
 * @param args its arguments
 * @param cwd where it runs
 */
export async function handOver(node, entry, args, cwd) {
  const lifeline = new URL('./lifeline.mjs', import.meta.url).href;
  const child = spawn(node, [...FROM_SOURCE, '--import', lifeline, entry, ...args], { cwd, stdio: 'inherit' });
  let isEnding = false;
  const forward = (signal) => {
    isEnding = true;
    child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  // Under a package manager a change of parent means that it was killed, or its shell was; elsewhere it may be meant. A command
  // that has been told to end would take another signal for impatience.
  const endAlone = () => isEnding || forward('SIGTERM');
  if (process.env.npm_lifecycle_event ?? process.env.INIT_CWD) onOrphaned(endAlone, true);
  await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0);
      resolve();
    });
  });
  for (const signal of FORWARDED) process.off(signal, forward);
}
