// The JavaScript of the package: an ES module for each entry, and chunks for what entries share, so that a program that
// imports two of them has every class once.
//
// Nothing is minified, and there are no source maps: a stack trace names our functions as it is, and maps would double the package.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { ROOT } from '../commands/child.ts';

/** The oldest Node.js that the package runs on: `engines` in package.json. Newer syntax is lowered. */
const TARGET = 'node22';

/** What starts a process or a thread; the other entries are those of `exports/`. */
const PROGRAMS = {
  cli: 'cli/main.ts',
  collector: 'services/collector/main.ts',
  executor: 'services/executor/main.ts',
  ai: 'services/ai/main.ts',
  // watchdog.ts starts it as a thread and looks for it in its own folder.
  'chunks/watchdog-thread': 'shared/process/watchdog-thread.ts',
};

/** The names of the entries that other programs import, e.g. `client`. */
export const ENTRIES: readonly string[] = readdirSync(join(ROOT, 'exports')).map((file) => file.replace(/\.ts$/, ''));

/**
 * Writes the JavaScript of the package into a folder, which is emptied first.
 * @throws what rolldown reports, warnings included
 */
export async function bundle(dir: string): Promise<void> {
  const build = await rolldown({
    cwd: ROOT,
    input: { ...Object.fromEntries(ENTRIES.map((name) => [name, `exports/${name}.ts`])), ...PROGRAMS },
    // Nothing is added for one platform: the same files serve Node.js and a bundler for a browser.
    platform: 'neutral',
    external: (id) => !/^[./#]/.test(id) && !id.endsWith('.ts'),
    transform: { target: TARGET },
    tsconfig: false,
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  await build.write({
    dir,
    cleanDir: true,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    minifyInternalExports: false,
  });
  await build.close();
}
