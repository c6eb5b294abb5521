// Owns: ending a command whose run.mjs was killed, as if it had been told to: loaded before the command by run.mjs.

import { onOrphaned } from './orphan.mjs';

onOrphaned(() => process.kill(process.pid, 'SIGTERM'));
