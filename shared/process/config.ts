/**
 * Reads what a role takes from its environment: every variable of docs/contract.md, "Processes", is read here or in
 * nats-environment.ts, once, and nowhere else.
 *
 * 1. A bad value is a ConfigError that names the variable, what it is and what was expected; several come in one line.
 *
 * Left to nats-environment.ts: where the servers are and how to be let in. To modules.ts: loading modules.
 */
import * as z from 'zod';
import { NATS_VARIABLES, type NatsConfig, natsConfigOf, refuseContradictions } from './nats-environment.ts';
import { type EnvironmentVariables, got, listed, type Reading, readVariables, variable } from './variable.ts';

/** What a process takes from its environment. */
export interface Config {
  readonly nats: NatsConfig;
  /** Of streams and buckets. */
  readonly replicas: Replicas;
  /** Null: no HTTP. 0: any free port, said in the ready line. */
  readonly httpPort: number | null;
  readonly logLevel: LogLevel;
  /** Whole seconds in milliseconds: the server counts a key's TTL in seconds. */
  readonly lockTtlMs: number;
  readonly ackWaitMs: number;
  readonly logMaxAgeMs: number;
  /** Of COMBAT; -1 is unlimited, as the server writes it. */
  readonly logMaxBytes: number;
  readonly rulesModules: readonly string[];
  readonly policyModules: readonly string[];
  /** False: missing streams, buckets and consumers are an error, not created. */
  readonly provision: boolean;
}

const REPLICAS = [1, 3, 5] as const;
/** Raft groups are of odd size; the server knows no more than five. */
export type Replicas = (typeof REPLICAS)[number];

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const MS_PER_S = 1000;
const MS_PER_H = 3_600_000;
/** Below two seconds a busy machine is taken for a dead one. */
const CLOCK_MIN_MS = 2 * MS_PER_S;
/** Above an hour a crash is not recovered from in any sense a player would know. */
const CLOCK_MAX_MS = MS_PER_H;
/** Ten years: further off, the server's nanoseconds come near the end of their integer. */
const LOG_MAX_AGE_MAX_H = 87_600;
/** The log must hold a few of the largest messages, or it is not a log. */
const LOG_BYTES_MIN = 1024 * 1024;

/**
 * Reads the configuration from environment variables. An empty string counts as unset.
 * @throws ConfigError for a bad value, a file that cannot be read, or settings that contradict each other
 */
export function readConfig(env: EnvironmentVariables): Config {
  return readVariables(Environment, env);
}

function wholeNumber(expected: string, min: number, max: number, scale = 1) {
  return (text: string): Reading<number> => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value: value * scale } : got(text, expected);
  };
}

function oneOf<const Name extends string>(names: readonly Name[]) {
  return (text: string): Reading<Name> => {
    const value = names.find((name) => name === text);
    return value === undefined ? got(text, `one of ${names.join(', ')}`) : { value };
  };
}

function replicas(text: string): Reading<Replicas> {
  const value = REPLICAS.find((count) => String(count) === text);
  return value === undefined ? got(text, 'one of 1, 3, 5') : { value };
}

function clock(text: string): Reading<number> {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value >= CLOCK_MIN_MS && value <= CLOCK_MAX_MS && value % MS_PER_S === 0
    ? { value }
    : got(text, `milliseconds in whole seconds, from ${CLOCK_MIN_MS} to ${CLOCK_MAX_MS}`);
}

function modules(text: string): Reading<readonly string[]> {
  const value = listed(text);
  return value.length > 0 ? { value } : got(text, 'comma-separated modules');
}

const Variables = z.object({
  ...NATS_VARIABLES,
  REPLICAS: variable(replicas, 1),
  HTTP_PORT: variable<number | null>(wholeNumber('a port from 0 to 65535', 0, 65_535), null),
  LOG_LEVEL: variable(oneOf(LOG_LEVELS), 'info'),
  LOCK_TTL_MS: variable(clock, 15 * MS_PER_S),
  ACK_WAIT_MS: variable(clock, 10 * MS_PER_S),
  LOG_MAX_AGE_H: variable(
    wholeNumber(`whole hours from 1 to ${LOG_MAX_AGE_MAX_H}`, 1, LOG_MAX_AGE_MAX_H, MS_PER_H),
    168 * MS_PER_H,
  ),
  LOG_MAX_BYTES: variable(
    wholeNumber(`whole bytes, ${LOG_BYTES_MIN} at least`, LOG_BYTES_MIN, Number.MAX_SAFE_INTEGER),
    -1,
  ),
  RULES_MODULES: variable<readonly string[]>(modules, []),
  POLICY_MODULES: variable<readonly string[]>(modules, []),
  PROVISION: variable<'on' | 'off'>(oneOf(['on', 'off']), 'on'),
});

const Environment = Variables.superRefine(refuseContradictions).transform(
  (variables): Config => ({
    nats: natsConfigOf(variables),
    replicas: variables.REPLICAS,
    httpPort: variables.HTTP_PORT,
    logLevel: variables.LOG_LEVEL,
    lockTtlMs: variables.LOCK_TTL_MS,
    ackWaitMs: variables.ACK_WAIT_MS,
    logMaxAgeMs: variables.LOG_MAX_AGE_H,
    logMaxBytes: variables.LOG_MAX_BYTES,
    rulesModules: variables.RULES_MODULES,
    policyModules: variables.POLICY_MODULES,
    provision: variables.PROVISION === 'on',
  }),
);
