/**
 * Owns the log: pino lines on stdout, one JSON object each, with the role and the replica on every one. Nothing else writes
 * to stdout.
 *
 * 1. A line is written when the call returns: the last one before an exit is never lost.
 * 2. What is called a secret is not written, wherever in the first two levels it stands.
 */
import { pino } from 'pino';
import type { LogLevel } from './config.ts';
import type { Role } from './role.ts';

/** The part of pino that Riposte uses. */
export type Logger = pino.Logger;

const SECRETS = ['password', 'pass', 'seed', 'creds', 'jwt', 'token', 'authorization'];

/**
 * The logger of a process.
 * @param replica a short id that tells this process from others of its role
 */
export function createLogger(role: Role, replica: string, level: LogLevel): Logger {
  return pino(
    {
      level,
      base: { role, replica },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRETS.flatMap((name) => [name, `*.${name}`]),
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
