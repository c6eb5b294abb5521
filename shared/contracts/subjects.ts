/**
 * Owns every subject: how it is built, how it is taken apart, and the wildcards that streams and consumers filter by.
 * Nobody else spells a subject. A session's four log subjects end in its id, so `*.*.<session>` is the session's log.
 */

import { readId } from './ids.ts';

/** The four kinds of message in a session's log. */
export type LogKind = 'session' | 'signal' | 'action' | 'result';

const LOG_PREFIX: Readonly<Record<LogKind, string>> = {
  session: 'combat.session.',
  signal: 'collector.signal.',
  action: 'combat.action.',
  result: 'combat.result.',
};

/** Subjects of one session's log. */
export const logSubject = (kind: LogKind, sessionId: string): string => LOG_PREFIX[kind] + sessionId;
/** Filter for one kind of message over all sessions. */
export const logFilter = (kind: LogKind): string => `${LOG_PREFIX[kind]}*`;
/** Filter for the whole log of one session. */
export const sessionLogFilter = (sessionId: string): string => `*.*.${sessionId}`;

/** Filter for what of a session's log concerns its battle: everything but the signals. */
export const battleLogFilter = (sessionId: string): string => `combat.*.${sessionId}`;

/** What of all sessions concerns their battles: everything on the log but the signals. */
export const BATTLE_LOG_FILTER = 'combat.*.*';

/** Takes a log subject apart; `null` for a subject that is none, or whose session can be nobody's id. */
export function parseLogSubject(subject: string): { kind: LogKind; sessionId: string } | null {
  const last = subject.lastIndexOf('.') + 1;
  const sessionId = subject.slice(last);
  if (readId(sessionId) === null) return null;
  switch (subject.slice(0, last)) {
    case LOG_PREFIX.session:
      return { kind: 'session', sessionId };
    case LOG_PREFIX.signal:
      return { kind: 'signal', sessionId };
    case LOG_PREFIX.action:
      return { kind: 'action', sessionId };
    case LOG_PREFIX.result:
      return { kind: 'result', sessionId };
    default:
      return null;
  }
}

export const executorBatchSubject = (sessionId: string): string => `executor.batch.${sessionId}`;
export const EXECUTOR_BATCH_FILTER = 'executor.batch.*';

/** A bot is asked for its blows here. */
export const aiTurnSubject = (sessionId: string, botId: string): string => `ai.turn.${sessionId}.${botId}`;
/** Filter for the requests to all bots. */
export const AI_TURN_FILTER = 'ai.turn.*.*';

export const timerSetSubject = (sessionId: string): string => `timer.set.${sessionId}`;
export const timerDueSubject = (sessionId: string): string => `timer.due.${sessionId}`;
export const TIMER_SET_FILTER = 'timer.set.*';
export const TIMER_DUE_FILTER = 'timer.due.*';

/** A dead letter stands here, by the subject on which it came. */
export const deadSubject = (original: string): string => `dead.${original}`;
/** Filter for all dead letters. */
export const DEAD_FILTER = 'dead.>';

/** Collectors answer here where a session stands. */
export const sessionGetSubject = (sessionId: string): string => `session.get.${sessionId}`;
/** Filter for the questions about all sessions. */
export const SESSION_GET_FILTER = 'session.get.*';

/** The session an `executor.batch`, `ai.turn`, `timer.*` or `session.get` subject speaks of: its third token. */
export function sessionOfSubject(subject: string): string {
  return subject.split('.', 3)[2] ?? '';
}

/** The key of a session's `sys:busy` lock in the bucket `locks`. */
export const lockKey = (sessionId: string): string => `sys.busy.${sessionId}`;
/** The key beside it that counts tries. */
export const triesKey = (sessionId: string): string => `sys.tries.${sessionId}`;
/** The subject under which a bucket keeps a key. */
export const bucketSubject = (bucket: string, key: string): string => `$KV.${bucket}.${key}`;

/** How every subject begins on which JetStream is asked for something. */
export const JETSTREAM_API = '$JS.API.';
/** The subject on which JetStream is asked for something; its parts are the API's own words. */
export const apiSubject = (...path: readonly string[]): string => JETSTREAM_API + path.join('.');
/** Filter for the acknowledgements for a durable consumer. */
export const ackFilter = (stream: string, consumer: string): string => `$JS.ACK.${stream}.${consumer}.>`;
/** Filter for the answers by which followers of a stream tell the server that what it has pushed was taken. */
export const flowControlFilter = (stream: string): string => `$JS.FC.${stream}.>`;

// Verdicts go where a client says. Only inboxes are obeyed: a client must not make the collector write anywhere else.
const INBOX_PATTERN = /^_INBOX[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+$/;
const INBOX_MAX_CHARS = 256;

/** True where a `reply_to` names an inbox; any other subject is not answered. */
export function isInbox(subject: string): boolean {
  return subject.length <= INBOX_MAX_CHARS && INBOX_PATTERN.test(subject);
}

/** Whether a filter, or a right, takes in a subject, which may itself have wildcards. */
export function covers(allowed: string, subject: string): boolean {
  const wanted = subject.split('.');
  const tokens = allowed.split('.');
  for (const [index, token] of tokens.entries()) {
    if (token === '>') return wanted.length > index;
    const asked = wanted[index];
    if (asked === undefined || asked === '>') return false;
    if (token !== '*' && token !== asked) return false;
  }
  return tokens.length === wanted.length;
}
