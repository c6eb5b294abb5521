// Owns: the programs of a container engine, from Debian's packages of it, unpacked into the checkout's cache and not
// installed: dockerd and what it runs, the command line with compose, and the busybox of the base images.
//
// 1. A directory in the cache is whole: it is made beside it and renamed into place. Its name tells what of the packages is in use:
//    what was fetched when that was less is not taken, but removed.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { inWorkDir } from '../cache/work-dir.ts';
import { unpackDebianPackages } from '../debian/packages.ts';
import { CACHE_DIR } from '../setup/folder.mjs';

/** Where the checkout keeps them; ignored by git. */
const PROGRAMS_DIR = join(CACHE_DIR, 'container-engine');

/** The suite that has compose in its second generation. Its one program needs no library but C's. */
const COMPOSE_SUITE = 'testing';

/** What the engine and the base images are made of, with where the packages put it. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  dockerd: ['usr/sbin/dockerd'],
  'docker-init': [
    'usr/bin/docker-init',
    'usr/sbin/docker-init',
    'usr/libexec/docker/docker-init',
    'usr/bin/tini-static',
  ],
  'docker-proxy': ['usr/sbin/docker-proxy', 'usr/bin/docker-proxy', 'usr/libexec/docker/docker-proxy'],
  docker: ['usr/bin/docker'],
  containerd: ['usr/bin/containerd'],
  'containerd-shim-runc-v2': ['usr/bin/containerd-shim-runc-v2'],
  runc: ['usr/sbin/runc', 'usr/bin/runc'],
  iptables: ['usr/sbin/xtables-nft-multi'],
  ip6tables: ['usr/sbin/xtables-nft-multi'],
  busybox: ['usr/bin/busybox', 'bin/busybox'],
  'docker-compose': ['usr/libexec/docker/cli-plugins/docker-compose'],
};

const TREE_PREFIX = 'debian-';
const DIGEST_CHARS = 12;

/** The programs of an engine. */
export interface EnginePrograms {
  /** A directory with a link to each. */
  readonly bin: string;
  /** The libraries that came along. */
  readonly libraries: string;
}

/**
 * The programs, fetched if need be.
 * @throws Error that says why not, in one line
 */
export async function ensureEnginePrograms(): Promise<EnginePrograms> {
  const digest = createHash('sha256')
    .update(JSON.stringify([COMPOSE_SUITE, PROGRAMS]))
    .digest('hex');
  const target = join(PROGRAMS_DIR, `${TREE_PREFIX}${process.arch}-${digest.slice(0, DIGEST_CHARS)}`);
  if (!existsSync(target)) {
    await inWorkDir(PROGRAMS_DIR, async (dir) => {
      const whole = await fetched(dir);
      try {
        renameSync(whole, target);
      } catch (error) {
        // Somebody else was faster.
        if (!existsSync(target)) throw error;
      }
      for (const name of readdirSync(PROGRAMS_DIR).filter((other) => other.startsWith(TREE_PREFIX))) {
        if (name !== basename(target)) rmSync(join(PROGRAMS_DIR, name), { recursive: true, force: true });
      }
    });
  }
  const libraries = readdirSync(join(target, 'engine/usr/lib')).find((name) => name.endsWith('-linux-gnu'));
  return { bin: join(target, 'bin'), libraries: join(target, 'engine/usr/lib', libraries ?? '') };
}

async function fetched(dir: string): Promise<string> {
  const whole = join(dir, 'whole');
  mkdirSync(join(whole, 'bin'), { recursive: true });
  renameSync(await engineTree(dir), join(whole, 'engine'));
  const compose = await unpackDebianPackages({ names: ['docker-compose'], suite: COMPOSE_SUITE }, join(dir, 'compose'));
  renameSync(compose, join(whole, 'compose'));
  for (const [name, places] of Object.entries(PROGRAMS)) {
    const found = ['engine', 'compose'].flatMap((tree) => places.map((place) => join(whole, tree, place)));
    const file = found.find((path) => existsSync(path));
    if (file === undefined) throw new Error(`Debian's packages hold no ${name}`);
    const link = join(whole, 'bin', name);
    symlinkSync(relative(dirname(link), file), link);
  }
  return whole;
}

/** Newer releases have the command line in a package of its own, and older ones none of that name. */
async function engineTree(dir: string): Promise<string> {
  const names = ['docker.io', 'busybox-static'];
  const order = { names, withDependencies: true };
  try {
    const newer = { ...order, names: [...names, 'docker-cli'] };
    return await unpackDebianPackages(newer, join(dir, 'newer'));
  } catch (error) {
    if (!/Unable to locate package/.test(String(error))) throw error;
    rmSync(join(dir, 'newer'), { recursive: true, force: true });
    return await unpackDebianPackages(order, join(dir, 'engine'));
  }
}
