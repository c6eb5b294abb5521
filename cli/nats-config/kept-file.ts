/**
 * Owns files that are made once and kept, and those that only their owner may read.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  writeFileSync(path, text, { mode: FOR_ITS_OWNER });
  chmodSync(path, FOR_ITS_OWNER); // one that stood there keeps its mode otherwise
}

/** Writes a file that is nobody's secret. */
export function writePlain(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: FOR_ALL });
}
