/**
 * Reads environment variables by a schema: one error for all that are wrong, which names each variable, the value found and
 * what was expected. Which variables there are is left to config.ts and nats-environment.ts.
 */
import * as z from 'zod';
import { ConfigError } from './start-error.ts';

/** The environment as `process.env` has it. */
export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

/** A bad value is repeated this far. */
const SHOWN_MAX_CHARS = 80;

/**
 * Reads variables by a schema. An empty string counts as unset.
 * @throws ConfigError that names every variable with a bad value, in one line
 */
export function readVariables<Schema extends z.ZodType>(schema: Schema, env: EnvironmentVariables): z.output<Schema> {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const read = schema.safeParse(set);
  if (read.success) return read.data;
  throw new ConfigError(read.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`).join('; '));
}

/** What a variable's text says, or what is wrong with it. */
export type Reading<Value> = { readonly value: Value } | { readonly wrong: string };

/** A variable: its text is read by `read`; unset it has the value `unset`. */
export function variable<Value>(read: (text: string) => Reading<Value>, unset: Value) {
  return z
    .string()
    .optional()
    .transform((text, context): Value => {
      if (text === undefined) return unset;
      const reading = read(text);
      if ('value' in reading) return reading.value;
      context.issues.push({ code: 'custom', message: reading.wrong, input: text });
      return z.NEVER;
    });
}

/** What is wrong with a variable whose value may be repeated. */
export const got = (text: string, expected: string) => ({ wrong: `got ${shown(text)}, expected ${expected}` });

function shown(text: string): string {
  return JSON.stringify(text.length <= SHOWN_MAX_CHARS ? text : `${text.slice(0, SHOWN_MAX_CHARS)}...`);
}

/** The items of a comma-separated list. */
export const listed = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
