/**
 * Owns what a command of the CLI is, and what it works with: arguments in, lines out, an exit code. Everything that a command
 * answers goes to stdout, everything it says about its work to stderr.
 */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Logger } from 'pino';
import { messageOf } from '#contracts/decode.ts';
import { isId } from '#contracts/ids.ts';
import type { Config } from '#process/config.ts';

/** As `diff` and `grep` have it: yes, no, and no answer. */
export const EXIT = { ok: 0, no: 1, trouble: 2 } as const;

/** What the command works with. */
export interface Desk {
  /** Writes to stdout as it is. */
  out(text: string): void;
  /** Says a line on stderr. */
  say(line: string): void;
  /**
   * Runs work on a connection made by the environment, and closes it. Rejects with StartError or Trouble.
   * @param user whose rights the work needs: its inboxes are listened to
   * @param logger takes what the connection says of itself. With a logger, the command waits for a server as long as a role does
   */
  connected<Value>(
    user: 'observer' | 'operator',
    work: (nc: NatsConnection, config: Config) => Promise<Value>,
    logger?: Logger,
  ): Promise<Value>;
}

/** One command. */
export interface Command {
  /** Its line in the list of all commands. */
  readonly summary: string;
  readonly help: string;
  /** Resolves with its exit code. Throws BadUsage for arguments it does not understand. */
  run(args: readonly string[], desk: Desk): Promise<number>;
}

/** The arguments are none that the command knows. The message is one line. */
export class BadUsage extends Error {
  override readonly name = 'BadUsage';
}

/**
 * Reads a command's arguments.
 * @param options as `parseArgs` of node:util takes them
 * @param ids what of them are ids, as `a session id goes after "--", or as --session=`
 * @throws BadUsage
 */
export function readArguments<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
  ids?: string,
) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    throw new BadUsage(faultOf(args, error, ids));
  }
}

/** Whether help is asked for. What stands after `--` is no option: `--help` is a session's id there. */
export function asksForHelp(args: readonly string[]): boolean {
  return optionsOf(args).some((arg) => arg === '--help' || arg === '-h');
}

const optionsOf = (args: readonly string[]): readonly string[] =>
  args.includes('--') ? args.slice(0, args.indexOf('--')) : args;

/** What is wrong with arguments that `parseArgs` has refused, in one line. An id may begin with "-", and looks like an option then. */
export function faultOf(args: readonly string[], error: unknown, ids?: string): string {
  const [line = ''] = messageOf(error).split(/\.\s|\n/);
  const [, option] = /^Option '(?:-\w, )?(--[\w-]+).*' argument is ambiguous/.exec(line) ?? [];
  if (option !== undefined) {
    const value = args[args.indexOf(option) + 1];
    return `what follows ${option} begins with "-": write ${option}=${value}, if it is its value`;
  }
  const [, unknown] = /^Unknown option '(--?[^']+)'/.exec(line) ?? [];
  const id = unknown === undefined ? undefined : optionsOf(args).find((arg) => arg.startsWith(unknown));
  return id === undefined || ids === undefined || !isId(id) ? line : `${line}; ${ids}${id}`;
}

/** Where a session's id goes that begins with "-"; the id follows. */
export const SESSION_ID_HINT = 'a session id that begins with "-" goes after "--" or as --session=';

/**
 * Reads the one session that a command is about: `--session=<id>` or an argument; undefined where there is neither.
 * @throws BadUsage
 */
export function readSession(option: string | undefined, positionals: readonly string[]): string | undefined {
  const [session, ...more] = option === undefined ? positionals : [option, ...positionals];
  if (more.length > 0) throw new BadUsage(`got ${[session, ...more].join(' ')}, expected one session`);
  return session;
}

/** Reads a whole number of 1 or more. */
export function readCount(text: string, what: string): number {
  const count = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
  if (count === 0) throw new BadUsage(`${what} is ${JSON.stringify(text)}, expected a whole number of 1 or more`);
  return count;
}
