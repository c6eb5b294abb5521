// Owns: a command of the project as its user starts it: its lines as they come, the processes below it, its end.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { bareEnvironment } from '#test/harness/environment.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

/** A command that starts a server and three processes, on a machine that is busy with other tests or stands still. */
export const COMMAND_LIMIT_MS = 240_000;
/** A blow, as `npm start` shows it. */
export const BLOW = /^(arena|duel) \d+ +\S+ +> \S+ +(hit|crit|miss|dodge|parry|block)\b.* [#.]{10} \d+\/\d+$/;

const LOOK_MS = 100;
/** A process that is to end ends within ten seconds; this ends a wait for one that does not. */
const GONE_LIMIT_MS = 120_000;

/** How a command ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running command. */
export class Command {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  readonly ended: Promise<CommandEnd>;
  readonly #child: ChildProcess;
  #hasEnded = false;

  /** Starts `npm run <name>` without npm, which would add lines of its own, and without a shell: its words are enough. */
  constructor(
    name: string,
    args: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
    user: { readonly uid?: number; readonly gid?: number } = {},
  ) {
    const [, ...words] = scripts[name]!.split(' ');
    this.#child = spawn(process.execPath, [...words, ...args], {
      ...user,
      cwd: ROOT,
      env: { ...bareEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.stdout.push(line));
    createInterface({ input: this.#child.stderr! }).on('line', (line) => this.stderr.push(line));
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      this.#hasEnded = true;
      return { code, signal };
    });
  }

  /** Waits for a line on stdout, the first one or one after so many others. */
  async line(pattern: RegExp, after = 0): Promise<string> {
    for (const untilMs = performance.now() + COMMAND_LIMIT_MS; performance.now() < untilMs; await pause(LOOK_MS)) {
      const found = this.stdout.find((line, at) => at >= after && pattern.test(line));
      if (found !== undefined) return found;
      if (this.#hasEnded) break;
    }
    throw new Error(`no line like ${pattern}; there was:\n${[...this.stdout, ...this.stderr].join('\n')}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Process ids of everything it has started, and what that has started, by command line. */
  below(): Map<number, string> {
    const processes = listProcesses();
    const found = new Map<number, string>();
    const parents = [this.#child.pid!];
    for (let parent = parents.shift(); parent !== undefined; parent = parents.shift()) {
      for (const { pid, ppid, args } of processes) {
        if (ppid !== parent) continue;
        found.set(pid, args);
        parents.push(pid);
      }
    }
    return found;
  }

  /** What it has started, as soon as that is so many processes; or the most that was seen until it ended. */
  async everythingStarted(count: number): Promise<Map<number, string>> {
    let most = new Map<number, string>();
    for (; most.size < count && !this.#hasEnded; await pause(LOOK_MS)) {
      const now = this.below();
      if (now.size > most.size) most = now;
    }
    return most;
  }

  /** Ends what is left of it. */
  async kill(): Promise<void> {
    const below = this.below();
    this.signal('SIGKILL');
    for (const pid of below.keys()) killQuietly(pid);
    await this.ended;
  }
}

/** Waits for processes to go; resolves with those that do not. */
export async function remaining(pids: ReadonlyMap<number, string>, limitMs = GONE_LIMIT_MS): Promise<string[]> {
  for (const untilMs = performance.now() + limitMs; ; await pause(LOOK_MS)) {
    // A process id alone may be somebody else's by now.
    const left = listProcesses().filter(({ pid, args }) => pids.get(pid) === args);
    if (left.length === 0 || performance.now() >= untilMs) return left.map(({ args }) => args);
  }
}

function listProcesses(): { pid: number; ppid: number; args: string }[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, ppid, args = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || args.includes('<defunct>') ? [] : [{ pid: Number(pid), ppid: Number(ppid), args }];
  });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
