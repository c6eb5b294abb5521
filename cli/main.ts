/**
 * Owns `riposte`: which command is meant, the connection it works on, and its exit code: 0 for yes, 1 for no (a breach, a letter
 * that may not be re-sent), 2 for no answer (bad usage, no server, no such session).
 */
import { readFileSync, writeSync } from 'node:fs';
import { pino } from 'pino';
import { connect } from '#jetstream/connection.ts';
import { readConfig, variableHelp } from '#process/config.ts';
import { StartError } from '#process/start-error.ts';
import { variableLines } from '#process/variable.ts';
import { auditCommand } from './audit/command.ts';
import { asksForHelp, BadUsage, type Command, type Desk, EXIT } from './command.ts';
import { deadCommand } from './dead/command.ts';
import { natsConfigCommand } from './nats-config/command.ts';
import { provisionCommand } from './provision/command.ts';
import { runCommand } from './run/command.ts';
import { Trouble } from './trouble.ts';

/** A server that is not there is not waited for as a role waits: somebody sits at the terminal. A command may wait longer. */
const SERVER_WAIT_MS = 5_000;
const STDOUT = 1;
const STDERR = 2;

/** A Map: an object would also find `constructor` and the other names of its prototype. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['run', runCommand],
  ['audit', auditCommand],
  ['dead', deadCommand],
  ['provision', provisionCommand],
  ['nats-config', natsConfigCommand],
]);

/** Variables of the roles that no command has a use for. */
const OF_ROLES_ALONE = ['HTTP_PORT', 'LOG_LEVEL', 'LOCK_TTL_MS', 'POLICY_MODULES', 'PROVISION'];

const HELP = `usage: riposte <command> [arguments]

${[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(13)}${summary}`).join('\n')}

'riposte <command> --help' tells more, 'riposte --version' which version this is. Exit code: 0 yes, 1 no, 2 no answer (bad usage, no server, nothing there).

The server, how to log in, and what \`provision\` makes, are the roles' variables. An empty one counts as unset. In brackets: the default.

${variableLines(variableHelp().filter(({ name }) => !OF_ROLES_ALONE.includes(name)))}
`;

const desk: Desk = {
  out: (text) => write(STDOUT, text),
  say: (line) => write(STDERR, `${line}\n`),
  async connected(user, work, logger) {
    const config = readConfig(process.env);
    const { promise: closed, reject } = Promise.withResolvers<never>();
    closed.catch(() => {});
    const connection = await connect(config, {
      name: 'riposte',
      user,
      logger: logger ?? pino({ level: 'silent' }),
      onClosed: (reason) => reject(new Trouble(`the connection to NATS has closed: ${reason}`)),
      ...(logger === undefined && { waitMs: SERVER_WAIT_MS }),
    });
    try {
      return await Promise.race([work(connection.nc, config), closed]);
    } finally {
      await connection.close();
    }
  },
};

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === '--version' || name === '-v') {
    desk.out(`${version()}\n`);
    return EXIT.ok;
  }
  const command = name === undefined ? undefined : COMMANDS.get(name);
  if (command === undefined) {
    const asked = name === '--help' || name === '-h' || name === 'help';
    if (asked) desk.out(HELP);
    else if (name === undefined) desk.say(`riposte: which command?\n\n${HELP}`);
    else desk.say(`riposte: there is no command ${name}, only ${[...COMMANDS.keys()].join(', ')}; --help tells more`);
    return asked ? EXIT.ok : EXIT.trouble;
  }
  if (asksForHelp(args)) {
    desk.out(command.help);
    return EXIT.ok;
  }
  try {
    return await command.run(args, desk);
  } catch (error) {
    if (error instanceof BadUsage) desk.say(`riposte ${name}: ${error.message}; --help tells more`);
    else if (error instanceof StartError || error instanceof Trouble) desk.say(`riposte ${name}: ${error.message}`);
    else throw error;
    return EXIT.trouble;
  }
}

/** This file and what it is built into, dist/cli.js, are both one folder below package.json. */
function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}

/** Writes all of it, at once: what is piped on must be there when the process has ended. */
function write(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') process.exit(EXIT.trouble); // nobody reads on
      if (code !== 'EAGAIN') throw error;
    }
  }
}
