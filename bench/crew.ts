/**
 * Owns the processes of a run, roles and programs alike: they are started, they must not end by themselves, and they are
 * all stopped in the end.
 *
 * 1. A process that ends before it is told to fails the run, with what it said last.
 * 2. No process outlives the bench: each looks for its parent, and is in a session of its own, so that a Ctrl-C reaches
 *    the bench alone, which then stops them in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Role } from '#process/role.ts';
import type { Answer, Order } from './orders.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** Ends a process whose parent has gone. */
const LIFELINE = new URL('../tools/setup/lifeline.mjs', import.meta.url).href;

/** A role is ready in a second; a busy machine may take several. */
const READY_LIMIT_MS = 60_000;
/** The roles' own bound for draining is 10 s; after it they are killed. */
const STOP_LIMIT_MS = 15_000;
/** Output kept for the message that tells why a process ended. */
const KEPT_LINES = 20;

/** A role's process. */
export interface RoleProcess {
  readonly role: Role;
  readonly pid: number;
  /** Where its metrics are; null where they were not asked for. */
  readonly httpPort: number | null;
}

/** One of the bench's own programs. */
export interface Program {
  readonly pid: number;
  /** Gives an order and resolves to the answer. Rejects with the program's error. */
  order<Result>(name: string, argument?: unknown): Promise<Result>;
}

/** How a process is started. */
export interface ProcessOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its CPU profile goes; null for none. */
  readonly profileDir: string | null;
}

/** The processes of a run. */
export class Crew {
  /** Rejects when a process ends that nobody has told to. */
  readonly failed: Promise<never>;
  readonly #fail: (error: Error) => void;
  readonly #members = new Set<Member>();
  readonly #warnings: string[] = [];
  #warningCount = 0;
  #stopping = false;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.failed.catch(() => {});
    this.#fail = reject;
  }

  /** Starts a role and resolves when it is ready. */
  async role(role: Role, options: ProcessOptions): Promise<RoleProcess> {
    const member = this.#start(role, `services/${role}/main.ts`, options, 'pipe');
    const ready = await member.ready();
    return { role, pid: member.pid, httpPort: ready.httpPort ?? null };
  }

  /** Starts a program of bench/programs. */
  program(name: string, options: ProcessOptions): Program {
    const member = this.#start(name, `bench/programs/${name}.ts`, options, 'ignore');
    return { pid: member.pid, order: (order, argument) => member.order(order, argument) };
  }

  /** How often the roles have warned so far, and what they said first. */
  get warnings(): { readonly count: number; readonly first: readonly string[] } {
    return { count: this.#warningCount, first: this.#warnings };
  }

  /** Stops every process: programs first, so that nothing comes any more while the roles drain. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const members = [...this.#members];
    await Promise.all(members.filter((member) => !member.isRole).map((member) => member.stop()));
    await Promise.all(members.filter((member) => member.isRole).map((member) => member.stop()));
  }

  #start(name: string, file: string, options: ProcessOptions, output: 'pipe' | 'ignore'): Member {
    if (this.#stopping) throw new Error('the bench is stopping');
    const member = new Member(name, file, options, output, (line) => this.#warned(line));
    this.#members.add(member);
    void member.ended.then((how) => {
      this.#members.delete(member);
      if (!this.#stopping) this.#fail(new Error(`${name} ended with ${how}\n${member.said()}`));
    });
    return member;
  }

  #warned(line: string): void {
    this.#warningCount += 1;
    if (this.#warnings.length < KEPT_LINES) this.#warnings.push(line);
  }
}

/** A line of a role's log, as far as the bench reads it. */
interface LogLine {
  readonly msg?: unknown;
  readonly level?: unknown;
  readonly httpPort?: number;
}

const WARNING_LEVELS: readonly unknown[] = ['warn', 'error', 'fatal'];

class Member {
  readonly isRole: boolean;
  /** How it ended, in words. */
  readonly ended: Promise<string>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<LogLine>();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #lines: string[] = [];
  readonly #onWarning: (line: string) => void;
  #orders = 0;

  constructor(
    name: string,
    file: string,
    { environment, profileDir }: ProcessOptions,
    output: 'pipe' | 'ignore',
    onWarning: (line: string) => void,
  ) {
    this.#name = name;
    this.#onWarning = onWarning;
    this.isRole = output === 'pipe';
    // A folder each: a process writes one profile for each of its threads, under names of its own.
    const profile = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(profileDir, name)}`];
    const { PATH = '', HOME = '' } = process.env;
    this.#child = spawn(process.execPath, [...profile, '--import', LIFELINE, file], {
      cwd: ROOT,
      // Nothing else of the environment: a setting meant for another server must not reach the roles.
      env: { PATH, HOME, ...environment },
      detached: true,
      stdio: ['ignore', output, 'pipe', ...(this.isRole ? [] : (['ipc'] as const))],
    });
    this.#ready.promise.catch(() => {});
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream !== null) void this.#read(stream);
    this.#child.on('message', (answer: Answer) => {
      this.#answers.get(answer.id)?.(answer);
      this.#answers.delete(answer.id);
    });
    this.ended = once(this.#child, 'exit').then(
      ([code, signal]) => signal ?? `code ${code}`,
      (error: Error) => error.message,
    );
    void this.ended.then((how) => {
      this.#ready.reject(new Error(`${name} ended with ${how}\n${this.said()}`));
      for (const [id, take] of this.#answers) take({ id, error: `ended with ${how}` });
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** What it said last. */
  said(): string {
    return this.#lines.join('\n');
  }

  async ready(): Promise<LogLine> {
    const late = setTimeout(() => {
      this.#ready.reject(new Error(`${this.#name} was not ready within ${READY_LIMIT_MS} ms\n${this.said()}`));
    }, READY_LIMIT_MS);
    return await this.#ready.promise.finally(() => clearTimeout(late));
  }

  async order<Result>(name: string, argument: unknown): Promise<Result> {
    const id = this.#orders++;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#answers.set(id, resolve);
    this.#child.send({ id, name, argument } satisfies Order, (error) => {
      if (error !== null) resolve({ id, error: error.message });
    });
    const answer = await promise;
    if ('error' in answer) throw new Error(`${this.#name}, ${name}: ${answer.error}`);
    return answer.value as Result;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await this.ended;
    clearTimeout(late);
  }

  async #read(stream: NodeJS.ReadableStream): Promise<void> {
    stream.setEncoding('utf8');
    let rest = '';
    for await (const chunk of stream) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(line);
    }
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    const read = readLine(line);
    if (read.msg === 'ready') this.#ready.resolve(read);
    if (WARNING_LEVELS.includes(read.level)) this.#onWarning(line);
  }
}

/** A pino line; an empty one for any other text. */
function readLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return {};
  }
}
