// Proves that of a container engine that a command has started nothing is left, whichever way the command ends.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { docker } from '#tools/containers/docker.ts';
import { type Engine, startEngine } from '#tools/containers/engine.ts';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';

/** Fetching the programs, on a machine that is busy with other tests. */
const ENGINE_LIMIT_MS = 3 * 60_000;
/** Killing a process namespace takes a moment. */
const GONE_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 100;
const GROUPS = '/sys/fs/cgroup';

const HOLDER = fileURLToPath(new URL('./fixtures/hold-engine.ts', import.meta.url));

/** What of an engine can be seen on the machine, one line each; its cable and its control groups are named after its owner. */
function traces({ DOCKER_HOST = '' }: Readonly<Record<string, string>>, owner: number): string[] {
  const dir = dirname(DOCKER_HOST.replace('unix://', ''));
  const name = `rpe${owner}`;
  const linesWith = (word: string, text: string) => text.split('\n').filter((line) => line.includes(word));
  const controllers = existsSync(GROUPS) ? ['.', ...readdirSync(GROUPS)] : [];
  return [
    ...(existsSync(dir) ? [dir] : []),
    ...linesWith(dir, execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })),
    ...linesWith(dir, readFileSync('/proc/mounts', 'utf8')),
    ...linesWith(`${name}@`, execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' })),
    ...controllers.map((controller) => join(GROUPS, controller, name)).filter((group) => existsSync(group)),
  ];
}

/** Puts a container into an engine, so that there are bridges, mounts and control groups to be left. */
async function runContainer(env: Readonly<Record<string, string>>): Promise<void> {
  const server = await ensureNatsServer();
  // Debian's nats-server needs a loader and libraries, which an image of it alone would lack: it would have ended at once.
  const { stdout: linked } = spawnSync('ldd', [server], { encoding: 'utf8' });
  const libraries = [...linked.matchAll(/\/\S+(?= \(0x)/g)].map(([path]) => path.slice(1));
  const from = ['--directory', dirname(server), 'nats-server', '--directory', '/', ...libraries];
  const tar = execFileSync('tar', ['--create', '--dereference', ...from], { maxBuffer: 128 * 1024 * 1024 });
  execFileSync('docker', ['import', '-', 'bare'], { input: tar, env: { ...process.env, ...env } });
  await docker(['run', '--detach', '--name', 'bare', 'bare', '/nats-server', '--jetstream'], env);
  // What it has ended with is told, where it has.
  expect(await docker(['inspect', '--format', '{{json .State}}', 'bare'], env)).toContain('"Status":"running"');
}

async function isGone(env: Readonly<Record<string, string>>, owner: number): Promise<void> {
  const late = performance.now() + GONE_LIMIT_MS;
  while (traces(env, owner).length > 0 && performance.now() < late) await pause(LOOK_EVERY_MS);
  expect(traces(env, owner)).toEqual([]);
}

// Only where an engine is asked for: it is fetched, and it needs root.
const isAsked = process.env.RIPOSTE_ENGINE === 'own' && process.env.RIPOSTE_ENGINE_FAULT === undefined;

describe.skipIf(!isAsked)('an engine of our own', { timeout: ENGINE_LIMIT_MS }, () => {
  let holder: ChildProcess | undefined;
  let engine: Engine | undefined;

  afterEach(async () => {
    holder?.kill('SIGKILL');
    holder = undefined;
    await engine?.stop();
  });

  /** A folder for temporary directories, so that what is in it is of this test alone. */
  function ownTemporaries(): string {
    const dir = mkdtempSync(join(tmpdir(), 'rpt-'));
    vi.stubEnv('TMPDIR', dir);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(dir, { recursive: true, force: true });
    });
    return dir;
  }

  /** Runs the holder where it is to fail; resolves to what it says. */
  async function complaintOf(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    holder = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
    let complaint = '';
    holder.stderr!.on('data', (text) => {
      complaint += text;
    });
    const [code] = await once(holder, 'close');
    expect(code).toBe(1);
    return complaint;
  }

  test('runs a container, and is gone with it when it is stopped', async () => {
    engine = await startEngine();
    await runContainer(engine.env);
    expect(traces(engine.env, process.pid).length).toBeGreaterThan(3);
    await engine.stop();
    await isGone(engine.env, process.pid);
  });

  test('is gone with its containers when the command that started it is killed outright', async () => {
    holder = spawn(process.execPath, [HOLDER], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface({ input: holder.stdout! }), 'line');
    const env = JSON.parse(line as string) as Record<string, string>;
    await runContainer(env);
    holder.kill('SIGKILL');
    await isGone(env, holder.pid!);
  });

  // What is asked of the machine beforehand works; laying the cable, or locking the directory, does not.
  test.each([
    ['ip', '[ "$2" != add ]'],
    ['flock', 'false'],
  ])(
    'that cannot be kept for want of %s is a fault and not a want of the machine, and leaves nothing',
    async (name, works) => {
      const programs = mkdtempSync(join(ownTemporaries(), 'bin-'));
      const real = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
      const script = `#!/bin/sh\n${works} || { echo not here >&2; exit 1; }\nexec ${real} "$@"\n`;
      writeFileSync(join(programs, name), script, { mode: 0o755 });
      const complaint = await complaintOf(process.execPath, [HOLDER], { PATH: `${programs}:${process.env.PATH}` });
      expect(complaint).toBe('Error: dockerd did not start: not here; left: nothing\n');
    },
  );

  test('is gone when a later step of its start fails', async () => {
    ownTemporaries();
    const complaint = await complaintOf('unshare', ['--net', process.execPath, HOLDER, 'names-taken']);
    expect(complaint).toMatch(/^Error: .*EADDRINUSE.*; left: nothing\n$/);
  });

  test('whose keeper is stuck is stopped all the same, and what is left of it goes when the next one starts', async () => {
    const dir = ownTemporaries();
    engine = await startEngine({ stopLimitMs: 500 });
    await runContainer(engine.env);
    const keeper = execFileSync('pgrep', ['--parent', `${process.pid}`, '--full', 'keep-engine'], { encoding: 'utf8' });
    process.kill(Number(keeper), 'SIGSTOP');
    await engine.stop();
    expect(readdirSync(dir)).toEqual([basename(engine.env.RIPOSTE_ENGINE_DIR!)]);
    const stuck = engine.env;
    const living = await startEngine();
    holder = spawn(process.execPath, [HOLDER], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(createInterface({ input: holder.stdout! }), 'line');
    await docker(['version'], living.env);
    const ended = once(holder, 'close');
    holder.kill('SIGKILL');
    await ended;
    await living.stop();
    await isGone(stuck, process.pid);
    await vi.waitFor(() => expect(readdirSync(dir)).toEqual([]), GONE_LIMIT_MS);
  });

  test('of .ci/run, which is told to end: nothing is left', async () => {
    const checkout = mkdtempSync(join(tmpdir(), 'riposte-ci-'));
    onTestFinished(() => rmSync(checkout, { recursive: true, force: true }));
    const tracked = execFileSync('git', ['ls-files', '-z', '--', '.', ':!test', ':!docs'], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    const files = [...tracked.split('\0').filter((file) => file !== ''), 'test/harness/depth.ts'];
    for (const file of files) cpSync(join(ROOT, file), join(checkout, file));
    mkdirSync(join(checkout, '.cache'));
    for (const made of ['node_modules', '.cache/nats-server', '.cache/container-engine']) {
      symlinkSync(join(ROOT, made), join(checkout, made));
    }
    mkdirSync(join(checkout, 'test/chaos'));
    writeFileSync(
      join(checkout, 'test/chaos/waits.test.ts'),
      [
        "import { test } from 'vitest';\n",
        "test('waits', async () => {",
        "  process.stdout.write('engine ' + JSON.stringify(process.env) + String.fromCharCode(10));",
        '  await new Promise(() => {});',
        '});\n',
      ].join('\n'),
    );
    holder = spawn('bash', [join(checkout, '.ci/run')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(holder, 'close');
    let env: Record<string, string> | undefined;
    for await (const line of createInterface({ input: holder.stdout! })) {
      const [, said] = /^engine (.*)$/.exec(line) ?? [];
      if (said === undefined) continue;
      env = JSON.parse(said) as Record<string, string>;
      holder.kill('SIGTERM');
    }
    const [code] = await ended;
    expect(code).not.toBe(0);
    expect(existsSync(env!.RIPOSTE_ENGINE_DIR!)).toBe(false);
    const processes = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
    const ours = [checkout, env!.RIPOSTE_ENGINE_DIR!];
    expect(processes.filter((line) => ours.some((word) => line.includes(word)))).toEqual([]);
  });
});
