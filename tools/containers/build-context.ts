// Owns: a context for the Dockerfile that can be built without a registry of packages: what .dockerignore lets through, and the
// production packages as they stand in node_modules. They are of no platform: JavaScript throughout.

import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../commands/child.ts';

const CONTEXT_FILES = ['Dockerfile', '.dockerignore'];

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/**
 * Fills an empty directory with a context.
 * @param dir where
 */
export function makeBuildContext(dir: string): void {
  const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8').matchAll(/^!(\S+)$/gm);
  for (const name of [...CONTEXT_FILES, ...Array.from(allowed, ([, name = '']) => name)]) {
    const from = join(ROOT, name);
    if (existsSync(from)) cpSync(from, join(dir, name), { recursive: true });
  }
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as LockFile;
  for (const [path, { dev, devOptional }] of Object.entries(packages)) {
    const from = join(ROOT, path);
    // Optional ones of other platforms are not there.
    if (path === '' || dev || devOptional || !existsSync(from)) continue;
    cpSync(from, join(dir, 'production', path), { recursive: true });
  }
}
