// Owns: one of the project's roles as a process of a command: starting it, reading its log, stopping it.
//
// 1. No role outlives its command: it is told when the command has gone, however that went (see tools/setup/lifeline.mjs).
// 2. A terminal's Ctrl-C does not reach it: it is in a session of its own, and the command decides when it drains.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type LogLine, readLogLine } from './log-line.ts';

/** A role that fights need. */
export type RoleName = 'collector' | 'executor' | 'ai';

/** The roles that fights need. */
export const ROLES: readonly RoleName[] = ['collector', 'executor', 'ai'];

/** The role's own wait for a server is a minute. */
const READY_LIMIT_MS = 90_000;
/** A role drains within ten seconds of SIGTERM; one that does not is killed. */
const DRAIN_LIMIT_MS = 12_000;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LIFELINE = new URL('../setup/lifeline.mjs', import.meta.url).href;

/** How a process ended. */
export interface RoleExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A role that did not become ready. The message says what it said last. */
export class RoleNotReady extends Error {
  override readonly name = 'RoleNotReady';
}

/** A running role. */
export class RoleProcess {
  readonly role: RoleName;
  /** Resolves when it has ended and everything it said has been read. */
  readonly exited: Promise<RoleExit>;
  /** Resolves when it has said that it is ready; rejects with RoleNotReady. */
  readonly ready: Promise<void>;
  readonly #child: ChildProcess;
  #last = 'nothing';
  #httpPort: number | undefined;

  /**
   * Starts a role.
   * @param env its whole environment beside what Node itself needs
   * @param onLine takes every line it writes
   */
  constructor(role: RoleName, env: NodeJS.ProcessEnv, onLine: (line: LogLine) => void) {
    this.role = role;
    const entry = fileURLToPath(new URL(`../../services/${role}/main.ts`, import.meta.url));
    // Rules of one's own may import `riposte/rules`: in a checkout that is the source itself.
    const child = spawn(process.execPath, ['--conditions=riposte-source', '--import', LIFELINE, entry], {
      cwd: ROOT,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const outputs = [child.stdout, child.stderr].map((stream) => {
      const lines = createInterface({ input: stream });
      lines.on('line', (text) => {
        const line = readLogLine(text);
        this.#httpPort ??= line.httpPort;
        if (line.text === 'ready') resolve();
        if (line.text !== '') this.#last = line.text;
        onLine(line);
      });
      return once(lines, 'close');
    });
    const ended = new Promise<RoleExit>((settle) => {
      child.once('exit', (code, signal) => settle({ code, signal }));
      child.once('error', (error) => {
        this.#last = error.message;
        if (child.pid === undefined) settle({ code: null, signal: null });
      });
    });
    this.exited = ended.then(async (exit) => {
      await Promise.all(outputs);
      reject(new RoleNotReady(`the ${role} ended before it was ready; it said: ${this.#last}`));
      return exit;
    });
    this.ready = limited(promise, role);
    this.ready.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The port of its pages; undefined before it is ready, or if it has none. */
  get httpPort(): number | undefined {
    return this.#httpPort;
  }

  /** The last thing it said. */
  get last(): string {
    return this.#last;
  }

  /** Asks it to drain, kills it if it does not, and resolves when it has ended. */
  async stop(): Promise<RoleExit> {
    this.#child.kill('SIGTERM');
    // One that was stopped in its tracks hears nothing.
    this.#child.kill('SIGCONT');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), DRAIN_LIMIT_MS);
    return await this.exited.finally(() => clearTimeout(late));
  }

  /** Ends it at once. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child.kill(signal);
  }
}

async function limited(ready: Promise<void>, role: RoleName): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const say = () => reject(new RoleNotReady(`the ${role} was not ready within ${READY_LIMIT_MS / 1000} s`));
    timer = setTimeout(say, READY_LIMIT_MS);
  });
  try {
    await Promise.race([ready, late]);
  } finally {
    clearTimeout(timer);
  }
}
