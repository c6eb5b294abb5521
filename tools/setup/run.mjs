// Owns: `node tools/setup/run.mjs <command> [arguments]`, what every npm script goes through: it makes the checkout
// ready and hands over to tools/commands/<command>.ts under the Node.js that the project pins.
//
// 1. Plain JavaScript without dependencies that Node.js 20 runs: on a fresh clone there is nothing else.
// 2. Nothing but the command itself writes to stdout.
// 3. The command's exit code is this process's, and a signal to this process reaches the command; see lifeline.mjs.
// 4. When whoever started this process is killed, the command is told to end.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDependencies } from './dependencies.mjs';
import { handOver } from './hand-over.mjs';
import { ensurePinnedNode } from './pinned-node.mjs';
import { ROOT, SetupError, say } from './setup.mjs';

const [command = '', ...args] = process.argv.slice(2);

try {
  const entry = join(ROOT, 'tools', 'commands', `${command}.ts`);
  if (!/^[a-z][a-z-]*$/.test(command) || !existsSync(entry)) {
    throw new SetupError(
      `there is no command ${command || '(none given)'}: tools/commands/${command}.ts does not exist`,
    );
  }
  await ensureDependencies();
  await handOver(await ensurePinnedNode(), entry, args, ROOT);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
