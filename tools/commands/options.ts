// Owns: reading a command's options: what is unknown or malformed is refused in one line that names it.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { faultOf } from '#cli/command.ts';

/** An option is unknown or its value is none. The message is one line for a person. */
export class BadOption extends Error {
  override readonly name = 'BadOption';
}

/**
 * Reads a command's options; there are no arguments beside them.
 * @param options as `parseArgs` of node:util takes them
 * @throws BadOption
 */
export function readOptions<const Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new BadOption(`${faultOf(args, error)}; --help says what there is`);
  }
}
