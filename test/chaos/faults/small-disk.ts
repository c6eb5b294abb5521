// Owns: a disk that can be full: a tmpfs of a few megabytes in a mount namespace of its own, held by a process, so that nothing of it
// is left when that process has gone, whoever started it. A nats-server is run inside; the test fills it and makes room from outside.
//
// It takes Linux, `unshare` and `nsenter`, and the right to make a mount namespace: root's, or that of unprivileged user namespaces.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IS_ROOT = process.getuid?.() === 0;
const UNSHARE = IS_ROOT ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
const ENTER = IS_ROOT ? '--mount' : '--user --preserve-credentials --mount';
const CHUNK_BYTES = 64 * 1024;

/** Why there can be no such disk here; null where there can. */
export function whyNoSmallDisk(): string | null {
  try {
    execFileSync('unshare', [...UNSHARE, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'pipe' });
    execFileSync('nsenter', ['--version'], { stdio: 'pipe' });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
  }
}

/** A small disk. */
export class SmallDisk {
  /** Where it is mounted, for whoever runs inside. */
  readonly dir: string;
  readonly #workDir: string;
  readonly #holder: ChildProcess;

  private constructor(workDir: string, dir: string, holder: ChildProcess) {
    this.#workDir = workDir;
    this.dir = dir;
    this.#holder = holder;
  }

  static async mount(megabytes: number): Promise<SmallDisk> {
    const workDir = mkdtempSync(join(tmpdir(), 'riposte-disk-'));
    const dir = mkdtempSync(join(workDir, 'store-'));
    // It waits for its input to end, and that ends with the test.
    const script = 'mount -t tmpfs -o "size=$1m" tmpfs "$0" && echo mounted && exec cat';
    const holder = spawn('unshare', [...UNSHARE, 'sh', '-c', script, dir, `${megabytes}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
    if (holder.exitCode !== null) throw new Error(`no small disk: unshare ended with ${holder.exitCode}`);
    return new SmallDisk(workDir, dir, holder);
  }

  /** A program that runs the given one where the disk is mounted. */
  program(binary: string): string {
    const path = join(this.#workDir, 'inside.sh');
    writeFileSync(path, `#!/bin/sh\nexec nsenter ${ENTER} --target ${this.#holder.pid} -- '${binary}' "$@"\n`, {
      mode: 0o755,
    });
    return path;
  }

  /** Bytes that are free. */
  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#outside);
    return bavail * bsize;
  }

  /** Takes all there is. */
  fill(): void {
    const file = openSync(this.#filler, 'a');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    try {
      for (;;) writeSync(file, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what `fill` took. */
  makeRoom(): void {
    rmSync(this.#filler);
  }

  /** Unmounts it, after whatever ran inside has ended. */
  async close(): Promise<void> {
    const gone = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await gone;
    rmSync(this.#workDir, { recursive: true, force: true });
  }

  get #outside(): string {
    return `/proc/${this.#holder.pid}/root${this.dir}`;
  }

  get #filler(): string {
    return join(this.#outside, 'filler');
  }
}
