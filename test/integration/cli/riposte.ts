// Owns: `riposte` as its user starts it, and its answer.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '#test/harness/environment.ts';
import { type Answer, linesOf } from '#test/unit/cli/desk.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAIN = 'cli/main.ts';

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly answer: Promise<Answer>;
}

/** Starts `node cli/main.ts`. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { child, answer: answerOf(child) };
}

/** Runs `node cli/main.ts` to its end, against a server. */
export function riposte(url: string, ...args: readonly string[]): Promise<Answer> {
  return start(args, { NATS_URL: url }).answer;
}

/** What a process writes until it ends. */
export async function answerOf(child: ChildProcess): Promise<Answer> {
  let [out, said] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return { code, out: linesOf(out), said: linesOf(said) };
}
