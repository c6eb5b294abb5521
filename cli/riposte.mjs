#!/usr/bin/env node
// Owns: `npx riposte` in the checkout: it hands over to main.ts under the Node.js that the project pins. Plain JavaScript that
// Node.js 20 runs, as the set-up is: on a fresh clone there is nothing else, and the machine's Node.js may be old.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from '../tools/setup/dependencies.mjs';
import { handOver } from '../tools/setup/hand-over.mjs';
import { ensurePinnedNode } from '../tools/setup/pinned-node.mjs';
import { ROOT, SetupError, say } from '../tools/setup/setup.mjs';

/** No answer: neither yes nor no. */
const EXIT_TROUBLE = 2;

try {
  // Only what was never installed: roles may be running from this checkout, and a question must not renew it under them.
  if (!existsSync(join(ROOT, 'node_modules', '.package-lock.json'))) await ensureDependencies();
  const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
  // Paths in the environment (credentials, RULES_MODULES) are those of whoever typed the command.
  await handOver(await ensurePinnedNode(), entry, process.argv.slice(2), process.cwd());
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = EXIT_TROUBLE;
}
