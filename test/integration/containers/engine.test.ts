// Proves that of a container engine that a command has started nothing is left, whichever way the command ends.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
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
  const tar = execFileSync('tar', ['--create', '--dereference', '--directory', dirname(server), 'nats-server'], {
    maxBuffer: 64 * 1024 * 1024,
  });
  execFileSync('docker', ['import', '-', 'bare'], { input: tar, env: { ...process.env, ...env } });
  await docker(['run', '--detach', '--name', 'bare', 'bare', '/nats-server', '--jetstream'], env);
  expect(await docker(['ps', '--quiet'], env)).not.toBe('');
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
    await engine?.stop();
  });

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
});
