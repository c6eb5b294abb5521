// A command that starts a private server, tells where, and leaves it to its fate. `stay` waits to be killed and does
// not mind a Ctrl-C; `leave` ends without stopping the server.

import { dirname } from 'node:path';
import { startPrivateServer } from '#tools/nats-server/private-server.ts';

const stays = process.argv[2] === 'stay';
if (stays) {
  process.on('SIGINT', () => {});
  process.stdin.resume();
}
const server = await startPrivateServer();
process.stdout.write(`${JSON.stringify({ url: server.url, pid: server.pid, workDir: dirname(server.logFile) })}\n`);
