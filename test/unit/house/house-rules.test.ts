/**
 * The house rules as a test: who may import whom, what the pure core may not do, what no file may contain, and that
 * nothing is exported or depended on for nobody.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((path) => path !== '' && existsSync(join(root, path))); // what is deleted is in the index until the commit
const sources = tracked.filter((path) => /\.(ts|mjs)$/.test(path) && !path.startsWith('node_modules/'));
const text = new Map(sources.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  imports: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

/** What each folder may import beside itself: folders of ours, and packages. The most specific folder decides. */
const MAY_IMPORT: Record<string, { ours: string[]; packages: string[] }> = {
  'shared/contracts': { ours: [], packages: ['zod'] },
  'shared/combat': { ours: ['shared/contracts'], packages: ['zod', 'pure-rand', 'tinyqueue'] },
  'shared/process': {
    ours: ['shared/contracts', 'shared/combat', 'policies'],
    packages: ['zod', 'pino', 'prom-client', 'import-meta-resolve'],
  },
  'shared/jetstream': {
    ours: ['shared/contracts', 'shared/process'],
    packages: ['@nats-io/transport-node', '@nats-io/jetstream'],
  },
  'shared/client': {
    ours: ['shared/contracts', 'shared/jetstream', 'shared/process'],
    packages: ['zod', '@nats-io/transport-node', '@nats-io/jetstream'],
  },
  rules: { ours: ['shared/contracts', 'shared/combat'], packages: ['zod'] },
  policies: { ours: ['shared/contracts', 'shared/combat'], packages: ['zod'] },
  services: {
    ours: ['shared', 'rules', 'policies'],
    packages: ['@nats-io/transport-node', '@nats-io/jetstream', 'pino', 'zod'],
  },
  cli: {
    ours: ['shared', 'rules', 'services', 'tools/setup', 'dist'],
    packages: ['@nats-io/transport-node', '@nats-io/nkeys', '@peculiar/x509', 'reflect-metadata', 'pino', 'zod'],
  },
  exports: { ours: ['shared', 'rules', 'policies'], packages: [] },
  // The judge's books share nothing with the core that they judge.
  'cli/audit/books': { ours: ['shared/contracts'], packages: [] },
};

type Import = { from: string; specifier: string; folder: string | null; isType: boolean };

/** Every static and dynamic import with a literal specifier; `folder` is ours, or null for a package. */
function importsOf(path: string): Import[] {
  const found = text
    .get(path)!
    .matchAll(
      /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s+'([^']+)'|(?:^|\n)import\s+'([^']+)'|import\(\s*'([^']+)'/g,
    );
  return Array.from(found, (match) => {
    const specifier = match[1] ?? match[2] ?? match[3]!;
    const isType = /^\s*(import|export) type\b/.test(match[0]);
    if (specifier.startsWith('.'))
      return { from: path, specifier, folder: relative(root, join(root, dirname(path), specifier)), isType };
    if (!specifier.startsWith('#')) return { from: path, specifier, folder: null, isType };
    const [alias, target] = Object.entries(manifest.imports).find(([name]) =>
      specifier.startsWith(name.replace('*', '')),
    )!;
    const folder = target.replace('./', '').replace('*', specifier.slice(alias.length - 1));
    return { from: path, specifier, folder, isType };
  });
}

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
const isIn = (folder: string, path: string): boolean => path.startsWith(`${folder}/`);

describe('who may import whom', () => {
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    test(`${folder} imports ${[...allowed.ours, ...allowed.packages].join(', ') || 'nothing'} beside itself`, () => {
      const strays = sources
        .filter((path) => isIn(folder, path))
        .flatMap(importsOf)
        .filter(
          ({ specifier }) =>
            !specifier.startsWith('node:') || folder === 'shared/contracts' || folder === 'shared/combat',
        )
        .filter(({ specifier, folder: ours }) =>
          ours === null
            ? !allowed.packages.includes(packageOf(specifier))
            : !isIn(folder, ours) && !allowed.ours.some((other) => isIn(other, ours)),
        );
      expect(strays).toEqual([]);
    });
  }

  test('no service imports another', () => {
    const strays = sources
      .filter((path) => /^services\/[^/]+\//.test(path))
      .flatMap(importsOf)
      .filter(
        ({ from, folder }) =>
          folder !== null && /^services\/[^/]+\//.test(folder) && !isIn(from.split('/').slice(0, 2).join('/'), folder),
      );
    expect(strays).toEqual([]);
  });

  test('nothing that runs imports a test', () => {
    const strays = sources
      .filter((path) => !/^(test|bench)\/|^vitest\.config\.ts$/.test(path))
      .flatMap(importsOf)
      .filter(({ folder }) => folder !== null && isIn('test', folder));
    expect(strays).toEqual([]);
  });
});

describe('what an entry of the package loads', () => {
  /** The files that a file loads, and the packages and modules of Node.js that those import. Types are not loaded. */
  function loadedBy(entry: string): { files: Set<string>; packages: Set<string> } {
    const files = new Set([entry]);
    const packages = new Set<string>();
    for (const file of files) {
      for (const { specifier, folder, isType } of importsOf(file)) {
        if (isType) continue;
        if (folder === null) packages.add(packageOf(specifier));
        else files.add(folder);
      }
    }
    return { files, packages };
  }

  test.each(['core', 'rules', 'contracts'])(
    'riposte/%s loads nothing of Node.js, and no more than it needs',
    (name) => {
      const { packages } = loadedBy(`exports/${name}.ts`);
      expect(['zod', 'pure-rand', 'tinyqueue']).toEqual(expect.arrayContaining([...packages]));
    },
  );

  test('riposte/client loads neither a logger nor metrics, certificates or the settings of roles', () => {
    const { files, packages } = loadedBy('exports/client.ts');
    expect([...packages].filter((name) => !name.startsWith('node:')).sort()).toEqual([
      '@nats-io/jetstream',
      '@nats-io/transport-node',
      'zod',
    ]);
    expect(files).toContain('shared/process/nats-environment.ts');
    expect(files).not.toContain('shared/process/config.ts');
  });

  test('every name that it exports is documented where it stands', () => {
    const exported = sources
      .filter((path) => isIn('exports', path))
      .flatMap((path) =>
        [...text.get(path)!.matchAll(/\{([^}]*)\} from '([^']+)'/g)].flatMap(([, names, specifier]) => {
          const source = importsOf(path).find((each) => each.specifier === specifier)!.folder!;
          return [...names!.matchAll(/(?:type )?(\w+)(?: as \w+)?,?/g)].map(([, name]) => ({ source, name }));
        }),
      );
    expect(exported.length).toBeGreaterThan(100);
    const bare = exported.filter(({ source, name }) => {
      const documented = `\\*/\\n(//.*\\n)?export (async )?(const|class|function|interface|type) ${name}\\b`;
      return !new RegExp(documented).test(text.get(source)!);
    });
    expect(bare).toEqual([]);
  });
});

describe('I9 the core is pure', () => {
  const FORBIDDEN = [
    /\bDate\b/,
    /\bMath\.(random|pow|exp)\b/,
    /\bperformance\b/,
    /\bsetTimeout\b|\bsetInterval\b/,
    /\bprocess\./,
    /\bconsole\b/,
    /\bBuffer\b/,
    /\bcrypto\b/,
  ];
  const core = sources.filter((path) => isIn('shared/combat', path) || isIn('rules', path) || isIn('policies', path));

  test('no clock, randomness, I/O or logger in shared/combat, rules and policies', () => {
    expect(core.length).toBeGreaterThan(10);
    const found = core.flatMap((path) => {
      const code = text.get(path)!.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      return FORBIDDEN.filter((pattern) => pattern.test(code)).map((pattern) => `${path}: ${pattern}`);
    });
    expect(found).toEqual([]);
  });
});

describe('every file', () => {
  test('that is no test says at its head what it owns; a test has its names for that', () => {
    const bare = sources
      .filter((path) => !path.endsWith('.test.ts'))
      .filter((path) => !/^(#!.*\n)?(\/\*\*|\/\/)/.test(text.get(path)!));
    expect(bare).toEqual([]);
  });

  test('has the name of a concept', () => {
    expect(sources.filter((path) => /(^|\/)(utils?|helpers?|types|manager|misc|common)\.(ts|mjs)$/.test(path))).toEqual(
      [],
    );
  });

  test('is in one language, erasable, and has no leftovers', () => {
    const self = relative(root, import.meta.filename);
    const leftovers = sources.filter(
      (path) =>
        path !== self &&
        /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-nocheck|\b(test|it|describe)\.only\(/.test(text.get(path)!),
    );
    expect(leftovers).toEqual([]);
  });
});

describe('subjects', () => {
  test('on which JetStream is asked are spelled in shared/contracts/subjects.ts', () => {
    const spelled = sources.filter(
      (path) => /^(shared|services|cli|tools|bench)\//.test(path) && text.get(path)!.includes('$JS.API.'),
    );
    expect(spelled).toEqual(['shared/contracts/subjects.ts']);
  });
});

describe('nothing is there for nobody', () => {
  test('every dependency is imported or named by the tools, and every export is used', () => {
    const knip = join(root, 'node_modules/knip/bin/knip.js');
    let report = '';
    try {
      execFileSync(process.execPath, [knip, '--no-progress'], { cwd: root, encoding: 'utf8' });
    } catch (error) {
      report = (error as { stdout: string }).stdout;
    }
    expect(report).toBe('');
  });

  test('docs/dependencies.md says why each dependency is there, and names no other', () => {
    const table = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    const named = [...table.matchAll(/^\| `([^`]+)`\s+\|/gm)].map((match) => match[1]!).sort();
    expect(named).toEqual([...Object.keys(manifest.dependencies), ...Object.keys(manifest.devDependencies)].sort());
  });
});
