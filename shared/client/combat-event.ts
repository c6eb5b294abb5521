/**
 * Owns messages of the log as a game server reads them: the contract's own fields, decoded and checked, with objects where
 * the wire has objects. Signals are not among them: they hold intents that are nobody's business before they are actions.
 */
import type { ActionMessage } from '#contracts/action.ts';
import { objectOf } from '#contracts/json.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import type { ResultMessage, Vitals } from '#contracts/result.ts';
import type {
  ActorSheet,
  SessionClosed,
  SessionJoined,
  SessionLeft,
  SessionMessage,
  SessionOpened,
} from '#contracts/session-message.ts';
import type { LogRecord } from '#jetstream/follower.ts';

/** Where a message stands in the log. */
export interface Place {
  readonly session_id: string;
  /** Sequence in the stream COMBAT: the order of everything. */
  readonly seq: number;
  /** Log time, in milliseconds since the epoch. */
  readonly time: number;
}

/** The life of a session (`combat.session.*`). Of several `closed` the first one counts. */
export interface SessionEvent extends Place {
  readonly kind: 'session';
  readonly body: OpenedBody | SessionJoined | SessionLeft | SessionClosed;
}

/** What an `opened` says, with the defaults filled in. */
export type OpenedBody = Omit<SessionOpened, 'teams' | 'actors' | 'targets'> & {
  readonly teams: Readonly<Record<string, readonly string[]>>;
  readonly actors: Readonly<Record<string, ActorSheet>>;
  readonly targets: Readonly<Record<string, readonly string[]>>;
};

/** One atomic transfer of intents to actions (`combat.action.*`). */
export interface ActionEvent extends Place {
  readonly kind: 'action';
  readonly body: ActionMessage;
}

/** One executed batch (`combat.result.*`). */
export interface ResultEvent extends Place {
  readonly kind: 'result';
  readonly body: ResultBody;
}

/** What a result says. `actors` are the new absolute vitals of everybody who changed. */
export type ResultBody = Omit<ResultMessage, 'actors'> & { readonly actors: Readonly<Record<string, Vitals>> };

/** Any message of the log that can be followed. */
export type CombatEvent = SessionEvent | ActionEvent | ResultEvent;
/** The kinds of message that can be followed. */
export type EventKind = CombatEvent['kind'];

/** Reads a message of the log; null for one that no fold can read either. */
export function readEvent({ kind, sessionId, seq, time, data }: LogRecord): CombatEvent | null {
  const place = { session_id: sessionId, seq, time };
  const message = readLogMessage(kind, sessionId, data);
  switch (message.kind) {
    case 'session':
      return { ...place, kind: 'session', body: sessionBody(message.body) };
    case 'action':
      return { ...place, kind: 'action', body: message.body };
    case 'result':
      return { ...place, kind: 'result', body: { ...message.body, actors: objectOf(message.body.actors) } };
    case 'signal':
    case 'unreadable':
      return null;
    default:
      return message satisfies never;
  }
}

function sessionBody(body: SessionMessage): SessionEvent['body'] {
  if (body.type !== 'opened') return body;
  return {
    ...body,
    teams: objectOf(body.teams),
    actors: objectOf(body.actors),
    targets: objectOf(body.targets ?? []),
  };
}
