// Reads what `npm start` is asked for. A bad option or variable is refused here, before anything is started.

import { readConfig } from '#process/config.ts';
import { BadOption, readOptions } from './options.ts';

const OPTIONS = {
  'no-arena': { type: 'boolean', default: false },
  'no-roles': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** What a run has beside a server and an account of the fights. */
export interface StartParts {
  readonly hasArena: boolean;
  readonly hasRoles: boolean;
}

/**
 * Reads the options of `npm start`, and checks every variable that it or a role reads.
 * @throws BadOption, StartError
 */
export function readStartOptions(args: readonly string[], env: NodeJS.ProcessEnv): StartParts | 'help' {
  const { help, 'no-arena': noArena, 'no-roles': noRoles } = readOptions(args, OPTIONS);
  if (help) return 'help';
  readConfig(env);
  if (noRoles && !env.NATS_URL) throw new BadOption('--no-roles: NATS_URL says where they are, and is not set');
  return { hasArena: !noArena, hasRoles: !noRoles };
}
