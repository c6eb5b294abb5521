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

/** Every variable of a schema, in its order. */
export function helpOf(schema: z.ZodObject): VariableHelp[] {
  return Object.entries(schema.shape).map(([name, field]) => {
    const { unset, about } = field.meta() as Omit<VariableHelp, 'name'>;
    return { name, unset, about };
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
