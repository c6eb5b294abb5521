// Owns: working directories inside a cache of the checkout: what is made there can be renamed into place, whole.

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeCacheFolder } from '../setup/folder.mjs';

/** A working directory this old belongs to a process that was killed: no step takes a tenth of it. */
const ABANDONED_MS = 60 * 60 * 1000;

const WORK_PREFIX = 'work-';

/**
 * Runs `work` with a directory of its own inside the cache, so that what it makes can be renamed into place, and
 * removes the directory afterwards, and those that killed processes left.
 */
export async function inWorkDir<T>(cacheDir: string, work: (dir: string) => Promise<T>): Promise<T> {
  makeCacheFolder(cacheDir);
  for (const name of readdirSync(cacheDir)) {
    const path = join(cacheDir, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (name.startsWith(WORK_PREFIX) && age > ABANDONED_MS) rmSync(path, { recursive: true, force: true });
  }
  const dir = mkdtempSync(join(cacheDir, WORK_PREFIX));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}
