// Owns: programs run as a user to whom the checkout does not belong. To become another user takes root.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '#tools/commands/child.ts';

/** `nobody`, on most systems; it needs no name. */
export const OTHER_USER = { uid: 65_534, gid: 65_534 } as const;

/** Why nothing can be run as another user here, said in a line; null where it can. */
export function sayWhyNoOtherUser(): string | null {
  const why = whyNoOtherUser();
  if (why !== null) process.stdout.write(`skipped, what another user does: ${why}\n`);
  return why;
}

function whyNoOtherUser(): string | null {
  if (process.getuid?.() !== 0) return 'only root can become another user';
  const probe = spawnSync(process.execPath, [join(ROOT, 'tools/setup/run.mjs'), 'nothing'], {
    ...OTHER_USER,
    encoding: 'utf8',
  });
  return probe.stderr?.startsWith('there is no command nothing') ? null : `${ROOT} cannot be read by others`;
}
