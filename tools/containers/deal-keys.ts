// Owns: dealing out what `riposte nats-config` has written, so that every container sees its own secret and no other:
//
//     node tools/containers/deal-keys.ts <folder> <uid>:<gid> [options of nats-config]
//
// `<folder>/all` takes all of it. Every other directory in the folder, each a volume, gets what its name calls for: that of a
// server its configuration, certificate and key; that of a user `seed.nk`; and each the authority's certificate, `ca.pem`.
//
// 1. It may run again: seeds and good certificates are kept, and what is dealt is replaced by rename.
// 2. What users get belongs to uid:gid. The directories stay root's, who runs this with no capability but that of giving away.

import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ALL = 'all';
const AUTHORITY = 'ca.pem';
const ONLY_OWNER_READS = 0o400;

process.exitCode = main(process.argv.slice(2));

function main([folder, owner = '', ...options]: readonly string[]): number {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(owner) ?? [];
  if (folder === undefined || uid === undefined || gid === undefined) {
    process.stderr.write('deal-keys: expected <folder> <uid>:<gid> [options of riposte nats-config]\n');
    return 2;
  }
  const all = join(folder, ALL);
  const riposte = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
  const made = spawnSync(process.execPath, [riposte, 'nats-config', all, ...options], { stdio: 'inherit' });
  if (made.status !== 0) return made.status ?? 1;
  for (const name of readdirSync(folder).filter((other) => other !== ALL)) {
    const to = join(folder, name);
    const seed = join(all, 'seeds', `${name}.nk`);
    if (existsSync(seed)) {
      deal(seed, join(to, 'seed.nk'), Number(uid), Number(gid));
      deal(join(all, AUTHORITY), join(to, AUTHORITY), Number(uid), Number(gid));
    } else if (existsSync(join(all, `${name}.conf`))) {
      for (const file of [`${name}.conf`, `${name}.pem`, `${name}-key.pem`, AUTHORITY]) {
        deal(join(all, file), join(to, file), 0, 0);
      }
    } else {
      process.stderr.write(`deal-keys: ${name} is neither a server nor a user\n`);
      return 2;
    }
  }
  return 0;
}

function deal(from: string, to: string, uid: number, gid: number): void {
  const next = `${to}.next`;
  rmSync(next, { force: true }); // a run that was killed may have left one that nobody may write, or that is its user's already
  copyFileSync(from, next);
  chmodSync(next, ONLY_OWNER_READS);
  chownSync(next, uid, gid);
  renameSync(next, to);
}
