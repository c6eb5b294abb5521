// Owns: a fresh clone for tests of the set-up: the real set-up, some commands, and an npm that only pretends.

import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { temporaryDir } from './fake-server.ts';

/** What stands in for npm: takes note of each `ci`, and brings what the lock file names. */
const FAKE_NPM = `
const fs = require('node:fs');
const { version } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8')).packages['node_modules/node'];
fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
console.log('npm talks on stdout');
if (fs.existsSync('npm-fails')) {
  console.error(fs.readFileSync('npm-fails', 'utf8').replaceAll('\\\\n', '\\n') || 'npm complains');
  process.exit(7);
}
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
export function checkout() {
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
  const run = (
    args: string[],
    env: NodeJS.ProcessEnv = {},
    user: { uid?: number; gid?: number } = {},
  ): ChildProcess => {
    const child = spawn(process.execPath, [join(dir, 'tools', 'setup', 'run.mjs'), ...args], {
      ...user,
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
export async function outcome(child: ChildProcess) {
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
