// Types the code blocks of a document into a shell, as they stand, in a copy of the checkout that a test may write into.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ROOT } from '#tools/commands/child.ts';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';

/** A block of code in a document, without its fences. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** The code blocks of a document, in their order. */
export function blocksOf(path: string): Block[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return Array.from(text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), ([, language = '', block = '']) => ({
    language,
    text: block,
  }));
}

/** A copy of the checkout, called `riposte`, in a folder of its own. It shares node_modules and the cache. */
export class CheckoutCopy {
  /** The folder that the copy lies in. */
  readonly parent = realpathSync(mkdtempSync(join(tmpdir(), 'riposte-copy-')));
  readonly dir = join(this.parent, 'riposte');

  constructor() {
    const listed = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
    for (const file of execFileSync('git', listed, { cwd: ROOT, encoding: 'utf8' }).split('\0')) {
      if (file === '' || file.startsWith('test/') || !existsSync(join(ROOT, file))) continue;
      mkdirSync(dirname(join(this.dir, file)), { recursive: true });
      cpSync(join(ROOT, file), join(this.dir, file));
    }
    for (const shared of ['node_modules', '.cache']) symlinkSync(join(ROOT, shared), join(this.dir, shared));
  }

  [Symbol.dispose](): void {
    rmSync(this.parent, { recursive: true, force: true });
  }
}

/** What a terminal is opened with. */
export interface TerminalOptions {
  /** More environment. A PATH given here comes before the usual one. */
  readonly env?: NodeJS.ProcessEnv;
  /** With a network of its own, in which every port is free. See ownNetworkFault. */
  readonly ownNetwork?: boolean;
}

/** Why no terminal with a network of its own can be opened, in one line; null if it can. */
export function ownNetworkFault(): string | null {
  try {
    execFileSync(OWN_NETWORK[0], [...OWN_NETWORK.slice(1), 'true'], { stdio: 'pipe' });
    return null;
  } catch {
    return 'this machine has no network namespaces (it takes Linux, unshare and ip)';
  }
}

const OWN_NETWORK = [
  'unshare',
  '--net',
  '--map-root-user',
  'sh',
  '-c',
  'ip link set lo up && exec "$@"',
  'sh',
] as const;

/** Nothing that is typed takes so long, an installation included. */
const HANGS_MS = 3 * 60_000;

/** What npm and vitest set for what they start, and what says where a server is. */
const OF_A_RUN = /^(npm_|NODE_|VITEST|NATS_|TEST$|DEV$|PROD$|MODE$|BASE_URL$|SSR$)/;

/** The environment of the person who runs the tests, who may need a proxy to reach a registry. */
function usersOwn(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !OF_A_RUN.test(name) || KEPT.has(name));
  return Object.fromEntries(kept);
}

const KEPT = new Set(['NODE_EXTRA_CA_CERTS', 'NODE_USE_ENV_PROXY', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE']);

/** A shell into which text is typed. What it has started goes with it. */
export class Terminal {
  /** What was written so far, to stdout and to stderr. */
  output = '';
  readonly #shell: ChildProcess;
  readonly #ended: Promise<unknown>;
  #told = Promise.withResolvers<void>();
  #marks = 0;

  private constructor(cwd: string, env: NodeJS.ProcessEnv, ownNetwork: boolean) {
    const [program, ...args] = [...(ownNetwork ? OWN_NETWORK : []), 'bash'] as [string, ...string[]];
    this.#shell = spawn(program, args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#shell.stdout!, this.#shell.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        this.#tell();
      });
    }
    this.#ended = once(this.#shell, 'close').then(() => this.#tell());
  }

  /** Opens a terminal in a folder. Its PATH leads to Node.js and nats-server as a user of this version has them. */
  static async open(cwd: string, { env = {}, ownNetwork = false }: TerminalOptions = {}): Promise<Terminal> {
    const path = [env.PATH, dirname(process.execPath), dirname(await ensureNatsServer()), process.env.PATH];
    return new Terminal(cwd, { ...usersOwn(), ...env, PATH: path.filter(Boolean).join(delimiter) }, ownNetwork);
  }

  /** Types text. What it starts is not to read what is typed next. */
  type(text: string): void {
    this.#shell.stdin!.write(`{\n${text}\n} </dev/null\n`);
  }

  /** Types text and resolves when the shell has come to its end; with the exit code of its last command. */
  async run(text: string): Promise<number> {
    this.#marks += 1;
    const mark = `typed ${this.#marks} ended with`;
    this.type(text);
    this.#shell.stdin!.write(`echo "${mark} $?"\n`);
    return Number((await this.until(new RegExp(`${mark} (\\d+)`)))[1]);
  }

  /** Resolves when the output has what is looked for. Rejects if the shell ends without it, or seems to hang. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const late = AbortSignal.timeout(HANGS_MS);
    late.addEventListener('abort', () => this.#tell());
    for (;;) {
      const told = this.#told.promise;
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      const hasEnded = this.#shell.exitCode !== null || this.#shell.signalCode !== null;
      if (hasEnded || late.aborted) throw new Error(`the shell gave no ${pattern}:\n${this.output}`);
      await told;
    }
  }

  /** Sends a signal to the shell and to all that runs in it, as Ctrl-C does. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#shell.pid!, signal);
    } catch {
      // It has ended.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  #tell(): void {
    this.#told.resolve();
    this.#told = Promise.withResolvers();
  }
}
