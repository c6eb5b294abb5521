// Owns: the three roles as real processes, started as contract.md ("Processes") says and known only by their standard
// output, their exit code and the signals they take.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '#test/harness/environment.ts';

export type RoleName = 'collector' | 'executor' | 'ai';
export type Environment = Readonly<Record<string, string>>;

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** These end a wait for what never happens. A role starts and drains in a second; a busy machine takes its time. */
const READY_LIMIT_MS = 100_000;
const DRAIN_LIMIT_MS = 60_000;

/** Output kept for failure messages. */
const KEPT_LINES = 200;

/** The crash clocks at their lowest, so that what a crash leaves behind is picked up within seconds. */
export const FAST_CLOCKS: Environment = { LOCK_TTL_MS: '2000', ACK_WAIT_MS: '2000' };

/** Loads the rule set `plain` of this suite. */
export const PLAIN_RULES: Environment = {
  RULES_MODULES: fileURLToPath(new URL('./fixtures/plain.ts', import.meta.url)),
};

const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How a process ended. */
interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** One process of one role. */
export class Role {
  readonly name: RoleName;
  readonly exited: Promise<Exit>;
  /** What it wrote, to standard output and standard error alike. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;
  #waiting: (() => void)[] = [];
  #exit: Exit | undefined;

  private constructor(name: RoleName, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    running.add(child);
    const outputs = [child.stdout, child.stderr].map(async (stream) => {
      let rest = '';
      for await (const chunk of stream ?? []) {
        const lines = `${rest}${chunk}`.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#take(line);
      }
      if (rest !== '') this.#take(rest);
    });
    this.exited = once(child, 'exit').then(async ([code, signal]) => {
      running.delete(child);
      await Promise.all(outputs);
      this.#exit = { code, signal };
      this.#wake();
      return this.#exit;
    });
    this.#ready = this.line('"msg":"ready"', READY_LIMIT_MS, (line) => messageOf(line) === 'ready').then(() => {});
    this.#ready.catch(() => {});
  }

  /** Starts a process with exactly the given environment and what Node itself needs. */
  static spawn(name: RoleName, environment: Environment): Role {
    const child = spawn(process.execPath, ['--import', './tools/setup/lifeline.mjs', `services/${name}/main.ts`], {
      cwd: ROOT,
      env: { ...bareEnvironment(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.setEncoding('utf8');
    child.stderr.setEncoding('utf8');
    return new Role(name, child);
  }

  /** Starts a process and waits for its line with `"msg":"ready"`. */
  static async start(name: RoleName, environment: Environment): Promise<Role> {
    const role = Role.spawn(name, environment);
    await role.ready();
    return role;
  }

  async ready(): Promise<void> {
    await this.#ready;
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Where its pages are: it is ready and was started with HTTP_PORT=0. */
  get pages(): string {
    const ready = this.lines.find((line) => messageOf(line) === 'ready');
    const { httpPort } = JSON.parse(ready ?? '{}') as { httpPort?: number };
    if (httpPort === undefined) throw new Error(`the ${this.name} has no pages\n${this.print()}`);
    return `http://127.0.0.1:${httpPort}`;
  }

  get alive(): boolean {
    return this.#exit === undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits for a line of output that fits. */
  async line(what: string, limitMs: number, fits: (line: string) => boolean): Promise<string> {
    const until = Date.now() + limitMs;
    for (;;) {
      const found = this.lines.find(fits);
      if (found !== undefined) return found;
      const leftMs = until - Date.now();
      if (this.#exit !== undefined || leftMs <= 0) {
        const how =
          this.#exit === undefined ? `within ${limitMs} ms` : `before it ended (${JSON.stringify(this.#exit)})`;
        throw new Error(`the ${this.name} did not write ${what} ${how}\n${this.print()}`);
      }
      await this.#news(leftMs);
    }
  }

  /** Freezes the process where it stands. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Thaws it. */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** `kill -9`, and the end of it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** SIGTERM: it must drain and exit 0, which it does by itself within ten seconds, or fails. One that has ended before has crashed. */
  async terminate(): Promise<void> {
    if (!this.alive)
      throw new Error(`the ${this.name} ended by itself: ${JSON.stringify(this.#exit)}\n${this.print()}`);
    this.#child.kill('SIGTERM');
    const exit = await this.end(DRAIN_LIMIT_MS);
    if (exit.code !== 0) throw new Error(`the ${this.name} ended with ${JSON.stringify(exit)}\n${this.print()}`);
  }

  /** Waits for the process to end by itself. */
  async end(limitMs: number): Promise<Exit> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#child.kill('SIGKILL');
        reject(new Error(`the ${this.name} did not end within ${limitMs} ms\n${this.print()}`));
      }, limitMs);
    });
    try {
      return await Promise.race([this.exited, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What it wrote, for a failure message. */
  print(): string {
    return this.lines.map((line) => `  ${this.name} ${this.#child.pid}: ${line}`).join('\n');
  }

  #take(line: string): void {
    if (line.trim() === '') return;
    this.lines.push(line);
    if (this.lines.length > KEPT_LINES) this.lines.shift();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async #news(limitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** The `msg` of a pino line. */
function messageOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { msg?: unknown }).msg;
  } catch {
    return undefined;
  }
}
