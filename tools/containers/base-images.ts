// Owns: the images that the others rest on, NODE_IMAGE and NATS_IMAGE: those that the engine has, else pulled. In an engine of the
// project's own, which can pull nothing, they are made under the same names: from the Node.js that the project pins, the
// nats-server that it tests with, the libraries that they need, and a busybox for the shell.
//
// 1. Nothing is made in any other engine: what is called node:24-slim there is that, whoever comes to use it.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ensureNatsServer } from '../nats-server/ensure.ts';
import { oneLine } from '../nats-server/step.ts';
import { makeTemporaryFolder } from '../setup/folder.mjs';
import { docker } from './docker.ts';
import { ensureEnginePrograms } from './engine-packages.ts';

/** What the Dockerfile and the compose files use where the environment names no other. */
const DEFAULTS = { node: 'node:24-slim', nats: 'nats:2.15-alpine' } as const;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What our files use of it: the Dockerfile a shell, the test of the compose files wget. */
const APPLETS = ['sh', 'cat', 'ls', 'mkdir', 'wget'];

const run = promisify(execFile);

/** The names of the base images. */
export interface BaseImages {
  readonly node: string;
  readonly nats: string;
}

/**
 * Sees to it that the engine has the base images.
 * @param env may name others, in NODE_IMAGE and NATS_IMAGE; RIPOSTE_ENGINE_DIR is there where the engine is the project's own
 * @param say takes a line for a person for each that was made here
 * @throws Error with what the pull said, where the engine is not
 */
export async function ensureBaseImages(env: NodeJS.ProcessEnv, say: (line: string) => void): Promise<BaseImages> {
  const images = { node: env.NODE_IMAGE || DEFAULTS.node, nats: env.NATS_IMAGE || DEFAULTS.nats };
  const makes = env.RIPOSTE_ENGINE_DIR !== undefined;
  await ensureImage(images.node, makes, say, async () => ({ 'usr/local/bin/node': process.execPath }));
  await ensureImage(images.nats, makes, say, async () => ({ 'usr/local/bin/nats-server': await ensureNatsServer() }));
  return images;
}

type Programs = Readonly<Record<string, string>>;

async function ensureImage(
  name: string,
  makes: boolean,
  say: (line: string) => void,
  programs: () => Promise<Programs>,
): Promise<void> {
  if ((await docker(['image', 'ls', '--quiet', name])) !== '') return;
  try {
    await docker(['pull', '--quiet', name]);
  } catch (error) {
    if (!makes) throw error;
    await make(name, await programs());
    say(`${name} was made on this machine: ${oneLine(error)}`);
  }
}

/** Makes an image of programs, each under its place in it. */
async function make(name: string, programs: Programs): Promise<void> {
  const root = makeTemporaryFolder('riposte-image-');
  try {
    const { bin } = await ensureEnginePrograms();
    place(root, 'bin/busybox', join(bin, 'busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
    for (const [target, file] of Object.entries(programs)) {
      place(root, target, file);
      for (const library of await librariesOf(file)) place(root, library, library);
    }
    const etc = join(root, 'etc');
    mkdirSync(etc, { recursive: true });
    writeFileSync(join(etc, 'passwd'), 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n');
    writeFileSync(join(etc, 'group'), 'root:x:0:\nnogroup:x:65534:\n');
    writeFileSync(join(etc, 'nsswitch.conf'), 'hosts: files dns\n');
    mkdirSync(join(root, 'tmp'), { mode: 0o1777 });
    await importTree(name, root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function place(root: string, target: string, file: string): void {
  const path = join(root, target);
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(file, path);
}

/** The libraries that a program is linked to, and what loads them; none of one that is linked statically. */
async function librariesOf(file: string): Promise<string[]> {
  try {
    const { stdout } = await run('ldd', [file]);
    return [...stdout.matchAll(/(?:=>\s+|^\s*)(\/\S+)/gm)].map(([, path = '']) => path);
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    if (/not a dynamic executable/.test(stdout + stderr)) return [];
    throw error;
  }
}

async function importTree(name: string, root: string): Promise<void> {
  const tar = spawn('tar', ['--create', '--owner=0', '--group=0', '--numeric-owner', '--directory', root, '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const packed = once(tar, 'exit');
  const importing = spawn('docker', ['import', '--change', `ENV PATH=${PATH}`, '-', name], {
    stdio: [tar.stdout, 'ignore', 'pipe'],
  });
  let complaint = '';
  importing.stderr.on('data', (text) => {
    complaint += text;
  });
  const [[code], [tarCode]] = await Promise.all([once(importing, 'close'), packed]);
  // An archive that breaks off is imported without a complaint.
  if (tarCode !== 0) throw new Error(`${name} was not packed: tar ended with ${tarCode}`);
  if (code !== 0) throw new Error(`docker import ${name}: ${complaint.trim()}`);
}
