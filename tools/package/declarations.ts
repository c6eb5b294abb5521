// The types of the package: the compiler's declarations of the entries and of what they name, with the specifiers that a user's
// compiler resolves: `#contracts/action.ts` becomes `../contracts/action.js`.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from '../commands/child.ts';
import { ENTRIES } from './bundle.ts';

const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** `from '...'` and `import('...')` of our own files. */
const OWN_SPECIFIER = /(?<=\bfrom |\bimport\()(['"])([#.][^'"]+)\.ts\1/g;

/**
 * Writes the types of the package into a folder, which is emptied first: only what can be reached from the entries.
 * @throws where the compiler finds an error, after its output
 */
export function writeDeclarations(dir: string): void {
  const emitted = join(ROOT, '.cache', 'types');
  for (const folder of [emitted, dir]) rmSync(folder, { recursive: true, force: true });
  execFileSync(process.execPath, [TSC, '--project', join(ROOT, 'tsconfig.build.json'), '--outDir', emitted], {
    stdio: ['ignore', process.stderr.fd, process.stderr.fd],
  });
  const aliases = Object.entries(manifestImports()).map(([alias, target]) => [alias.slice(0, -1), target.slice(2, -1)]);
  const reached = new Set(ENTRIES.map((name) => `exports/${name}`));
  for (const module of reached) {
    const text = readFileSync(join(emitted, `${module}.d.ts`), 'utf8').replace(OWN_SPECIFIER, (_, quote, specifier) => {
      const [alias, folder] = aliases.find(([prefix]) => specifier.startsWith(prefix)) ?? [];
      const target = alias === undefined ? join(dirname(module), specifier) : folder + specifier.slice(alias.length);
      reached.add(target);
      const path = relative(dirname(module), target);
      return `${quote}${path.startsWith('.') ? path : `./${path}`}.js${quote}`;
    });
    const file = join(dir, `${module}.d.ts`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function manifestImports(): Record<string, string> {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).imports;
}
