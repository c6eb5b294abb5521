// Notices that the process that started this one is gone. A parent that is killed outright says nothing; its children get
// another parent.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Nothing waits for it: what matters is that nothing is left running for long. */
const LOOK_MS = 1000;

/** Shells that package managers run scripts in. Some stay between the manager and the script, and outlive the manager. */
const SHELLS = /^(ba|da|a|k|z)?sh$|^busybox$/;

/**
 * Calls `then` once, within LOOK_MS of the parent's end. Keeps no process alive. Does nothing on Windows, where a
 * parent's number stays.
 * @param throughShell where the parent is a shell, its parent counts too: it is the package manager that runs the script
 */
export function onOrphaned(then, throughShell = false) {
  const parent = process.ppid;
  const manager = throughShell ? managerBehind(parent) : undefined;
  const timer = setInterval(() => {
    if (process.ppid === parent && (manager === undefined || isThere(manager))) return;
    clearInterval(timer);
    then();
  }, LOOK_MS);
  timer.unref();
}

/** The parent of a shell; undefined where the process is no shell, or the machine does not say. */
function managerBehind(pid) {
  const [, name = '', parent] = /^\d+ \((.*)\) \S+ (\d+)/s.exec(statOf(pid)) ?? [];
  return SHELLS.test(name) ? Number(parent) : undefined;
}

/** `<pid> (<name>) <state> <parent>`, as Linux has it. */
function statOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    const { stdout } = spawnSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)], { encoding: 'utf8' });
    const [, parent, path = ''] = /^\s*(\d+)\s+(.*)$/m.exec(stdout ?? '') ?? [];
    return `${pid} (${path.split('/').at(-1).replace(/^-/, '').trim()}) S ${parent}`;
  }
}

function isThere(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
