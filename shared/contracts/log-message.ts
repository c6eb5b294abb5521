/**
 * Owns the step from a message of the stream COMBAT to an entry of a session's log. Every fold reads the log through this
 * one function, so that what one replica cannot read no replica can (I10).
 */
import { ActionMessage, quickActions } from './action.ts';
import { check, checkQuickly, type Decoded, decodeJson, disagreesWith } from './decode.ts';
import { isJsonObject } from './json.ts';
import { NESTING_MAX } from './limits.ts';
import { quickResult, ResultMessage } from './result.ts';
import { SessionMessage } from './session-message.ts';
import { CollectorSignal, quickSignal } from './signal.ts';
import type { LogKind } from './subjects.ts';

/** What a message of the log says; `unreadable` still moves the position and the expected sequence of its subject. */
export type LogMessage =
  | { readonly kind: 'session'; readonly body: SessionMessage }
  | { readonly kind: 'signal'; readonly body: CollectorSignal }
  | { readonly kind: 'action'; readonly body: ActionMessage }
  | { readonly kind: 'result'; readonly body: ResultMessage }
  /** `opening` is set where the message says it is an `opened` and is a bad one: such a session is closed as invalid. */
  | { readonly kind: 'unreadable'; readonly of: LogKind; readonly reason: string; readonly opening: boolean };

/** One message of a session's log. */
export type LogEntry = {
  /** Sequence in the stream COMBAT. */
  readonly seq: number;
  /** The server's timestamp, in whole milliseconds since the epoch. */
  readonly time: number;
  readonly message: LogMessage;
};

/** Reads a message of the log. Never throws. */
export function readLogMessage(kind: LogKind, sessionId: string, bytes: Uint8Array): LogMessage {
  // A move nested too deep is larger than a move may be, and is refused alone.
  const json = decodeJson(bytes, kind === 'signal' ? Number.POSITIVE_INFINITY : NESTING_MAX);
  if (!json.ok)
    return unreadable(kind, json.reason, kind === 'session' && isOpening(decodeJson(bytes, Number.POSITIVE_INFINITY)));
  const body = json.value;
  const opening = kind === 'session' && isOpening(json);
  const foreign = disagreesWith(sessionId, body);
  if (foreign !== null) return unreadable(kind, foreign.reason, opening);
  switch (kind) {
    case 'session': {
      const read = check(SessionMessage, body);
      return read.ok ? { kind, body: read.value } : unreadable(kind, read.reason, opening);
    }
    case 'signal': {
      const read = checkQuickly(quickSignal, CollectorSignal, body);
      return read.ok ? { kind, body: read.value } : unreadable(kind, read.reason);
    }
    case 'action': {
      const read = checkQuickly(quickActions, ActionMessage, body);
      return read.ok ? { kind, body: read.value } : unreadable(kind, read.reason);
    }
    case 'result': {
      const read = checkQuickly(quickResult, ResultMessage, body);
      return read.ok ? { kind, body: read.value } : unreadable(kind, read.reason);
    }
    default:
      return kind satisfies never;
  }
}

/** True for a message that says it is an `opened`, whatever else is wrong with it. */
const isOpening = (json: Decoded<unknown>): boolean =>
  json.ok && isJsonObject(json.value) && json.value.type === 'opened';

function unreadable(of: LogKind, reason: string, opening = false): LogMessage {
  return { kind: 'unreadable', of, reason, opening };
}
