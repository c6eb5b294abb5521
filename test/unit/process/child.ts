/**
 * Owns a fixture process of the tests here: started with an environment of its own, watched line by line, awaited by what
 * it says and never by time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '#test/harness/environment.ts';

/** How a process ended, and everything it said. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** A running fixture. Killed when disposed of. */
export class Child {
  readonly process: ChildProcess;
  readonly exited: Promise<Ending>;
  readonly #stdout: string[] = [];
  readonly #stderr: string[] = [];
  #onLine = new Set<() => void>();
  #ended = false;

  /**
   * @param fixture a script in `fixtures/`
   * @param env the variables it gets beside those that any program needs
   */
  constructor(fixture: string, env: Readonly<Record<string, string>> = {}) {
    const script = fileURLToPath(new URL(`./fixtures/${fixture}`, import.meta.url));
    this.process = spawn(process.execPath, [script], {
      env: { ...bareEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#collect(this.process.stdout!, this.#stdout);
    this.#collect(this.process.stderr!, this.#stderr);
    this.exited = new Promise((resolve) => {
      this.process.once('close', (code, signal) => {
        this.#ended = true;
        this.#tell();
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
      });
    });
  }

  /** The first line of the log that matches, or an error when the process ends without it. */
  async logged(matches: string | ((line: LogLine) => boolean)): Promise<LogLine> {
    const isIt = typeof matches === 'string' ? (line: LogLine) => line.msg === matches : matches;
    for (;;) {
      const found = this.log.find(isIt);
      if (found !== undefined) return found;
      if (this.#ended) throw new Error(`never said ${matches}: ${[...this.#stdout, ...this.#stderr].join('\n')}`);
      await new Promise<void>((resolve) => this.#onLine.add(resolve));
    }
  }

  /** What stands in the log so far. */
  get log(): LogLine[] {
    return this.#stdout.map((line) => JSON.parse(line) as LogLine);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }

  #collect(stream: NodeJS.ReadableStream, into: string[]): void {
    createInterface({ input: stream }).on('line', (line) => {
      into.push(line);
      this.#tell();
    });
  }

  #tell(): void {
    const waiting = this.#onLine;
    this.#onLine = new Set();
    for (const resolve of waiting) resolve();
  }
}
