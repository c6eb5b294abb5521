// Owns: noticing that the process that started this one is gone. A parent that is killed outright tells nobody; what
// it leaves is another parent.

/** Nobody waits for it: what matters is that nothing is left running for long. */
const LOOK_MS = 1000;

/**
 * Calls `then` once, within LOOK_MS of the parent's end. Keeps no process alive. Does nothing on Windows, where a
 * parent's number stays.
 */
export function onOrphaned(then) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    then();
  }, LOOK_MS);
  timer.unref();
}
