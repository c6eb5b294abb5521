// Proves that every environment variable which the sources read is named in help, with its default, and that docs/contract.md names
// the same ones: a variable that nobody is told about cannot be set.

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { variableHelp } from '#process/config.ts';
import { ROOT } from '#tools/commands/child.ts';
import { startVariableLines, startVariables } from '#tools/commands/variables.ts';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const { imports } = JSON.parse(read('package.json')) as { imports: Record<string, string> };

/** Set by package managers, for what they start. */
const OF_PACKAGE_MANAGERS = [
  'npm_execpath',
  'npm_lifecycle_event',
  'INIT_CWD',
  'npm_config_https_proxy',
  'npm_config_proxy',
  'npm_config_noproxy',
];
/** From one part of a command to another. */
const BETWEEN_PARTS = ['RIPOSTE_ENGINE_DIR', 'RIPOSTE_ENGINE_FAULT', 'RIPOSTE_ENGINE_BROKEN', 'RIPOSTE_CHAOS'];
/** What Windows calls PATH; what Node.js itself reads. */
const OF_THE_SYSTEM = ['Path', 'HOME'];

/** A file that a source imports, relative to the checkout; null for a package. */
function fileOf(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return relative(ROOT, resolve(ROOT, dirname(from), specifier));
  const [alias, target] = Object.entries(imports).find(([name]) => specifier.startsWith(name.slice(0, -1))) ?? [];
  return alias === undefined || target === undefined
    ? null
    : join(target.slice(0, -1), specifier.slice(alias.length - 1));
}

/** The files that programs consist of. */
function closureOf(programs: readonly string[]): string[] {
  const found = new Set(programs);
  for (const path of found) {
    for (const [, specifier = ''] of read(path).matchAll(/(?:from|import)\s+'([^']+)'/g)) {
      const file = fileOf(path, specifier);
      if (file !== null) found.add(file);
    }
  }
  return [...found];
}

/** The variables that a source reads, each with where. */
function readsOf(path: string): string[] {
  const code = read(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const names = [...code.matchAll(/\benv\??\.([A-Za-z_]\w*)/g)].map(([, name]) => name!);
  for (const [, list = ''] of code.matchAll(/\{([^{}]*)\}\s*=\s*(?:process\.)?env\b/g)) {
    names.push(
      ...list
        .split(',')
        .map((each) => each.split(/[:=]/)[0]!.trim())
        .filter((each) => /^\w+$/.test(each)),
    );
  }
  // By a name that is computed: only from the list of the file itself.
  if (/\benv\[/.test(code))
    names.push(...[...code.matchAll(/'(\w+)'/g)].map(([, name]) => name!).filter((name) => /_/.test(name)));
  return names;
}

const START = [
  'tools/setup/run.mjs',
  'tools/setup/lifeline.mjs',
  'tools/commands/start.ts',
  'tools/nats-server/guardian.ts',
  ...['collector', 'executor', 'ai'].map((role) => `services/${role}/main.ts`),
];

describe('the variables', () => {
  const named = startVariables().map(({ name }) => name);

  test('that npm start reads are all in its help, with a default and a line each', () => {
    const known = new Set([...named, ...OF_PACKAGE_MANAGERS, ...OF_THE_SYSTEM]);
    const files = closureOf(START);
    expect(files).toEqual(
      expect.arrayContaining(['shared/process/config.ts', 'tools/setup/folder.mjs', 'tools/arena/screen.ts']),
    );
    const unnamed = files.flatMap((path) =>
      readsOf(path)
        .filter((name) => !known.has(name))
        .map((name) => `${path}: ${name}`),
    );
    expect(unnamed).toEqual([]);
    expect(variableHelp().filter(({ name }) => !known.has(name))).toEqual([]);
    expect(new Set(named).size).toBe(named.length);
    for (const line of startVariableLines().split('\n')) expect(line).toMatch(/^ {2}[A-Z_]+ {2,}\S.* \([^()]+\)$/);
  });

  test('in the help are all read', () => {
    // Node.js and npm read TMPDIR, and NODE_OPTIONS, by themselves.
    const files = closureOf(START).map(read).join('\n');
    expect(
      named.filter(
        (name) =>
          name !== 'TMPDIR' &&
          !new RegExp(`\\b${name}\\b`).test(files.replace(read('tools/commands/variables.ts'), '')),
      ),
    ).toEqual([]);
  });

  test('of all other commands are in docs/setup.md', () => {
    const setup = read('docs/setup.md');
    const known = new Set([...named, ...OF_PACKAGE_MANAGERS, ...OF_THE_SYSTEM, ...BETWEEN_PARTS]);
    const files = globSync('{shared,services,cli,tools,rules,policies}/**/*.{ts,mjs}', { cwd: ROOT });
    const unnamed = files.flatMap((path) =>
      readsOf(path)
        .filter((name) => !known.has(name) && !setup.includes(`\`${name}\``) && !setup.includes(`${name}=`))
        .map((name) => `${path}: ${name}`),
    );
    expect(unnamed).toEqual([]);
    expect(setup).toContain('`RIPOSTE_CACHE`');
  });

  test('of the roles are those of docs/contract.md, with the same defaults', () => {
    const [, processes = ''] = read('docs/contract.md').split('\n## Processes\n');
    const rows = [...processes.matchAll(/^\| `([A-Z_]+)` \| (.+?) \|/gm)].map(([, name, unset]) => [
      name,
      unset!.replaceAll('`', ''),
    ]);
    expect(rows).toEqual(variableHelp().map(({ name, unset }) => [name, unset]));
  });
});
