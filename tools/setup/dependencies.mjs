// Owns: node_modules being what package-lock.json says.
//
// 1. When it is, nothing is run: npm's own record of what it installed is compared, entry by entry.
// 2. Of several processes that find it is not, one installs and the others wait and look again.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE_DIR, requireWritableModules } from './folder.mjs';
import { withLock } from './lock.mjs';
import { proxiesSeen } from './proxies.mjs';
import { ROOT, runNpm, SetupError, say } from './setup.mjs';

/** 100 packages of 150 MB on a slow line; after that npm hangs. */
const INSTALL_LIMIT_MS = 15 * 60 * 1000;

/** Installs the dependencies unless they are there. */
export async function ensureDependencies() {
  const first = whatIsMissing();
  if (first === undefined) return;
  requireWritableModules(`the dependencies are to be installed there (${first})`);
  await withLock(join(CACHE_DIR, 'setup.lock'), INSTALL_LIMIT_MS, async () => {
    const missing = whatIsMissing();
    if (missing === undefined) return;
    say(`installing the dependencies: ${missing}`);
    const started = performance.now();
    // Node.js and the test tools are development dependencies: they are needed in production mode too.
    const args = ['ci', '--include=dev', '--loglevel=error', '--no-audit', '--no-fund', '--no-update-notifier'];
    const { ended, errors } = await runNpm(args, ROOT, INSTALL_LIMIT_MS);
    if (ended !== 0) throw new SetupError(whyNpmFailed(ended, errors));
    const still = whatIsMissing();
    if (still !== undefined) throw new SetupError(`npm ci ended well, and yet ${still}`);
    say(`installed the dependencies in ${Math.round((performance.now() - started) / 1000)} s`);
  });
}

/** Codes of what is wrong between here and the registry. */
const OF_THE_NETWORK =
  /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|E40[137]|E5\d\d|ERR_SOCKET)|CERT|SSL|TLS/;
const OF_THE_DISK = /^(EACCES|EPERM|EROFS|ENOSPC|EDQUOT)$/;
/** A reason is a part of a line. */
const REASON_MAX_CHARS = 200;

/**
 * What failed, and what to do, in one line. npm's own lines, a page with a stack, are shown where that says too little.
 * @param ended npm's exit code or signal
 * @param errors what npm wrote on stderr
 */
function whyNpmFailed(ended, errors) {
  const lines = [...errors.matchAll(/^npm (?:error|ERR!) (?:network )?(.+)$/gm)].map(([, line]) => line);
  const field = (name) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const code = field('code') ?? String(ended);
  const reason = lines.find((line) => /^(?!(code|errno|syscall|path|dest|A complete log) ).* .* /.test(line)) ?? '';
  const shown = reason.replace(/\/\/[^/@\s]+@/g, '//').slice(0, REASON_MAX_CHARS);
  const failed = `npm ci failed (${code})${shown === '' ? '' : `, ${shown}`}`;
  if (OF_THE_NETWORK.test(code)) {
    return `${failed}; ${proxiesSeen()}: check the network, the proxy and npm's setting "registry", then try again`;
  }
  if (OF_THE_DISK.test(code)) return `${failed}: make ${field('path') ?? ROOT} writable, then try again`;
  process.stderr.write(errors);
  return `${failed}: see above, then try again`;
}

/**
 * Says why node_modules is not what the lock file says, or undefined when it is. npm writes its record,
 * node_modules/.package-lock.json, at the end of an installation: a broken-off one leaves none.
 */
function whatIsMissing() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  let installed;
  try {
    installed = JSON.parse(readFileSync(join(ROOT, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return 'there are none yet';
  }
  for (const [path, { version, integrity, optional, peer }] of Object.entries(wanted)) {
    if (path === '') continue;
    const there = installed[path];
    // Optional ones are those of other platforms.
    if (there === undefined && (optional || peer)) continue;
    if (there?.version !== version || there?.integrity !== integrity) return `${path} is not ${version}`;
  }
  const surplus = Object.keys(installed).find((path) => wanted[path] === undefined);
  return surplus === undefined ? undefined : `${surplus} is no longer one`;
}
