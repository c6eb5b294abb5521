/**
 * Owns the errors of the client, told apart by what the caller does next. A move that is refused is no error: it is an
 * outcome (verdict-desk.ts), and so is a session that is there already (new-session.ts).
 */

import { PermissionViolationError } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { isNoResponders } from '#jetstream/stored-message.ts';

/** What an error asks of the caller. */
export const ErrorCode = {
  /** The call is wrong: mend it. Nothing was sent. */
  INVALID_INPUT: 'invalid_input',
  /** The server will not have it: to send the same again is pointless until something there has changed. */
  REFUSED: 'refused',
  /** It may have been stored or not. To call again with the same arguments is safe. */
  UNKNOWN_OUTCOME: 'unknown_outcome',
  /** Nobody answers who should: try again later. */
  UNAVAILABLE: 'unavailable',
  /** Too much is waiting already: send less at once. Nothing was sent. */
  BUSY: 'busy',
  /** The client or its connection has been closed. */
  CLOSED: 'closed',
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** Every error the client throws. */
export class RiposteError extends Error {
  override readonly name = 'RiposteError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True where the same call may succeed by itself later. */
  get retryable(): boolean {
    switch (this.code) {
      case ErrorCode.UNKNOWN_OUTCOME:
      case ErrorCode.UNAVAILABLE:
      case ErrorCode.BUSY:
        return true;
      case ErrorCode.INVALID_INPUT:
      case ErrorCode.REFUSED:
      case ErrorCode.CLOSED:
        return false;
      default:
        return this.code satisfies never;
    }
  }
}

/** The error of a call that is wrong, in one line that says what. */
export const invalidInput = (what: string): RiposteError => new RiposteError(ErrorCode.INVALID_INPUT, what);

/** The error for a request to the server that has failed: without the right to it there is no use in trying again. */
export function requestFailed(what: string, cause: unknown): RiposteError {
  const code = isDenied(cause) ? ErrorCode.REFUSED : ErrorCode.UNAVAILABLE;
  const said = isUnanswered(cause)
    ? `nobody answers, or this user has no right to it (${messageOf(cause)})`
    : messageOf(cause);
  return new RiposteError(code, `${what}: ${said}`, { cause });
}

/**
 * Whether the server has said, below whatever was thrown, that nobody answers. Who has an account of its own is told that
 * beyond its rights, too.
 */
export function isUnanswered(error: unknown): boolean {
  if (isNoResponders(error)) return true;
  return error instanceof Error && error.cause !== undefined && isUnanswered(error.cause);
}

/** Whether the server has said, below whatever was thrown, that there is no right to it. */
function isDenied(error: unknown): boolean {
  if (error instanceof PermissionViolationError) return true;
  return error instanceof Error && error.cause !== undefined && isDenied(error.cause);
}
