/**
 * Owns the errors that end a process with one readable line and no stack trace: what is wrong is outside the program, and
 * whoever runs it can put it right. Everything else is a bug and is logged with its stack.
 */

/** The surroundings are not as a process needs them: no server, no rights, a port in use. The message is one line. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
  /** What the process exits with. */
  readonly exitCode: number = 1;
}

/** A variable has a bad value. The message is one line that begins with the variable's name. */
export class ConfigError extends StartError {
  override readonly name = 'ConfigError';
  override readonly exitCode = 2;
}
