// The set-up runs as it does on a fresh clone, in a checkout made for the test, with an npm that only pretends.

import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkout, outcome } from './checkout.ts';
import { ended, firstLine, isAlive, until } from './processes.ts';

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
    expect(stderr).toContain('npm complains');
  });

  const refused =
    'npm error code ECONNREFUSED\\nnpm error FetchError: request to https://me:secret@registry.example/zod failed';
  test.each([
    [refused, {}, 'request to https://registry.example/zod failed; no proxy is set (HTTPS_PROXY): check the network'],
    [
      refused,
      { HTTPS_PROXY: 'http://me:secret@proxy.example:3128', no_proxy: 'localhost' },
      'failed; proxies: HTTPS_PROXY=http://proxy.example:3128 (with a login), no_proxy=localhost: check the network',
    ],
    [
      refused,
      { https_proxy: 'me:secret@proxy.example:1' },
      'proxies: https_proxy=http://proxy.example:1 (with a login): ',
    ],
    [
      'npm error code ENOTFOUND\\nnpm error network request to x failed',
      {},
      'npm ci failed (ENOTFOUND), request to x failed; no',
    ],
    ['npm ERR! code EACCES\\nnpm ERR! path /home/me/.npm', {}, 'npm ci failed (EACCES): make /home/me/.npm writable'],
  ])('says in one line what npm failed of, proxies included: %j %j', async (complaint, env, line) => {
    const { write, run } = checkout();
    write('npm-fails', complaint);
    const { code, stderr } = await outcome(run(['echo'], env));
    const lines = stderr
      .trim()
      .split('\n')
      .filter((each) => !/^(installing|npm talks)/.test(each));
    expect([code, lines]).toEqual([1, [expect.stringContaining(line)]]);
    expect(stderr).not.toContain('secret');
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
