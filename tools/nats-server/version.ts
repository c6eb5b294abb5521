// Owns: which versions of nats-server there are for Riposte, and asking a binary for its own.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** A server's version; `pre` is what follows a hyphen, as in 2.12.0-RC.3, and sorts before the version without it. */
export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly pre: string;
}

/** Scheduled messages, per-message TTL and atomic counters together are there from 2.12 on. */
export const MINIMUM: ServerVersion = { major: 2, minor: 12, patch: 0, pre: '' };

/** The release that is fetched where none is at hand: the one Riposte is developed and measured against. */
export const RELEASE = '2.15.1';

/** A binary that takes longer to say its version is not one to build on. */
const VERSION_LIMIT_MS = 10_000;

const VERSION_TEXT = /\bv?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-([0-9A-Za-z.-]+))?/;

const run = promisify(execFile);

/**
 * Reads a version out of text such as `nats-server: v2.15.1` or `2.12.0-RC.3`.
 * @returns undefined where the text holds none
 */
export function parseVersion(text: string): ServerVersion | undefined {
  const found = VERSION_TEXT.exec(text);
  if (found === null) return undefined;
  return { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3]), pre: found[4] ?? '' };
}

/** Orders two versions: negative where `a` is older. Two pre-releases are ordered as text, numbers in them as numbers. */
export function compareVersions(a: ServerVersion, b: ServerVersion): number {
  const released = a.major - b.major || a.minor - b.minor || a.patch - b.patch;
  if (released !== 0 || a.pre === b.pre) return released;
  if (a.pre === '' || b.pre === '') return a.pre === '' ? 1 : -1;
  return a.pre.localeCompare(b.pre, 'en', { numeric: true });
}

/** The version as people write it, without a `v`. */
export function formatVersion(version: ServerVersion): string {
  return `${version.major}.${version.minor}.${version.patch}${version.pre === '' ? '' : `-${version.pre}`}`;
}

/** Whether Riposte can run on a server of this version. */
export function isSupported(version: ServerVersion): boolean {
  return compareVersions(version, MINIMUM) >= 0;
}

/**
 * Asks a binary for its version.
 * @throws Error with a one-line message when it does not run here or says no version
 */
export async function versionOf(binary: string): Promise<ServerVersion> {
  const { stdout } = await run(binary, ['--version'], { timeout: VERSION_LIMIT_MS, windowsHide: true });
  const version = parseVersion(stdout);
  if (version === undefined) throw new Error(`${binary} --version says no version`);
  return version;
}
