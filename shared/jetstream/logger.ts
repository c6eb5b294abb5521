/** Says what is needed of a log: a part of pino's logger, so that a program without pino can be told, too. */

type Write = (fields: object, text: string) => void;

/** Where lines for the people who run a process go. */
export interface Logger {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
}

const nothing: Write = () => {};

/** Says nothing. */
export const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };
