// Owns: which package of Debian holds the nats-server, and where in it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { THIS_MACHINE, unpackDebianPackages } from '../debian/packages.ts';

const SERVER_FILES = ['usr/sbin/nats-server', 'usr/bin/nats-server'];

/**
 * Downloads Debian's package of nats-server from a suite, and unpacks it.
 * @param suite e.g. `testing`
 * @param workDir an empty directory for it
 * @returns the path of the binary in `workDir`
 * @throws Error that says why not, in one line
 */
export async function fetchDebianPackage(suite: string, workDir: string, machine = THIS_MACHINE): Promise<string> {
  const tree = await unpackDebianPackages({ names: ['nats-server'], suite }, workDir, machine);
  const binary = SERVER_FILES.map((file) => join(tree, file)).find((file) => existsSync(file));
  if (binary === undefined) throw new Error(`Debian's package of ${suite} holds no nats-server binary`);
  return binary;
}
