/**
 * Owns what a command of the CLI is, and what it works with: arguments in, lines out, an exit code. Everything that a command
 * answers goes to stdout, everything it says about its work to stderr.
 */
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { NatsConnection } from '@nats-io/transport-node';
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
   */
  connected<Value>(
    user: 'observer' | 'operator',
    work: (nc: NatsConnection, config: Config) => Promise<Value>,
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
 * @throws BadUsage
 */
export function readArguments<const Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split(/\.\s/);
    throw new BadUsage(line);
  }
}

/** Reads a whole number of 1 or more. */
export function readCount(text: string, what: string): number {
  const count = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
  if (count === 0) throw new BadUsage(`${what} is ${JSON.stringify(text)}, expected a whole number of 1 or more`);
  return count;
}
