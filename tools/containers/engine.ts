// Owns: a container engine of a command's own, for machines on which none runs: started in namespaces of its own, so that
// whatever way the command ends, nothing of it is left: no engine, no container, no bridge, no mount (keep-engine.sh).
//
// 1. It touches neither the machine's configuration of containers nor an engine that runs there.
// 2. It has no way out of the machine: images are what the checkout makes (base-images.ts), not what is pulled.
// 3. A start that fails leaves no more than a stop does. Where even the keeper is killed, the next engine's clears up.
//
// It needs Linux, root, iproute2, util-linux and, for the programs, Debian's archive.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hasDebianArchive } from '../debian/packages.ts';
import { oneLine } from '../nats-server/step.ts';
import { ensureEnginePrograms } from './engine-packages.ts';
import { serveNoNames } from './name-server.ts';

/** An engine takes two seconds; a minute means that it hangs. */
const START_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 100;
/** Networks of private use; the third number is drawn, so that two engines on one machine do not meet. */
const PREFIX = '10.215';
const THIRD_MAX = 250;
const LOG_LINES_SHOWN = 5;
/** The kernel takes a second for a dozen containers. */
const STOP_LIMIT_MS = 30_000;

/** This machine can run no engine; the message says why in one line. Any other error of a start is a fault. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
}

/** A running engine. */
export interface Engine {
  /** What leads docker, compose and testcontainers to it, for the environment of whoever is to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it with everything in it. */
  stop(): Promise<void>;
}

/** What the start of an engine may be told by a test. */
export interface EngineOptions {
  readonly stopLimitMs?: number;
}

/**
 * Starts an engine and resolves when it answers.
 * @throws EngineUnavailable where this machine can run none; any other Error, of one line, where it could
 */
export async function startEngine({ stopLimitMs = STOP_LIMIT_MS }: EngineOptions = {}): Promise<Engine> {
  requireMachine();
  try {
    const { bin, libraries } = await ensureEnginePrograms();
    return await start(bin, libraries, stopLimitMs);
  } catch (error) {
    throw new Error(oneLine(error), { cause: error });
  }
}

function requireMachine(): void {
  if (process.platform !== 'linux') throw new EngineUnavailable('an engine of our own needs Linux');
  if (process.getuid?.() !== 0) throw new EngineUnavailable('an engine of our own needs root');
  if (!hasDebianArchive()) throw new EngineUnavailable('an engine of our own needs Debian');
  try {
    execFileSync('unshare', ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'ip', 'link'], { stdio: 'ignore' });
  } catch {
    throw new EngineUnavailable(
      'this machine allows no namespaces, or has no `unshare` and `ip` (util-linux, iproute2)',
    );
  }
}

async function start(bin: string, libraries: string, stopLimitMs: number): Promise<Engine> {
  // Short: the path of a socket has a hundred characters at most.
  const dir = mkdtempSync(join(tmpdir(), 'riposte-engine-'));
  const socket = join(dir, 'docker.sock');
  const client = join(dir, 'client');
  const name = `rpe${process.pid}`;
  const third = randomInt(1, THIRD_MAX);
  const address = { engine: `${PREFIX}.${third}.2`, machine: `${PREFIX}.${third}.1` };
  mkdirSync(join(client, 'cli-plugins'), { recursive: true });
  symlinkSync(join(bin, 'docker-compose'), join(client, 'cli-plugins', 'docker-compose'));
  writeFileSync(join(client, 'config.json'), '{}\n');
  writeFileSync(
    join(dir, 'dockerd.json'),
    `${JSON.stringify(configuration(dir, socket, name, address.machine), null, 2)}\n`,
  );
  const path = `${bin}${delimiter}${process.env.PATH ?? ''}`;
  const logFile = join(dir, 'dockerd.log');
  closeSync(openSync(logFile, 'a'));
  // Of what ends at once the directory is gone before it can be opened.
  const log = openSync(logFile, 'r');
  const keeper = spawnKeeper(logFile, {
    ENGINE_NAME: name,
    ENGINE_DIR: dir,
    ENGINE_ADDRESS: address.engine,
    MACHINE_ADDRESS: address.machine,
    ENGINE_PATH: path,
    ENGINE_LIBRARIES: libraries,
  });
  let stopNames = (): void => {};
  const ended = new Promise<void>((resolve) => {
    keeper.once('exit', () => resolve());
    keeper.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    stopNames();
    stopNames = () => {};
    keeper.ref();
    keeper.stdin?.end();
    if (await Promise.race([ended.then(() => true), pause(stopLimitMs, false, { ref: false })])) return;
    // What it was to remove remains: the next one's keeper does that.
    process.kill(-keeper.pid!, 'SIGKILL');
    await ended;
  };
  try {
    await engineAnswers(socket, log, keeper);
    stopNames = await serveNoNames(address.machine);
  } catch (error) {
    await stop();
    rmSync(dir, { recursive: true, force: true });
    throw error;
  } finally {
    closeSync(log);
  }
  const env = {
    PATH: path,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: client,
    RIPOSTE_ENGINE_DIR: dir,
    TESTCONTAINERS_HOST_OVERRIDE: address.engine,
    // Whatever the tests leave goes with the engine; the container that would see to it cannot be pulled.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
  };
  return { env, stop };
}

/** Resolves when the engine answers; throws with the end of its log when it has ended, or does not. */
async function engineAnswers(socket: string, log: number, keeper: ChildProcess): Promise<void> {
  for (const late = performance.now() + START_LIMIT_MS; !(await answers(socket)); await pause(LOOK_EVERY_MS)) {
    if (keeper.exitCode === null && keeper.signalCode === null && performance.now() < late) continue;
    const end = readFileSync(log, 'utf8').trim().split('\n').slice(-LOG_LINES_SHOWN).join('; ');
    throw new Error(`dockerd did not start: ${end || 'it said nothing'}`);
  }
}

function configuration(
  dir: string,
  socket: string,
  name: string,
  nameServer: string,
): Readonly<Record<string, unknown>> {
  return {
    hosts: [`unix://${socket}`],
    'data-root': join(dir, 'data'),
    'exec-root': join(dir, 'run'),
    pidfile: join(dir, 'dockerd.pid'),
    // The other driver asks a systemd that knows nothing of our process namespace.
    'exec-opts': ['native.cgroupdriver=cgroupfs'],
    'cgroup-parent': `/${name}`,
    dns: [nameServer],
    'log-level': 'warn',
  };
}

/** Starts keep-engine.sh in a session of its own: a terminal's Ctrl-C is for the command, not for its engine. */
function spawnKeeper(logFile: string, variables: Readonly<Record<string, string>>): ChildProcess {
  const log = openSync(logFile, 'a');
  const keeper = spawn('sh', [fileURLToPath(import.meta.resolve('./keep-engine.sh'))], {
    detached: true,
    stdio: ['pipe', log, log],
    env: { ...process.env, ...variables },
  });
  closeSync(log);
  keeper.on('error', () => {});
  keeper.stdin?.on('error', () => {});
  keeper.unref();
  (keeper.stdin as Socket).unref();
  return keeper;
}

/** Whether the engine answers on its socket. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ socketPath: socket, path: '/_ping', timeout: LOOK_EVERY_MS * 10 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
