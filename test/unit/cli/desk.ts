/**
 * Owns a command's desk in a test's hands: what it answers and says is kept, and the connection it works on is the test's.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { auditCommand } from '#cli/audit/command.ts';
import type { Command, Desk } from '#cli/command.ts';
import { deadCommand } from '#cli/dead/command.ts';
import { readConfig } from '#process/config.ts';

/** What a command answered. */
export interface Answer {
  readonly code: number | null;
  /** Lines on stdout. */
  readonly out: readonly string[];
  /** Lines on stderr. */
  readonly said: readonly string[];
}

const COMMANDS: Readonly<Record<string, Command>> = { audit: auditCommand, dead: deadCommand };

/** Runs a command in this process; rejects as it does. Without a connection it must not come to need one. */
export async function ask(nc: NatsConnection | null, name: 'audit' | 'dead', ...args: string[]): Promise<Answer> {
  const [out, said]: string[][] = [[], []];
  const desk: Desk = {
    out: (text) => void out!.push(text),
    say: (line) => void said!.push(line),
    async connected(_user, work) {
      if (nc === null) throw new Error('it asked for a connection');
      return work(nc, readConfig({}));
    },
  };
  const code = await COMMANDS[name]!.run(args, desk);
  return { code, out: linesOf(out!.join('')), said: said! };
}

/** The lines of what was written. */
export const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');
