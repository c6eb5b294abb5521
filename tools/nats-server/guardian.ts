// Owns: one nats-server process, on behalf of the command that started this guardian with an IPC channel.
//
// 1. The server never outlives the command: when the channel closes, however the command died, the server is killed
//    and the working directory is removed.
// 2. A terminal's Ctrl-C reaches neither the guardian nor the server: the guardian is started in a session of its own
//    and the server stays in it. The command decides when the server goes, after its roles have drained.
//
// Run as a program: `node guardian.ts <working directory>`. Left to private-server.ts: configuration, ports, waiting.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What the command asks for. One server at a time: `start` again only after `exited`. */
export type Order =
  | { readonly order: 'start'; readonly binary: string; readonly args: readonly string[] }
  | { readonly order: 'signal'; readonly signal: NodeJS.Signals };

/** What the guardian tells: each `start` is answered by `ready` or `exited`, each `ready` is followed by one `exited`. */
export type Report =
  | { readonly report: 'ready'; readonly pid: number }
  | {
      readonly report: 'exited';
      readonly code: number | null;
      readonly signal: string | null;
      readonly tail: string[];
    };

/** Enough of the log to say why a server did not start, and no more than a screen. */
const TAIL_LINES = 20;

/** Removing a store races with a dying server that still writes into it. */
const REMOVE_ATTEMPTS = 10;

const READY_LINE = /\[INF\] Server is ready$/;

/**
 * The file in the working directory that takes the server's log and the guardian's own complaints.
 * @param workDir the guardian's working directory
 */
export function logFileIn(workDir: string): string {
  return join(workDir, 'nats-server.log');
}

function guard(workDir: string): void {
  const log = createWriteStream(logFileIn(workDir), { flags: 'a' });
  // The directory may be gone under a guardian that is about to end; a log that cannot be written is no reason to fail.
  log.on('error', () => {});
  let server: ChildProcess | undefined;

  const tell = (report: Report): void => {
    // The callback swallows the error of a channel that closes under the write: 'disconnect' follows.
    if (process.connected) process.send?.(report, undefined, {}, () => {});
  };

  const start = (binary: string, args: readonly string[]): void => {
    const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'], windowsHide: true });
    const tail: string[] = [];
    let reported = false;
    const exited = (code: number | null, signal: string | null): void => {
      if (reported) return;
      reported = true;
      server = undefined;
      tell({ report: 'exited', code, signal, tail });
    };
    server = child;
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.write(`${line}\n`);
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      if (READY_LINE.test(line) && child.pid !== undefined) tell({ report: 'ready', pid: child.pid });
    });
    child.once('error', (error) => {
      tail.push(error.message);
      if (child.pid === undefined) exited(null, null);
    });
    child.once('close', exited);
  };

  const end = (): void => {
    const finish = (): never => {
      rmSync(workDir, { recursive: true, force: true, maxRetries: REMOVE_ATTEMPTS });
      process.exit(0);
    };
    if (server === undefined) finish();
    server?.once('close', finish);
    server?.kill('SIGKILL');
  };

  process.on('message', (order: Order) => {
    switch (order.order) {
      case 'start':
        start(order.binary, order.args);
        return;
      case 'signal':
        server?.kill(order.signal);
        return;
      default:
        order satisfies never;
    }
  });
  process.once('disconnect', end);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
}

if (import.meta.main) guard(process.argv[2] ?? '.');
