// The set-up runs as it does on a fresh clone, in a checkout made for the test, with an npm that only pretends.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { temporaryDir } from './fake-server.ts';
import { ended, firstLine, isAlive, until } from './processes.ts';

/** What stands in for npm: takes note of each `ci`, and brings what the lock file names. */
const FAKE_NPM = `
const fs = require('node:fs');
const { version } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8')).packages['node_modules/node'];
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
console.log('npm talks on stdout');
if (fs.existsSync('npm-fails')) process.exit(7);
fs.mkdirSync('node_modules/node/bin', { recursive: true });
fs.writeFileSync('node_modules/node/package.json', JSON.stringify({ version }));
const bring = "require('node:fs').symlinkSync(" + JSON.stringify(process.env.REAL_NODE) + ", 'bin/node')";
fs.writeFileSync('node_modules/node/installArchSpecificPackage.js', fs.existsSync('no-binary') ? '' : bring);
if (!fs.existsSync('npm-ignores-scripts')) {
  fs.symlinkSync(process.env.REAL_NODE, 'node_modules/node/bin/node');
}
fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
`;

const ECHO = `
process.stdout.write(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), node: process.version }) + '\\n');
process.exitCode = 3;
`;

/** Says that it waits, then ends with 5 at the first signal, having counted those that came at once. */
const WAIT = `
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (signals++ === 0) setTimeout(() => { process.stdout.write(signal + ' ' + signals + '\\n'); process.exit(5); }, 200);
  });
}
setInterval(() => {}, 1000);
process.stdout.write(process.pid + '\\n');
`;

/** Says that it waits, drains for longer than it takes to notice that a parent has gone, and says which signals came by then. */
const DRAIN = `
import { writeFileSync } from 'node:fs';
const signals: string[] = [];
const end = () => { writeFileSync('signals', signals.join(' ')); process.exit(0); };
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (signals.push(signal) === 1) setTimeout(end, 1500);
  });
}
setInterval(() => {}, 1000);
process.stdout.write(process.pid + '\\n');
`;

/** A fresh clone: the set-up, a lock file, some commands, and no node_modules. */
function checkout() {
  const dir = temporaryDir();
  const write = (file: string, text: string) => writeFileSync(join(dir, file), text);
  cpSync(join(ROOT, 'tools', 'setup'), join(dir, 'tools', 'setup'), { recursive: true });
  mkdirSync(join(dir, 'tools', 'commands'));
  write('package.json', '{"type":"module","scripts":{"drain":"node tools/setup/run.mjs drain"}}');
  write('tools/commands/echo.ts', ECHO);
  write('tools/commands/wait.ts', WAIT);
  write('tools/commands/drain.ts', DRAIN);
  write('npm-cli.cjs', FAKE_NPM);
  const lock = (version: string) =>
    write('package-lock.json', JSON.stringify({ packages: { '': {}, 'node_modules/node': { version } } }));
  lock(process.versions.node);
  const run = (args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess => {
    const child = spawn(process.execPath, [join(dir, 'tools', 'setup', 'run.mjs'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, npm_execpath: join(dir, 'npm-cli.cjs'), REAL_NODE: process.execPath, ...env },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const npmCalls = () =>
    existsSync(join(dir, 'npm-calls')) ? readFileSync(join(dir, 'npm-calls'), 'utf8').trim().split('\n') : [];
  return { dir, write, lock, run, npmCalls };
}

/** Lets a program end and returns all there is to know. */
async function outcome(child: ChildProcess) {
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, ...text };
}

describe('the set-up', () => {
  test('installs the dependencies once, and hands over arguments, stdout and the exit code', async () => {
    const { dir, run, npmCalls } = checkout();
    const first = await outcome(run(['echo', '--battles', '3', 'a b']));
    expect(first.code).toBe(3);
    expect(JSON.parse(first.stdout)).toEqual({ args: ['--battles', '3', 'a b'], cwd: dir, node: process.version });
    expect(first.stderr).toMatch(/^installing the dependencies: there are none yet\n/);
    const second = await outcome(run(['echo']));
    expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 3, stderr: '' });
    expect(npmCalls()).toEqual([expect.stringMatching(/^ci --include=dev .*--no-audit/)]);
  });

  test('installs them again when the lock file has changed', async () => {
    const { run, npmCalls, lock, dir } = checkout();
    await outcome(run(['echo']));
    lock('1.2.3');
    const { stderr } = await outcome(run(['echo']));
    expect(stderr).toMatch(/installing the dependencies: node_modules\/node is not 1\.2\.3/);
    expect(npmCalls()).toHaveLength(2);
    expect(existsSync(join(dir, '.cache', 'setup.lock'))).toBe(false);
  });

  test('of two at once only one installs', async () => {
    const { run, npmCalls } = checkout();
    const outcomes = await Promise.all([outcome(run(['echo'])), outcome(run(['echo']))]);
    expect(outcomes.map(({ code }) => code)).toEqual([3, 3]);
    expect(npmCalls()).toHaveLength(1);
  });

  test('takes over the lock of a process that is gone', async () => {
    const { dir, write, run, npmCalls } = checkout();
    mkdirSync(join(dir, '.cache'));
    write('.cache/setup.lock', String(await pidOfTheDead()));
    expect((await outcome(run(['echo']))).code).toBe(3);
    expect(npmCalls()).toHaveLength(1);
  });

  test('says so when npm fails, and runs nothing', async () => {
    const { write, run } = checkout();
    write('npm-fails', '');
    const { code, stdout, stderr } = await outcome(run(['echo']));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/npm ci failed \(7\): see above, then try again\n$/);
  });

  test.each(['yarn.js', 'pnpm.cjs', 'pnpm-cli.js', 'bun'])(
    'S7 takes %s for no npm, and the npm on PATH',
    async (other) => {
      const { dir, write, run, npmCalls } = checkout();
      mkdirSync(join(dir, 'bin'));
      write('bin/npm', `#!/bin/sh\nexec "${process.execPath}" "${join(dir, 'npm-cli.cjs')}" "$@"\n`);
      chmodSync(join(dir, 'bin', 'npm'), 0o755);
      const env = { npm_execpath: join(dir, other), PATH: `${join(dir, 'bin')}:${process.env.PATH}` };
      expect((await outcome(run(['echo'], env))).code).toBe(3);
      expect(npmCalls()).toHaveLength(1);
    },
  );

  test('brings the pinned Node.js by hand where npm ignores install scripts', async () => {
    const { write, run } = checkout();
    write('npm-ignores-scripts', '');
    const { code, stderr } = await outcome(run(['echo']));
    expect(code).toBe(3);
    expect(stderr).toMatch(/which npm ci has left out \(ignore-scripts\?\)/);
  });

  test("goes on with the machine's own Node.js, if new enough, where the pinned one cannot be had", async () => {
    const { write, run } = checkout();
    write('npm-ignores-scripts', '');
    write('no-binary', '');
    const { code, stderr } = await outcome(run(['echo']));
    expect(code).toBe(3);
    expect(stderr).toMatch(/cannot be had; going on with this machine's v\d+/);
  });

  test.each([[['nothing']], [[]], [['../../x']]])('says clearly that there is no command %j', async (args) => {
    const { run, npmCalls } = checkout();
    const { code, stderr } = await outcome(run(args));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^there is no command .*: tools\/commands\/.*\.ts does not exist\n$/);
    expect(npmCalls()).toEqual([]);
  });
});

describe('a running command', () => {
  /** A command that waits, its set-up done. */
  async function waiting(env?: NodeJS.ProcessEnv) {
    const { run } = checkout();
    const child = run(['wait'], env);
    const end = ended(child);
    const pid = Number(await firstLine(child));
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    return { child, pid, end };
  }

  test.each(['SIGINT', 'SIGTERM'] as const)('is told of a %s once, and its exit code is passed on', async (signal) => {
    const { child, end } = await waiting();
    let said = '';
    child.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    child.kill(signal);
    child.kill(signal);
    expect(await end).toEqual({ code: 5, signal: null });
    expect(said).toBe(`${signal} 1\n`);
  });

  test('that a signal ends gives the exit code of one', async () => {
    const { pid, end } = await waiting();
    process.kill(pid, 'SIGKILL');
    expect(await end).toEqual({ code: 128 + 9, signal: null });
  });

  test('ends when what started it is killed outright', async () => {
    const { child, pid } = await waiting();
    child.kill('SIGKILL');
    await until('the command has ended', () => !isAlive(pid));
  });
});

// A package manager runs a script in a shell, which may stay between the two.
describe('S7 a command under npm', () => {
  /** A command that npm runs, in a process group of its own as in a terminal; its set-up done. */
  async function underNpm() {
    const { dir, run } = checkout();
    await outcome(run(['echo']));
    const { PATH, HOME } = process.env;
    const npm = spawn('npm', ['--silent', 'run', 'drain'], {
      cwd: dir,
      detached: true,
      env: { PATH, HOME, npm_config_update_notifier: 'false' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const pid = Number(await firstLine(npm));
    onTestFinished(() => {
      for (const each of [pid, -npm.pid!]) if (each < 0 || isAlive(each)) killQuietly(each);
    });
    const signals = async (): Promise<string> => {
      await until('the command has ended', () => !isAlive(pid));
      return readFileSync(join(dir, 'signals'), 'utf8');
    };
    return { npm, signals };
  }

  test('is told once to end: by Ctrl-C, by a SIGTERM to npm, and when npm is killed outright', async () => {
    const [typed, shellGone, asked, killed] = await Promise.all([underNpm(), underNpm(), underNpm(), underNpm()]);
    process.kill(-typed.npm.pid!, 'SIGINT');
    process.kill(-shellGone.npm.pid!, 'SIGINT');
    shellGone.npm.kill('SIGKILL');
    asked.npm.kill('SIGTERM');
    killed.npm.kill('SIGKILL');
    const told = [typed, shellGone, asked, killed].map(({ signals }) => signals());
    expect(await Promise.all(told)).toEqual(['SIGINT', 'SIGINT', 'SIGTERM', 'SIGTERM']);
  });
});

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** The number of a process that has ended. */
async function pidOfTheDead(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await ended(child);
  return child.pid!;
}
