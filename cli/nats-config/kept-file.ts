/**
 * Owns files that are made once and kept, and those that only their owner may read. Each is replaced whole, by rename.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const FOR_ITS_OWNER = 0o600;
const FOR_ALL = 0o644;
const DIRECTORY_OF_SECRETS = 0o700;

/** The text of a file; null where there is none. */
export function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Writes a file that only its owner may read, and the directory it stands in. */
export function writeSecret(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_OF_SECRETS });
  replace(path, text, FOR_ITS_OWNER);
}

/** Writes a file that is nobody's secret. */
export function writePlain(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  replace(path, text, FOR_ALL);
}

/** Whoever reads the file finds the old text or the new one, whole, at whatever moment this process or its machine dies. */
function replace(path: string, text: string, mode: number): void {
  const next = `${path}.next`;
  rmSync(next, { force: true }); // of one that has died: its mode would stay, and it may be a link
  writeFileSync(next, text, { mode, flag: 'wx', flush: true });
  chmodSync(next, mode); // whatever the umask takes off
  renameSync(next, path);
}
