// Owns: the checkout's own cache of nats-server binaries, one directory for each version and platform:
// `.cache/nats-server/2.15.1-linux-x64/nats-server`.
//
// 1. A binary in the cache has run on this platform and said the version its directory is named after.
// 2. Directories appear whole: everything is made beside them (tools/cache/work-dir.ts) and renamed. Of two processes
//    that bring the same version, one wins and the other uses what the winner brought.

import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIR } from '../setup/folder.mjs';
import { compareVersions, formatVersion, parseVersion, type ServerVersion, versionOf } from './version.ts';

/** Where the checkout keeps its servers; ignored by git. */
export const SERVERS_DIR = join(CACHE_DIR, 'nats-server');

/** What the binary is called on this platform. */
export const BINARY_NAME = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';

const PLATFORM_SUFFIX = `-${process.platform}-${process.arch}`;

/** A version in the cache, and where. */
export interface CachedServer {
  readonly version: ServerVersion;
  readonly binary: string;
}

/** The versions in the cache for this platform, newest first. */
export function cachedServers(cacheDir: string): CachedServer[] {
  const found: CachedServer[] = [];
  for (const name of existsSync(cacheDir) ? readdirSync(cacheDir) : []) {
    if (!name.endsWith(PLATFORM_SUFFIX)) continue;
    const version = parseVersion(name.slice(0, -PLATFORM_SUFFIX.length));
    const binary = join(cacheDir, name, BINARY_NAME);
    if (version !== undefined && existsSync(binary)) found.push({ version, binary });
  }
  return found.sort((a, b) => compareVersions(b.version, a.version));
}

/**
 * Puts a binary into the cache, once it has run and said its version.
 * @param binary a file on the cache's file system, which is moved
 * @param wanted throws where the version is not the one that was wanted
 * @returns where it is now
 */
export async function addToCache(
  cacheDir: string,
  binary: string,
  wanted: (version: ServerVersion) => void,
): Promise<CachedServer> {
  chmodSync(binary, 0o755);
  const version = await versionOf(binary);
  wanted(version);
  const target = join(cacheDir, `${formatVersion(version)}${PLATFORM_SUFFIX}`);
  const added = { version, binary: join(target, BINARY_NAME) };
  const whole = `${binary}.whole`;
  mkdirSync(whole);
  renameSync(binary, join(whole, BINARY_NAME));
  try {
    renameSync(whole, target);
  } catch (error) {
    // Somebody else was faster.
    if (!existsSync(added.binary)) throw error;
  }
  return added;
}
