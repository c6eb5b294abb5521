// Owns: a container engine of a command's own, for machines on which none runs: started in namespaces of its own, so that
// whatever way the command ends, nothing of it is left: no engine, no container, no bridge, no mount (keep-engine.sh).
//
// 1. It touches neither the machine's configuration of containers nor an engine that runs there.
// 2. It has no way out of the machine: images are what the checkout makes (base-images.ts), not what is pulled.
//
// It needs Linux, root, iproute2, util-linux and, for the programs, Debian's archive.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
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

/** No engine can be started here; the message says why in one line. */
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

/**
 * Starts an engine and resolves when it answers.
 * @throws EngineUnavailable
 */
export async function startEngine(): Promise<Engine> {
  try {
    requireMachine();
    const { bin, libraries } = await ensureEnginePrograms();
    return await start(bin, libraries);
  } catch (error) {
    throw error instanceof EngineUnavailable ? error : new EngineUnavailable(oneLine(error));
  }
}

function requireMachine(): void {
  if (process.platform !== 'linux') throw new EngineUnavailable('an engine of our own needs Linux');
  if (process.getuid?.() !== 0) throw new EngineUnavailable('an engine of our own needs root');
  try {
    execFileSync('unshare', ['--net', '--mount', '--pid', '--fork', '--mount-proc', 'ip', 'link'], { stdio: 'ignore' });
  } catch {
    throw new EngineUnavailable(
      'this machine allows no namespaces, or has no `unshare` and `ip` (util-linux, iproute2)',
    );
  }
}

async function start(bin: string, libraries: string): Promise<Engine> {
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
    await ended;
  };
  let log = '';
  for (const late = performance.now() + START_LIMIT_MS; !(await answers(socket)); await pause(LOOK_EVERY_MS)) {
    if (existsSync(logFile)) log = readFileSync(logFile, 'utf8');
    if (keeper.exitCode === null && performance.now() < late) continue;
    await stop();
    const end = log.trim().split('\n').slice(-LOG_LINES_SHOWN).join('; ');
    throw new EngineUnavailable(`dockerd did not start: ${end || 'it said nothing'}`);
  }
  stopNames = await serveNoNames(address.machine);
  const env = {
    PATH: path,
    DOCKER_HOST: `unix://${socket}`,
    DOCKER_CONFIG: client,
    TESTCONTAINERS_HOST_OVERRIDE: address.engine,
    // Whatever the tests leave goes with the engine; the container that would see to it cannot be pulled.
    TESTCONTAINERS_RYUK_DISABLED: 'true',
  };
  return { env, stop };
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
