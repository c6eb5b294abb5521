// Owns: one process at a time, by a file that holds the number of the process that has the lock.
//
// 1. A lock whose process is gone is taken over; who takes over is settled by a second file, so that two do not.

import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cannotWriteCache, makeCacheFolder } from './folder.mjs';
import { SetupError, say } from './setup.mjs';

const LOOK_AGAIN_MS = 200;

/** Taking over is a few file operations: a takeover file this old was left by a process that was killed meanwhile. */
const TAKEOVER_ABANDONED_MS = 10_000;

/**
 * Runs `work` while holding the lock.
 * @param file the lock
 * @param limitMs the longest wait for it
 */
export async function withLock(file, limitMs, work) {
  makeCacheFolder(dirname(file));
  const until = performance.now() + limitMs;
  for (let told = false; !claim(file); told = true) {
    const owner = ownerOf(file);
    if (!told && owner !== undefined) say(`waiting for process ${owner}, which is setting this checkout up`);
    if (performance.now() > until) {
      throw new SetupError(
        `process ${owner} has been setting this checkout up for too long: end it, or remove ${file}`,
      );
    }
    if (owner !== undefined && !isAlive(owner)) takeOver(file, owner);
    else await pause(LOOK_AGAIN_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Creates the file with our number in it; false where it is there already. */
function claim(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw cannotWriteCache(dirname(file), error);
    return false;
  }
}

/** The process that has the lock; undefined where it was just given back, or its number is not written yet. */
function ownerOf(file) {
  try {
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

/** Removes the lock of a dead process, unless somebody else is about to, or has. */
function takeOver(file, owner) {
  const marker = `${file}.takeover`;
  if (!claim(marker)) {
    const since = statSync(marker, { throwIfNoEntry: false })?.mtimeMs;
    if (since !== undefined && Date.now() - since > TAKEOVER_ABANDONED_MS) rmSync(marker, { force: true });
    return;
  }
  try {
    if (ownerOf(file) === owner) rmSync(file, { force: true });
  } finally {
    rmSync(marker, { force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
