// Makes the folders that commands write into. Where one cannot be written, a line says which, why, and what to set.

import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ROOT, SetupError } from './setup.mjs';

/** What is kept between runs: nats-servers, a lock, results of tests. A relative RIPOSTE_CACHE begins at the checkout. */
export const CACHE_DIR = resolve(ROOT, process.env.RIPOSTE_CACHE || '.cache');

/** A folder cannot be written. The message is one line that says what to set. */
export class CannotWrite extends SetupError {}

/** Makes a folder of the cache empty; throws CannotWrite where that cannot be. */
export function emptyCacheFolder(path) {
  makeCacheFolder(dirname(path));
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    throw cannotWriteCache(path, error);
  }
  makeCacheFolder(path);
}

/** Makes a folder of the cache, unless it is there; throws CannotWrite where nothing can be written into it. */
export function makeCacheFolder(path) {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw cannotWriteCache(path, error);
  }
}

/** The error for a folder of the cache. */
export function cannotWriteCache(path, error) {
  return cannotWrite(path, error, 'set RIPOSTE_CACHE to a folder that you may write to');
}

/** Makes a folder with a name of its own where temporary files go. */
export function makeTemporaryFolder(prefix) {
  try {
    return mkdtempSync(join(tmpdir(), prefix));
  } catch (error) {
    throw cannotWrite(tmpdir(), error, 'set TMPDIR to a folder that you may write to');
  }
}

/** Throws CannotWrite where npm could not write node_modules; `why` says what it is needed for. */
export function requireWritableModules(why) {
  const modules = join(ROOT, 'node_modules');
  try {
    accessSync(existsSync(modules) ? modules : ROOT, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw cannotWrite(modules, error, `${why}: run npm ci as the owner of ${ROOT}, or use a copy of it that is yours`);
  }
}

function cannotWrite(path, error, todo) {
  return new CannotWrite(`cannot write ${path} (${error.code}${ownersOf(path)}): ${todo}`);
}

/** Whose the folder is, or the nearest one above it, where it is another user's than this process's. */
function ownersOf(path) {
  let at = path;
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  const owner = statSync(at, { throwIfNoEntry: false })?.uid;
  const own = process.getuid?.();
  return owner === undefined || own === undefined || owner === own
    ? ''
    : `, ${at} belongs to user ${owner} and this is user ${own}`;
}
