// Owns: a role as a real process that can be told at which call of Effects to die (fixtures/mortal-effects.ts), and what it
// tells of its calls. It is the real `services/<role>/main.ts`: what is in its place is put there by a preload.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '#test/harness/environment.ts';
import { readLogLine } from '#tools/roles/log-line.ts';
import type { RoleExit, RoleName } from '#tools/roles/role-process.ts';
import { ORDER_VARIABLE, type Order, TOLD_FD, type Told } from './order.ts';

/** Only a machine that does nothing else any more takes so long to start a process. */
const READY_LIMIT_MS = 60_000;
/** The contract's ten seconds, and some for the machine. */
const DRAIN_LIMIT_MS = 15_000;
/** What it wrote last, kept to explain a failure. */
const KEPT_LINES = 40;

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PRELOAD = new URL('./fixtures/preload.ts', import.meta.url).href;
const LIFELINE = new URL('../../../tools/setup/lifeline.mjs', import.meta.url).href;

/** One call of Effects, as its process told it. */
export type ToldCall = Extract<Told, { told: 'call' }>;

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A role's process. */
export class MortalRole {
  readonly name: RoleName;
  readonly ready: Promise<void>;
  readonly exited: Promise<RoleExit>;
  /** The calls it has made while an order named their session, in their order. */
  readonly calls: ToldCall[] = [];
  /** When it died as it was told to, by performance.now(); null while it has not. */
  diedAt: number | null = null;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #armed = Promise.withResolvers<void>();

  /**
   * Starts a process.
   * @param order in force from its first call on
   * @param sites takes the place of every call it makes, watched or not
   */
  constructor(name: RoleName, env: Readonly<Record<string, string>>, order: Order, sites: (call: ToldCall) => void) {
    this.name = name;
    const entry = join(ROOT, 'services', name, 'main.ts');
    const child = spawn(process.execPath, ['--import', LIFELINE, '--import', PRELOAD, entry], {
      cwd: ROOT,
      env: { ...bareEnvironment(), ...env, [ORDER_VARIABLE]: JSON.stringify(order) },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    alive.add(child);
    const ready = Promise.withResolvers<void>();
    const streams = [child.stdout, child.stderr, child.stdio[TOLD_FD]] as Readable[];
    const outputs = streams.map((stream, index) => {
      const lines = createInterface({ input: stream });
      lines.on('line', (text) => {
        if (index === TOLD_FD - 1) this.#take(JSON.parse(text) as Told, sites);
        else if (readLogLine(text).text === 'ready') ready.resolve();
        else this.#keep(text);
      });
      return once(lines, 'close');
    });
    const ended = new Promise<RoleExit>((settle) => {
      child.once('exit', (code, signal) => settle({ code, signal }));
      child.once('error', (error) => {
        this.#keep(error.message);
        if (child.pid === undefined) settle({ code: null, signal: null });
      });
    });
    this.exited = ended.then(async (exit) => {
      alive.delete(child);
      await Promise.all(outputs);
      ready.reject(new Error(`the ${name} ended before it was ready\n${this.print()}`));
      return exit;
    });
    const limit = setTimeout(
      () => ready.reject(new Error(`the ${name} was not ready in time\n${this.print()}`)),
      READY_LIMIT_MS,
    );
    this.ready = ready.promise.finally(() => clearTimeout(limit));
    this.ready.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Gives it another order; resolves when that is in force. Calls are counted, and kept, from then on. */
  async arm(order: Order): Promise<void> {
    this.#armed = Promise.withResolvers<void>();
    this.#child.send(order, () => {}); // one that has died is told nothing any more
    await this.#armed.promise;
  }

  /** SIGTERM: to drain and exit 0. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** SIGKILL, and the end of it. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Drains it, and kills it where it does not. */
  async stop(): Promise<void> {
    this.terminate();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), DRAIN_LIMIT_MS);
    await this.exited.finally(() => clearTimeout(late));
  }

  /** What it wrote last, for a failure message. */
  print(): string {
    return this.#lines.map((line) => `  ${this.name} ${this.pid}: ${line}`).join('\n');
  }

  #take(told: Told, sites: (call: ToldCall) => void): void {
    switch (told.told) {
      case 'call':
        sites(told);
        if (told.call !== null) this.calls.push(told);
        return;
      case 'dies':
        this.diedAt = performance.now();
        return;
      case 'armed':
        this.calls.length = 0;
        this.#armed.resolve();
        return;
      default:
        told satisfies never;
    }
  }

  #keep(text: string): void {
    this.#lines.push(text);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}
