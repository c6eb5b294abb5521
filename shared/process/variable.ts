/**
 * Owns how the text of an environment variable is read: into a value, or into what is wrong with it. Which variables there are is
 * config.ts. Keeps: what is wrong with a secret, or with a file that may hold one, is said without repeating it.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import * as z from 'zod';
import { isInbox } from '#contracts/subjects.ts';

const REPLICAS = [1, 3, 5] as const;
/** Raft groups are of odd size; the server knows no more than five. */
export type Replicas = (typeof REPLICAS)[number];

const MS_PER_S = 1000;
/** Below two seconds a busy machine is taken for a dead one. */
const CLOCK_MIN_MS = 2 * MS_PER_S;
/** Above an hour a crash is not recovered from in any sense a player would know. */
const CLOCK_MAX_MS = 3600 * MS_PER_S;
/** A bad value is repeated this far. */
const SHOWN_MAX_CHARS = 80;

/** What a variable's text says, or what is wrong with it. */
type Reading<Value> = { readonly value: Value } | { readonly wrong: string };

/** A variable as help names it. */
export interface VariableHelp {
  readonly name: string;
  /** What it is when it is not set. */
  readonly unset: string;
  /** What it is for, in one line. */
  readonly about: string;
}

/** Lines of help, one for each variable: its name, what it is for, and its default. */
export function variableLines(variables: readonly VariableHelp[]): string {
  const width = Math.max(...variables.map(({ name }) => name.length)) + 2;
  return variables.map(({ name, about, unset }) => `  ${name.padEnd(width)}${about} (${unset})`).join('\n');
}

/**
 * A variable: its text is read by `read`; unset it has the value `value`.
 * @param unset that value as help says it
 * @param about what the variable is for, in one line
 */
export function variable<Value>(read: (text: string) => Reading<Value>, value: Value, unset: string, about: string) {
  return z
    .string()
    .optional()
    .transform((text, context): Value => {
      if (text === undefined) return value;
      const reading = read(text);
      if ('value' in reading) return reading.value;
      context.issues.push({ code: 'custom', message: reading.wrong, input: text });
      return z.NEVER;
    })
    .meta({ unset, about });
}

const got = (text: string, expected: string) => ({ wrong: `got ${shown(text)}, expected ${expected}` });

function shown(text: string): string {
  return JSON.stringify(text.length <= SHOWN_MAX_CHARS ? text : `${text.slice(0, SHOWN_MAX_CHARS)}...`);
}

/** Reads a whole number within bounds, and multiplies it by `scale`. */
export function wholeNumber(expected: string, min: number, max: number, scale = 1) {
  return (text: string): Reading<number> => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { value: value * scale } : got(text, expected);
  };
}

/** Reads one of some names. */
export function oneOf<const Name extends string>(names: readonly Name[]) {
  return (text: string): Reading<Name> => {
    const value = names.find((name) => name === text);
    return value === undefined ? got(text, `one of ${names.join(', ')}`) : { value };
  };
}

/** Reads how many copies there are to be of a stream. */
export function replicas(text: string): Reading<Replicas> {
  const value = REPLICAS.find((count) => String(count) === text);
  return value === undefined ? got(text, 'one of 1, 3, 5') : { value };
}

/** Reads milliseconds that are whole seconds. */
export function clock(text: string): Reading<number> {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return value >= CLOCK_MIN_MS && value <= CLOCK_MAX_MS && value % MS_PER_S === 0
    ? { value }
    : got(text, `milliseconds in whole seconds, from ${CLOCK_MIN_MS} to ${CLOCK_MAX_MS}`);
}

const listed = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** Reads a list of modules. */
export function modules(text: string): Reading<readonly string[]> {
  const value = listed(text);
  return value.length > 0 ? { value } : got(text, 'comma-separated modules');
}

/** Servers without their scheme, and whether one of them said `tls://`. */
type Servers = { readonly hosts: readonly string[]; readonly tls: boolean };

/** Reads a list of servers. */
export function servers(text: string): Reading<Servers> {
  // The client drops a URL's user without a word, and would log its password in an error. All of the text is looked at before
  // it is taken apart: a password may have a comma in it.
  if (text.includes('@')) return { wrong: 'a user does not belong in it, expected NATS_USER and NATS_PASSWORD' };
  const hosts: string[] = [];
  let tls = false;
  for (const item of listed(text)) {
    const [, scheme, host] = /^(?:([a-z]+):\/\/)?([^/]+)\/?$/i.exec(item) ?? [];
    if (host !== undefined && isIPv6(host)) return got(item, BRACKETS_EXPECTED);
    if (host === undefined || !isHostAndPort(host)) return got(item, 'nats://host:port, comma-separated');
    if (scheme !== undefined && !/^(nats|tls)$/i.test(scheme)) return got(item, 'nats:// or tls://');
    tls ||= scheme?.toLowerCase() === 'tls';
    hosts.push(host);
  }
  return hosts.length > 0 ? { value: { hosts, tls } } : got(text, 'nats://host:port, comma-separated');
}

const BRACKETS_EXPECTED = 'an IPv6 address in brackets, as in nats://[::1]:4222';

function isHostAndPort(text: string): boolean {
  // As the client reads it, which would throw later and elsewhere.
  const url = URL.parse(`http://${text}`);
  return url !== null && url.hostname !== '' && url.port !== '0' && url.search === '' && url.hash === '';
}

const FILE_EXPECTED = 'expected the path of a file';

/** The path of a file that can be read. What is wrong with it is said without it, and without the system's own text, which has it. */
export function readableFile(text: string): Reading<string | undefined> {
  try {
    accessSync(text, constants.R_OK);
    if (statSync(text).isFile()) return { value: text };
    return { wrong: `what it names is no file, ${FILE_EXPECTED}` };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? 'for no known reason'})`;
    return { wrong: `${why}, ${FILE_EXPECTED}` };
  }
}

/** Reads a prefix of inboxes. */
export function inboxes(text: string): Reading<string | null> {
  return isInbox(`${text}.x`) && !text.includes('.') ? { value: text } : got(text, '_INBOX, or _INBOX_ and a name');
}

/** Takes a text as it is. */
export const anyText = (text: string): Reading<string | undefined> => ({ value: text });
