/**
 * `riposte run`: one of the roles in this very process, so that signals, exit codes and log lines are the role's own
 * (services/run-role.ts).
 */
import { BadUsage, type Command, EXIT, readArguments } from '../command.ts';

/** A role runs as soon as its module is imported; the import ends when the role is ready. */
const ROLES: ReadonlyMap<string, () => Promise<unknown>> = new Map([
  ['collector', () => import('#services/collector/main.ts')],
  ['executor', () => import('#services/executor/main.ts')],
  ['ai', () => import('#services/ai/main.ts')],
]);

const HELP = `usage: riposte run <role>

Runs one role in this process. On SIGTERM or SIGINT it finishes the work in hand and ends. A fight needs one of each, at least:

  collector  signals in, actions out
  executor   actions in, results out
  ai         turn requests in, moves of bots out

Takes its settings from the environment, NATS_URL and RULES_MODULES among them: docs/contract.md, "Processes", lists them.
Modules are found from the working directory. Writes its log to stdout, one JSON object a line; "msg":"ready" says that it works.
Exit code: 0 drained, 1 failed, 2 bad usage or a bad variable.
`;

export const runCommand: Command = {
  summary: 'runs a role: collector, executor or ai',
  help: HELP,
  async run(args) {
    const { positionals } = readArguments(args, {});
    const [name, ...rest] = positionals;
    const role = ROLES.get(name ?? '');
    if (role === undefined || rest.length > 0) {
      const given = positionals.length === 0 ? 'none' : positionals.join(' ');
      throw new BadUsage(`expected one role of ${[...ROLES.keys()].join(', ')}, got ${given}`);
    }
    await role();
    return EXIT.ok;
  },
};
