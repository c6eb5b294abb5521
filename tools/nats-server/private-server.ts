// Owns: starting, stopping and restarting a private nats-server: JetStream on, on a loopback port nobody else has, its
// store in a temporary directory.
//
// 1. No private server outlives the command that started it, and its store goes with it: see guardian.ts.
// 2. The port and the store survive `kill` and `restart`.
// 3. A server that is merely left running keeps no process alive.
//
// Left to ensure.ts: where the binary comes from.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTemporaryFolder } from '../setup/folder.mjs';
import { ensureNatsServer } from './ensure.ts';
import { logFileIn, type Order, type Report } from './guardian.ts';

/** A server recovers its whole store before it says ready, and machines that run tests are busy. */
const START_LIMIT_MS = 60_000;

/** The server's own shutdown takes milliseconds; one that hangs is killed. */
const STOP_LIMIT_MS = 10_000;

/**
 * Below the ports that Linux (32768), macOS and Windows (49152) give to outgoing connections: while the server is down
 * no client's own source port can sit on its port, so that a restart finds it free.
 */
const PORT_FIRST = 20_000;
const PORT_END = 32_000;

/** Binding decides who has a port; this many strangers in a row are more than bad luck. */
const PORT_ATTEMPTS = 20;

const PORT_TAKEN = /address already in use|Only one usage of each socket address/;

/** Signals after which there is no server left to wait for; the others (SIGSTOP, SIGCONT, SIGHUP) leave it running. */
const ENDING_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set(['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGABRT']);

/** How a private server is configured. Everything is optional. */
export interface PrivateServerOptions {
  /** The nats-server to run; default: the one of `ensureNatsServer()`. */
  readonly binary?: string;
  /**
   * More top-level configuration, in the server's own syntax, e.g. `max_payload: 1MB`; or what makes it, given a directory for
   * files of its own that goes when the server does.
   */
  readonly config?: string | ((directory: string) => Promise<string>);
  /** More configuration inside the `jetstream` block, e.g. `sync_interval: always`; `false` leaves JetStream off. */
  readonly jetstream?: string | false;
  /** The store; default: a temporary directory that is removed with the server. One given here is left where it is. */
  readonly storeDir?: string;
  /** Says which port to try next; default: any between PORT_FIRST and PORT_END. */
  readonly nextPort?: () => number;
}

/** The part of the configuration that a restart may change; the rest stays as it was. */
export type PrivateServerChange = Pick<PrivateServerOptions, 'binary' | 'jetstream'> & { readonly config?: string };

/** A running private nats-server. */
export interface PrivateServer {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  readonly logFile: string;
  /** The server's process id; undefined while it is down. */
  readonly pid: number | undefined;
  /** Stops the server for good and removes what it left. Calling it again changes nothing. */
  stop(): Promise<void>;
  /**
   * Sends a signal, SIGKILL by default, and resolves when the server has exited; a signal that ends nothing (SIGSTOP,
   * SIGCONT) resolves at once. `restart` brings the server back.
   */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts the server again on the same port and store, after stopping it gently if it runs. */
  restart(change?: PrivateServerChange): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The server did not start, or did not do as it was told. `log` is the end of what it said. */
export class PrivateServerError extends Error {
  override readonly name = 'PrivateServerError';
  readonly log: readonly string[];

  constructor(message: string, log: readonly string[] = []) {
    super(log.length === 0 ? message : `${message}; it said:\n${log.join('\n')}`);
    this.log = log;
  }
}

/**
 * Starts a private nats-server and resolves when it takes connections.
 * @param options see PrivateServerOptions
 * @throws PrivateServerError when the server cannot be started
 * @throws NatsServerUnavailable when no binary can be had
 */
export async function startPrivateServer(options: PrivateServerOptions = {}): Promise<PrivateServer> {
  const binary = options.binary ?? (await ensureNatsServer());
  const workDir = makeTemporaryFolder('riposte-nats-');
  const storeDir = options.storeDir ?? join(workDir, 'store');
  mkdirSync(storeDir, { recursive: true });
  const guardian = new Guardian(workDir);
  try {
    const config = typeof options.config === 'function' ? await options.config(workDir) : options.config;
    const { config: _, ...rest } = options;
    const settings: Settings = { ...rest, binary, storeDir, ...(config !== undefined && { config }) };
    for (let attempt = 1; ; attempt++) {
      const port = options.nextPort?.() ?? randomInt(PORT_FIRST, PORT_END);
      try {
        await guardian.start(settings, port);
        return new GuardedServer(guardian, settings, port);
      } catch (error) {
        const taken = error instanceof PrivateServerError && PORT_TAKEN.test(error.message);
        if (!taken || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    await guardian.end();
    throw error;
  }
}

type Settings = Omit<PrivateServerOptions, 'config'> & {
  readonly binary: string;
  readonly storeDir: string;
  readonly config?: string;
};

/** Text of the server's configuration file. JSON's string escapes are those of the server's own syntax. */
function configText(settings: Settings, port: number): string {
  const jetstream =
    settings.jetstream === false
      ? ''
      : `jetstream {\n  store_dir: ${JSON.stringify(settings.storeDir)}\n  ${settings.jetstream ?? ''}\n}`;
  // Given as `listen`, as a configuration would say it that is to listen elsewhere: of one setting the server takes the last.
  return `listen: "127.0.0.1:${port}"\nserver_name: "private-${port}"\n${jetstream}\n${settings.config ?? ''}\n`;
}

/** The guardian process and the one server it may have, seen from the command's side. */
class Guardian {
  readonly workDir: string;
  #process: ChildProcess;
  #pid: number | undefined;
  /** Settles when the server that was last started has exited. */
  #exited: Promise<Extract<Report, { report: 'exited' }>> | undefined;
  #ended: Promise<void>;

  constructor(workDir: string) {
    this.workDir = workDir;
    const log = openSync(logFileIn(workDir), 'a');
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#process = spawn(process.execPath, [fileURLToPath(import.meta.resolve('./guardian.ts')), workDir], {
      // A session of its own: a terminal's Ctrl-C is for the command, not for its server.
      detached: true,
      stdio: ['ignore', 'ignore', log, 'ipc'],
      windowsHide: true,
      env,
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', () => {
        // A guardian that was killed could not take its server along.
        if (this.#pid !== undefined) killQuietly(this.#pid);
        this.#pid = undefined;
        rmSync(workDir, { recursive: true, force: true, maxRetries: 10 });
        resolve();
      });
      this.#process.once('error', () => resolve());
    });
    this.#keepAlive(false);
  }

  get pid(): number | undefined {
    return this.#pid;
  }

  /** Starts the server and resolves when it is ready. */
  async start(settings: Settings, port: number): Promise<void> {
    this.#requireThere();
    const configFile = join(this.workDir, 'nats-server.conf');
    writeFileSync(configFile, configText(settings, port));
    await this.#busy(async () => {
      const ready = this.#next('ready');
      const exited = this.#next('exited');
      this.#exited = exited;
      void exited.then(() => {
        this.#pid = undefined;
      });
      this.#send({ order: 'start', binary: settings.binary, args: ['-c', configFile] });
      const first = await withLimit(
        Promise.race([ready, exited, this.#ended.then(() => undefined)]),
        START_LIMIT_MS,
        () => new PrivateServerError(`nats-server was not ready within ${START_LIMIT_MS} ms`),
      );
      if (first === undefined) throw new PrivateServerError('the guardian of nats-server has gone');
      if (first.report === 'exited') {
        throw new PrivateServerError(`nats-server ended with ${first.signal ?? `code ${first.code}`}`, first.tail);
      }
      this.#pid = first.pid;
    });
  }

  /** Sends a signal; resolves when the server has exited if the signal is one that ends it. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#pid === undefined) return;
    await this.#busy(async () => {
      this.#send({ order: 'signal', signal });
      if (!ENDING_SIGNALS.has(signal)) return;
      await withLimit(
        Promise.race([this.#exited, this.#ended]),
        STOP_LIMIT_MS,
        () => new PrivateServerError(`nats-server did not exit within ${STOP_LIMIT_MS} ms of ${signal}`),
      );
    });
  }

  /** Stops the server gently, and hard if it does not go. */
  async stopServer(): Promise<void> {
    try {
      // One that was stopped in its tracks by SIGSTOP hears nothing.
      await this.signal('SIGCONT');
      await this.signal('SIGTERM');
    } catch {
      await this.signal('SIGKILL');
    }
  }

  /** Lets go of the guardian, which takes whatever is left with it. */
  async end(): Promise<void> {
    this.#process.ref();
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }

  #send(order: Order): void {
    this.#requireThere();
    this.#process.send(order, () => {});
  }

  #requireThere(): void {
    if (!this.#process.connected) throw new PrivateServerError('the guardian of nats-server has gone');
  }

  #next<K extends Report['report']>(kind: K): Promise<Extract<Report, { report: K }>> {
    return new Promise((resolve) => {
      const listen = (report: Report): void => {
        if (report.report !== kind) return;
        this.#process.off('message', listen);
        resolve(report as Extract<Report, { report: K }>);
      };
      this.#process.on('message', listen);
      // Counting the listener in, 'message' keeps the channel referenced: undone here, decided in #keepAlive.
      this.#process.channel?.unref();
    });
  }

  async #busy<T>(work: () => Promise<T>): Promise<T> {
    this.#keepAlive(true);
    try {
      return await work();
    } finally {
      this.#keepAlive(false);
    }
  }

  #keepAlive(on: boolean): void {
    if (on) this.#process.ref();
    else this.#process.unref();
    if (!on) this.#process.channel?.unref();
  }
}

class GuardedServer implements PrivateServer {
  readonly url: string;
  readonly port: number;
  readonly storeDir: string;
  readonly logFile: string;
  #guardian: Guardian;
  #settings: Settings;

  constructor(guardian: Guardian, settings: Settings, port: number) {
    this.#guardian = guardian;
    this.#settings = settings;
    this.port = port;
    this.url = `nats://127.0.0.1:${port}`;
    this.storeDir = settings.storeDir;
    this.logFile = logFileIn(guardian.workDir);
  }

  get pid(): number | undefined {
    return this.#guardian.pid;
  }

  async stop(): Promise<void> {
    await this.#guardian.stopServer();
    await this.#guardian.end();
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#guardian.signal(signal);
  }

  async restart(change: PrivateServerChange = {}): Promise<void> {
    await this.#guardian.stopServer();
    this.#settings = { ...this.#settings, ...change };
    await this.#guardian.start(this.#settings, this.port);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

async function withLimit<T>(work: Promise<T>, limitMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
