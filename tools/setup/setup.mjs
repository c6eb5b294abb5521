// Owns: what the parts of the set-up share: where the checkout is, how they speak, how they fail, how npm is run.

import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The set-up cannot go on; the message tells a person what to do, and needs no stack. */
export class SetupError extends Error {}

/** One line for a person, on stderr. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/** npm's complaint is at the end of what it says. */
const ERRORS_MAX_CHARS = 10_000;

/**
 * Runs npm, the one that runs us where there is one, with what it writes on stdout on stderr.
 * @param args its arguments
 * @param cwd where
 * @param limitMs after which it is killed
 * @returns `ended`: its exit code, or the name of the signal that ended it; `errors`: the end of what it
 *   wrote on stderr
 */
export function runNpm(args, cwd, limitMs) {
  const own = process.env.npm_execpath;
  // Every package manager names itself there, and another one understands other arguments.
  const isNpm = own !== undefined && /^npm-cli\.[cm]?js$/.test(basename(own));
  const options = { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: limitMs };
  const child = isNpm
    ? spawn(process.execPath, [own, ...args], options)
    : spawn('npm', args, { ...options, shell: process.platform === 'win32' });
  let errors = '';
  child.stdout.on('data', (text) => process.stderr.write(text));
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors = (errors + text).slice(-ERRORS_MAX_CHARS);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new SetupError(error.code === 'ENOENT' ? 'npm is not installed: it comes with Node.js' : error.message));
    });
    child.once('close', (code, signal) => resolve({ ended: code ?? signal, errors }));
  });
}
