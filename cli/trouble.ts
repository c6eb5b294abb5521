/**
 * Owns the error that ends a command without an answer: no such stream, no such session, a server that stopped answering.
 * It is one readable line for whoever typed the command, and exit code 2, so that a script can tell it from "no".
 */

/** A command could not do what it was asked. The message is one line. */
export class Trouble extends Error {
  override readonly name = 'Trouble';
}
