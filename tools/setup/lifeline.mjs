// Owns: what holds between run.mjs and the command it runs; loaded before the command.
//
// 1. A command whose run.mjs was killed is told to end, unless it was told before.
// 2. One wish to end reaches the command once. A Ctrl-C comes from the terminal, which tells every process in its
//    foreground group, and again from npm through run.mjs; a command that takes the second for impatience would stop
//    draining.

import { onOrphaned } from './orphan.mjs';

/** The same signal again within this time is the same wish: no one types that fast, and no relay is slower. */
const SAME_WISH_MS = 500;

const toldAt = new Map();

onOrphaned(() => {
  if (toldAt.size === 0) process.kill(process.pid, 'SIGTERM');
});

const emit = process.emit;
process.emit = function emitOnce(event, ...args) {
  if (event === 'SIGINT' || event === 'SIGTERM' || event === 'SIGHUP') {
    const now = performance.now();
    if (now - (toldAt.get(event) ?? Number.NEGATIVE_INFINITY) < SAME_WISH_MS) return true;
    toldAt.set(event, now);
  }
  return emit.call(this, event, ...args);
};
