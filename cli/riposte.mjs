#!/usr/bin/env node
// `npx riposte`. In a checkout it hands over to main.ts under the Node.js that the project pins; an installed package has no
// main.ts, and runs what was built from it under the Node.js of its user. Plain JavaScript that Node.js 20 runs: on a fresh
// clone there is nothing else, and the machine's Node.js may be old.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** No answer: neither yes nor no. */
const EXIT_TROUBLE = 2;

const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
if (existsSync(entry)) await runFromSource();
else await runFromPackage();

async function runFromSource() {
  const { ROOT, SetupError, say } = await import('../tools/setup/setup.mjs');
  const { ensureDependencies } = await import('../tools/setup/dependencies.mjs');
  const { handOver } = await import('../tools/setup/hand-over.mjs');
  const { ensurePinnedNode } = await import('../tools/setup/pinned-node.mjs');
  try {
    // Only what was never installed: roles may be running from this checkout, and a question must not renew it under them.
    if (!existsSync(join(ROOT, 'node_modules', '.package-lock.json'))) await ensureDependencies();
    // Paths in the environment (credentials, RULES_MODULES) begin at the folder in which the command was typed.
    await handOver(await ensurePinnedNode(), entry, process.argv.slice(2), process.cwd());
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = EXIT_TROUBLE;
  }
}

async function runFromPackage() {
  const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const [major, minor] = engines.node.match(/\d+/g).map(Number);
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number);
  if (ownMajor > major || (ownMajor === major && ownMinor >= minor)) {
    await import('../dist/cli.js');
    return;
  }
  process.stderr.write(
    `riposte runs on Node.js ${engines.node}, and this is ${process.version}: install a newer one\n`,
  );
  process.exitCode = EXIT_TROUBLE;
}
