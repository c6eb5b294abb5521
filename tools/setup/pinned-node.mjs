// Owns: which Node.js runs the project: the one that package.json pins as the dependency `node`; where that cannot be
// had, the machine's own if it is new enough.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CACHE_DIR, CannotWrite, requireWritableModules } from './folder.mjs';
import { withLock } from './lock.mjs';
import { ROOT, SetupError, say } from './setup.mjs';

/** The first line of Node.js that runs TypeScript as it is and that the project is tested on. */
const OLDEST_MAJOR = 24;

const VERSION_LIMIT_MS = 30_000;
const INSTALL_LIMIT_MS = 5 * 60 * 1000;

const PACKAGE_DIR = join(ROOT, 'node_modules', 'node');
const BINARY = join(PACKAGE_DIR, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

/** The path of a Node.js that runs the project. */
export async function ensurePinnedNode() {
  const wanted = `v${JSON.parse(readFileSync(join(PACKAGE_DIR, 'package.json'), 'utf8')).version}`;
  if (runsAs(wanted)) return BINARY;
  // npm was told to run no install scripts, and this package brings its binary by one.
  try {
    requireWritableModules(`Node.js ${wanted} is to be installed there`);
    await withLock(join(CACHE_DIR, 'setup.lock'), INSTALL_LIMIT_MS, async () => {
      if (runsAs(wanted)) return;
      say(`installing Node.js ${wanted}, which npm ci has left out (ignore-scripts?)`);
      runInstallScript();
    });
  } catch (error) {
    if (!(error instanceof CannotWrite) || !isNewEnough()) throw error;
  }
  if (runsAs(wanted)) return BINARY;
  if (isNewEnough()) {
    say(`Node.js ${wanted} cannot be had; going on with this machine's ${process.version}`);
    return process.execPath;
  }
  throw new SetupError(
    `Node.js ${wanted} cannot be had, and this machine's ${process.version} is too old: ` +
      `install Node.js ${OLDEST_MAJOR} or newer, or allow npm the install script of the package "node"`,
  );
}

/** Whether the Node.js of this process runs the project, too. */
const isNewEnough = () => Number(process.versions.node.split('.')[0]) >= OLDEST_MAJOR;

/** Whether the pinned binary is there, whole, and for this platform. */
function runsAs(version) {
  if (!existsSync(BINARY)) return false;
  const { stdout } = spawnSync(BINARY, ['--version'], { encoding: 'utf8', timeout: VERSION_LIMIT_MS });
  return stdout?.trim() === version;
}

/** Runs the package's own install script, and makes the link in .bin that npm leaves out where the binary is missing. */
function runInstallScript() {
  const script = join(PACKAGE_DIR, 'installArchSpecificPackage.js');
  const env = { ...process.env, npm_config_loglevel: 'error', npm_config_audit: 'false', npm_config_fund: 'false' };
  const stdio = ['ignore', process.stderr.fd, process.stderr.fd];
  spawnSync(process.execPath, [script], { cwd: PACKAGE_DIR, stdio, env, timeout: INSTALL_LIMIT_MS });
  const link = join(ROOT, 'node_modules', '.bin', 'node');
  if (process.platform !== 'win32' && existsSync(BINARY) && !existsSync(link)) {
    mkdirSync(dirname(link), { recursive: true });
    // One that leads nowhere is in the way, too.
    rmSync(link, { force: true });
    symlinkSync(join('..', 'node', 'bin', 'node'), link);
  }
}
