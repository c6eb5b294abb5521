// The package as its user has it: packed from the checkout and installed into an empty folder, with the fixtures beside it as
// the user's own files; and a Node.js of the oldest line that the package is for.

import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '#tools/commands/child.ts';

const run = promisify(execFile);

/** What package.json says that matters here. */
export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, unknown>>;
};

const OLDEST_NODE = `${manifest.engines.node.replace('>=', '')}.0`;

/** A folder of a user's. */
export interface Installed {
  readonly dir: string;
  /** Of the installed package, by path, `/` between folders. */
  readonly files: ReadonlyMap<string, string>;
  /** Of the tarball, in bytes. */
  readonly packedBytes: number;
  remove(): void;
}

/** Packs the checkout, which builds it first, and installs the tarball. */
export async function install(): Promise<Installed> {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), 'riposte-package-'));
  await npm(['pack', '--pack-destination', dir], ROOT);
  writeFileSync(join(dir, 'package.json'), '{ "name": "game", "private": true, "type": "module" }\n');
  const tarball = `riposte-${manifest.version}.tgz`;
  await npm(['install', '--ignore-scripts', `./${tarball}`], dir);
  const fixtures = join(import.meta.dirname, 'fixtures');
  cpSync(fixtures, dir, { recursive: true });
  cpSync(join(fixtures, 'coin-rules'), join(dir, 'node_modules', 'coin-rules'), { recursive: true });
  const root = join(dir, 'node_modules', 'riposte');
  const files = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return {
    dir,
    files: new Map(
      files.map((file) => [file.slice(root.length + 1).replaceAll('\\', '/'), readFileSync(file, 'utf8')]),
    ),
    packedBytes: readFileSync(join(dir, tarball)).length,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** The path of the oldest Node.js that the package is for, kept under .cache; or why it cannot be had. */
export async function oldestNode(): Promise<{ readonly path: string } | { readonly missing: string }> {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  const name = `${prefix}-${platform}-${process.arch}`;
  const dir = join(ROOT, '.cache', `node-${OLDEST_NODE}`);
  const path = join(dir, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(path)) return { path };
  try {
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'package.json'), '{ "private": true }\n');
    await npm(['install', '--no-save', `${name}@${OLDEST_NODE}`], dir);
    return { path };
  } catch (error) {
    return { missing: `Node.js ${OLDEST_NODE} cannot be had: ${(error as Error).message.trim().split('\n').at(-1)}` };
  }
}

async function npm(args: readonly string[], cwd: string): Promise<void> {
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  await run('npm', [...args, ...quiet], { cwd, shell: process.platform === 'win32' });
}
