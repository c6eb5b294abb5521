// Owns: the order in which a nats-server is looked for and fetched.
//
// 1. One on PATH that is new enough, then the checkout's cache, then the makers' release, then Debian's package.
// 2. Nothing is installed on the machine: what is fetched stays in the cache.
//
// NATS_URL is not looked at here: see server-for-command.ts.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inWorkDir } from '../cache/work-dir.ts';
import { type DebianMachine, THIS_MACHINE } from '../debian/packages.ts';
import { makeCacheFolder } from '../setup/folder.mjs';
import { proxiesSeen } from '../setup/proxies.mjs';
import { addToCache, BINARY_NAME, cachedServers, SERVERS_DIR } from './cache.ts';
import { fetchDebianPackage } from './debian-package.ts';
import { fetchOfficialRelease } from './official-release.ts';
import { firstThatWorks, NatsServerUnavailable, oneLine, type Say, type Step } from './step.ts';
import { formatVersion, isSupported, MINIMUM, RELEASE, type ServerVersion, versionOf } from './version.ts';

/** The suite of Debian that has a nats-server new enough. */
const NEW_SUITE = 'testing';

/** The suite of Debian whose nats-server, 2.9, is too old: named, because `stable` moves on. */
const OLD_SUITE = 'bookworm';

/** What the search depends on. Everything is optional. */
export interface EnsureOptions {
  readonly cacheDir?: string;
  /** PATH and RIPOSTE_NATS_RELEASE_URL are read from it. */
  readonly env?: NodeJS.ProcessEnv;
  /** Takes the lines for a person; default: stderr. */
  readonly say?: Say;
  readonly machine?: DebianMachine;
}

const adviceFor = (env: NodeJS.ProcessEnv): string =>
  `no nats-server of at least ${formatVersion(MINIMUM)} can be had; ${proxiesSeen(env)}: put one on PATH ` +
  `(https://nats.io/download), or set NATS_URL for npm start`;

/** One search a process for each cache is enough. A failed one is tried again. */
const found = new Map<string, Promise<string>>();

/**
 * The path of a nats-server that is new enough, fetched if need be.
 * @throws NatsServerUnavailable that says what to do
 */
export function ensureNatsServer(options: EnsureOptions = {}): Promise<string> {
  return once(`new ${options.cacheDir ?? SERVERS_DIR}`, () => {
    const { cacheDir = SERVERS_DIR, say = sayOnStderr, env = process.env } = options;
    return firstThatWorks(stepsToServer(options), say, adviceFor(env), () => requireCache(cacheDir));
  });
}

/**
 * The path of a real nats-server that is too old for Riposte, for the test that such a one is refused.
 * @throws NatsServerUnavailable where this is not a Debian machine or the archive is out of reach
 */
export function ensureOldNatsServer(options: EnsureOptions = {}): Promise<string> {
  return once(`old ${options.cacheDir ?? SERVERS_DIR}`, () => {
    const advice = 'no nats-server that is too old can be had here';
    return firstThatWorks(stepsToOldServer(options), options.say ?? sayOnStderr, advice);
  });
}

/** Nothing can be fetched where it cannot be kept: that alone is said then. */
function requireCache(cacheDir: string): void {
  try {
    makeCacheFolder(cacheDir);
  } catch (error) {
    throw new NatsServerUnavailable(oneLine(error));
  }
}

/** The ways to a server that is new enough, in their order. */
export function stepsToServer(options: EnsureOptions = {}): Step[] {
  const { cacheDir = SERVERS_DIR, env = process.env, say = sayOnStderr, machine = THIS_MACHINE } = options;
  return [
    { name: 'nats-server on PATH', cheap: true, find: () => onPath(env) },
    { name: 'nats-server in the cache', cheap: true, find: () => inCache(cacheDir, isSupported) },
    {
      name: `nats-server ${RELEASE} from its makers`,
      cheap: false,
      find: () => fetched(cacheDir, say, 'its makers', refuseTooOld, (dir) => fetchOfficialRelease(RELEASE, dir, env)),
    },
    {
      name: `nats-server from Debian ${NEW_SUITE}`,
      cheap: false,
      find: () =>
        fetched(cacheDir, say, `Debian ${NEW_SUITE}`, refuseTooOld, (dir) =>
          fetchDebianPackage(NEW_SUITE, dir, machine),
        ),
    },
  ];
}

function stepsToOldServer(options: EnsureOptions): Step[] {
  const { cacheDir = SERVERS_DIR, say = sayOnStderr, machine = THIS_MACHINE } = options;
  const isOld = (version: ServerVersion): boolean => !isSupported(version);
  const refuseNew = (version: ServerVersion): void => {
    if (!isOld(version)) throw new Error(`${formatVersion(version)} is not too old`);
  };
  return [
    { name: 'old nats-server in the cache', cheap: true, find: () => inCache(cacheDir, isOld) },
    {
      name: `old nats-server from Debian ${OLD_SUITE}`,
      cheap: false,
      find: () =>
        fetched(cacheDir, say, `Debian ${OLD_SUITE}`, refuseNew, (dir) => fetchDebianPackage(OLD_SUITE, dir, machine)),
    },
  ];
}

async function onPath(env: NodeJS.ProcessEnv): Promise<string> {
  const directories = (env.PATH ?? env.Path ?? '').split(delimiter).filter((directory) => directory !== '');
  const binary = directories.map((directory) => join(directory, BINARY_NAME)).find((file) => existsSync(file));
  if (binary === undefined) throw new Error('there is none');
  refuseTooOld(await versionOf(binary));
  return binary;
}

/** The newest in the cache that is wanted and runs: the cache may have come from another machine with the checkout. */
async function inCache(cacheDir: string, wanted: (version: ServerVersion) => boolean): Promise<string> {
  const reasons: string[] = [];
  for (const { version, binary } of cachedServers(cacheDir)) {
    if (!wanted(version)) continue;
    try {
      await versionOf(binary);
      return binary;
    } catch (error) {
      reasons.push(oneLine(error));
    }
  }
  throw new Error(reasons.length === 0 ? 'there is none' : reasons.join('; '));
}

async function fetched(
  cacheDir: string,
  say: Say,
  origin: string,
  wanted: (version: ServerVersion) => void,
  fetchInto: (workDir: string) => Promise<string>,
): Promise<string> {
  return await inWorkDir(cacheDir, async (dir) => {
    const { version, binary } = await addToCache(cacheDir, await fetchInto(dir), wanted);
    say(`nats-server ${formatVersion(version)} from ${origin} is now in ${cacheDir}`);
    return binary;
  });
}

function refuseTooOld(version: ServerVersion): void {
  if (isSupported(version)) return;
  throw new Error(`${formatVersion(version)} is too old, ${formatVersion(MINIMUM)} is needed`);
}

function once(key: string, search: () => Promise<string>): Promise<string> {
  const known = found.get(key);
  if (known !== undefined) return known;
  const searching = search();
  found.set(key, searching);
  searching.catch(() => found.delete(key));
  return searching;
}

function sayOnStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
