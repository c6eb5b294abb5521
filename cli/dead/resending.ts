/**
 * Owns which dead letters may be published again on their subject, and under which condition. One answer for each family of
 * subjects; what may not be re-sent says why.
 */
import { decodeJson } from '#contracts/decode.ts';
import { readId } from '#contracts/ids.ts';
import { isJsonObject } from '#contracts/json.ts';
import { COMBAT, type StreamName, TASKS, TIMERS } from '#contracts/streams.ts';
import { parseLogSubject } from '#contracts/subjects.ts';
import type { Letter } from './letters.ts';

/** How a letter is re-sent. */
export interface Resending {
  readonly stream: StreamName;
  /** The expected last sequence of the subject, where one is needed. */
  readonly expected?: number;
  /** What is said where another message stands there: given with `expected`. */
  readonly conflict?: string;
}

/**
 * How a letter may be re-sent, or the reason why it may not.
 *
 * - `collector.signal`: at any time; its moves are registered when they stand in the log, with that time.
 * - `combat.session`: likewise; but an `opened` only where nothing stands on its subject, as whoever opens a session must say.
 * - `combat.action`, `combat.result`: never. What stands there is appended by who decided it, on a prefix of the log that has
 *   passed since (I5).
 * - `executor.batch`, `ai.turn`, `timer.due`: at any time. Each is a hint: an executor that finds nothing to do does nothing,
 *   a bot's moves have the same ids again, a timer that fires twice is two looks.
 */
export function resendingOf({ subject, session, data }: Letter): Resending | string {
  const [family = ''] = /^[a-z]+\.[a-z]+(?=\.)/.exec(subject) ?? [];
  switch (family) {
    case 'collector.signal':
      return parseLogSubject(subject) === null ? NO_SESSION : { stream: COMBAT };
    case 'combat.session': {
      if (parseLogSubject(subject) === null) return NO_SESSION;
      const conflict = `the id ${session} is taken: a session that was refused is closed; open it anew under another id`;
      return isOpening(data) ? { stream: COMBAT, expected: 0, conflict } : { stream: COMBAT };
    }
    case 'combat.action':
    case 'combat.result':
      return 'actions and results are appended by who decided them, on a log that has gone on since: nobody else may';
    case 'executor.batch':
    case 'ai.turn':
      return readId(session) === null ? NO_SESSION : { stream: TASKS };
    case 'timer.due':
      return readId(session) === null ? NO_SESSION : { stream: TIMERS };
    default:
      return 'it is on no subject of Riposte';
  }
}

const NO_SESSION = 'its subject names no session: nobody could ever take it';

function isOpening(data: Uint8Array): boolean {
  const json = decodeJson(data, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  return json.ok && isJsonObject(json.value) && json.value.type === 'opened';
}
