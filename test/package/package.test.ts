// S9: the package is what its user gets: packed, installed into an empty folder, type checked, required, imported and played with,
// under this Node.js and under the oldest that it is for.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { ROOT } from '#tools/commands/child.ts';
import { type Installed, install, manifest, oldestNode } from './installed.ts';

/** Against hanging: npm asks a registry, and machines are busy. */
const SETUP_LIMIT_MS = 10 * 60_000;
const NODES = ['this Node.js', 'the oldest Node.js'] as const;
/** A role goes with the test that started it, however that ends. */
const LIFELINE = pathToFileURL(join(ROOT, 'tools/setup/lifeline.mjs')).href;
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const run = promisify(execFile);

let installed: Installed;
let oldest: Awaited<ReturnType<typeof oldestNode>>;
let server: TestServer;

beforeAll(async () => {
  [installed, oldest, server] = await Promise.all([install(), oldestNode(), startTestServer()]);
}, SETUP_LIMIT_MS);

afterAll(async () => {
  await server?.stop();
  installed?.remove();
}, SETUP_LIMIT_MS);

/** Which binary is meant; skips the test where it cannot be had. */
function binaryOf(node: (typeof NODES)[number], { skip }: TestContext): string {
  if (node === 'this Node.js') return process.execPath;
  if ('missing' in oldest) return skip(oldest.missing);
  return oldest.path;
}

describe('what is in it', () => {
  test('what is built, its types, the bin and the docs, and nothing else', () => {
    const names = [...installed.files.keys()];
    expect([...new Set(names.map((name) => name.split('/')[0]))].sort()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'cli',
      'dist',
      'docs',
      'package.json',
    ]);
    expect(names.filter((name) => name.startsWith('cli/'))).toEqual(['cli/riposte.mjs']);
    const built = names.filter((name) => name.startsWith('dist/'));
    expect(built.filter((name) => !/^dist\/(types\/.*\.d\.ts|(chunks\/)?[\w-]+\.js)$/.test(name))).toEqual([]);
    const bytes = [...installed.files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    console.log(
      `riposte-${manifest.version}.tgz: ${installed.packedBytes} bytes; unpacked ${bytes} bytes in ${names.length} files`,
    );
  });

  test('no host of a registry and no path of the machine that packed it', () => {
    const found = [...installed.files].filter(([, text]) => /registry\.[\w-]+\.\w+/.test(text) || text.includes(ROOT));
    expect(found.map(([name]) => name)).toEqual([]);
  });

  test('every entry has its JavaScript and its types, and types name only what is there', () => {
    const { files } = installed;
    for (const [entry, conditions] of Object.entries(manifest.exports)) {
      if (entry === './package.json') continue;
      const { types, default: code } = conditions as { types: string; default: string };
      for (const file of [types, code]) expect([...files.keys()]).toContain(file.slice(2));
    }
    for (const [name, text] of files) {
      if (!name.endsWith('.d.ts')) continue;
      for (const [, specifier] of text.matchAll(/(?:from |import\()['"]([#.][^'"]+)['"]/g)) {
        const target = posix.join(posix.dirname(name), specifier!).replace(/\.js$/, '.d.ts');
        expect([...files.keys()], `${name} names ${specifier}`).toContain(target);
      }
    }
  });

  test('the client loads neither a logger nor metrics nor the settings of roles, and the core nothing of Node.js', () => {
    const client = loadedBy('dist/client.js');
    expect([...client.packages].filter((name) => !name.startsWith('node:')).sort()).toEqual([
      '@nats-io/jetstream',
      '@nats-io/transport-node',
      'zod',
    ]);
    expect(client.text).not.toContain('LOCK_TTL_MS');
    console.log(`riposte/client loads ${client.files} files of ${Buffer.byteLength(client.text)} bytes`);
    for (const entry of ['core', 'rules', 'contracts']) {
      expect([...loadedBy(`dist/${entry}.js`).packages].filter((name) => name.startsWith('node:'))).toEqual([]);
    }
  });

  test('the thread that watches a role is where the role looks for it', () => {
    const [watching] = [...installed.files].find(([, text]) => text.includes('`./watchdog-thread$'))!;
    expect([...installed.files.keys()]).toContain(`${dirname(watching)}/watchdog-thread.js`);
  });
});

/** What of the package a file of it loads, and what else. */
function loadedBy(entry: string): { readonly files: number; readonly text: string; readonly packages: Set<string> } {
  const files = new Set([entry]);
  const packages = new Set<string>();
  const texts: string[] = [];
  for (const file of files) {
    texts.push(installed.files.get(file)!);
    for (const [, specifier] of texts.at(-1)!.matchAll(/^(?:import|export) (?:.* from )?"([^"]+)";$/gm)) {
      if (specifier!.startsWith('.')) files.add(posix.join(posix.dirname(file), specifier!));
      else packages.add(specifier!);
    }
  }
  return { files: files.size, text: texts.join(''), packages };
}

describe.each([
  { moduleResolution: 'nodenext', module: 'nodenext' },
  { moduleResolution: 'bundler', module: 'esnext' },
])('tsc --strict under $moduleResolution', (resolution) => {
  test.each([
    { program: 'a game server', files: ['game-server.ts'], types: ['node'], lib: ['es2022', 'esnext.disposable'] },
    {
      program: 'rules and a replay, without Node.js',
      files: ['rules.ts', 'replay.ts'],
      types: [],
      lib: ['es2022', 'dom'],
    },
  ])('$program', async ({ files, types, lib }) => {
    const project = join(installed.dir, `tsconfig.${resolution.moduleResolution}.${files[0]}.json`);
    const typeRoots = [join(ROOT, 'node_modules/@types')];
    const options = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', typeRoots, types, lib };
    writeFileSync(project, JSON.stringify({ compilerOptions: { ...options, ...resolution }, files }));
    const found = await run(process.execPath, [TSC, '--project', project], { cwd: installed.dir }).catch(
      (error) => error,
    );
    expect(found.stdout).toBe('');
    expect(found.code).toBeUndefined();
  });
});

describe.each(NODES)('under %s', (node) => {
  const played = { target: '-7', rules: 'classic' };

  test('a CommonJS program requires it, and has the classes that an import has', async (context) => {
    const { stdout } = await run(binaryOf(node, context), ['plain.cjs'], { cwd: installed.dir });
    expect(JSON.parse(stdout)).toEqual({ kind: 'CommonJS', ...played, sameClasses: true });
  });

  test('plain JavaScript imports every entry', async (context) => {
    const { stdout } = await run(binaryOf(node, context), ['plain.mjs'], { cwd: installed.dir });
    expect(JSON.parse(stdout)).toEqual({
      ...played,
      subject: 'COMBAT: combat.result.s',
      roll: expect.any(Number),
      refusal: 'invalid_input',
    });
  });

  test('riposte says which it is, and what it runs', async (context) => {
    const riposte = (...args: string[]) => run(binaryOf(node, context), [bin(), ...args], { cwd: installed.dir });
    expect((await riposte('--version')).stdout).toBe(`${manifest.version}\n`);
    const { stdout } = await riposte('run', 'collector', '--help');
    for (const named of ['collector', 'executor', 'ai', 'docs/contract.md']) expect(stdout).toContain(named);
    await expect(riposte('run', 'referee')).rejects.toMatchObject({
      code: 2,
      stderr: 'riposte run: expected one role of collector, executor, ai, got referee; --help tells more\n',
    });
  });

  test('roles play by rules of a file and of a package beside it, a bot by a policy of the package, and drain', async (context) => {
    const binary = binaryOf(node, context);
    const env = {
      PATH: process.env.PATH,
      NATS_URL: server.url,
      RULES_MODULES: './one-blow.mjs,coin-rules',
      POLICY_MODULES: 'coin-rules',
    };
    const roles = await Promise.all(['collector', 'executor', 'ai'].map((role) => startRole(binary, role, env)));
    const { stdout } = await run(binary, ['duel.mjs', 'one-blow', 'coin'], { cwd: installed.dir, env });
    const fought = { outcome: 'opened', verdict: 'accepted', end: 'victory', dead: 1 };
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { rules: 'one-blow', hands: ['relative'], ...fought },
      { rules: 'coin', hands: ['policy'], ...fought },
    ]);
    for (const { child, lines } of roles) {
      child.kill('SIGTERM');
      expect(await once(child, 'close')).toEqual([0, null]);
      expect(lines.filter((line) => line.includes('watchdog'))).toEqual([]);
      expect(lines.at(-1)).toContain('"msg":"drained"');
    }
  });
});

test('an older Node.js is refused in one line', async () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.11.0' } })";
  const args = ['--import', `data:text/javascript,${encodeURIComponent(old)}`, bin(), '--version'];
  await expect(run(process.execPath, args, { cwd: installed.dir })).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(
      /^riposte runs on Node\.js >=22\.12, and this is v\d+\.\d+\.\d+: install a newer one\n$/,
    ),
  });
});

const bin = (): string => join(installed.dir, 'node_modules/riposte/cli/riposte.mjs');

/** Runs a role out of the package and resolves when it has said that it is ready. */
async function startRole(binary: string, role: string, env: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn(binary, ['--import', LIFELINE, bin(), 'run', role], {
    cwd: installed.dir,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (line.includes('"msg":"ready"')) resolve();
      });
    }
    child.once('close', () => reject(new Error(`${role} was not ready: ${lines.join('\n')}`)));
  });
  return { child, lines };
}
