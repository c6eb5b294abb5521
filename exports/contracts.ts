// `riposte/contracts`: the subjects, streams, messages and limits of docs/contract.md, for a program that speaks them itself.

export { ActionMessage, CombatAction } from '#contracts/action.ts';
export { type Decoded, decode, encode, type Refusal } from '#contracts/decode.ts';
export { ActorId, Id, isActorId, isId, readActorId, readId } from '#contracts/ids.ts';
export type { JsonObject } from '#contracts/json.ts';
export {
  ACTION_MESSAGE_MAX_BYTES,
  ACTIONS_PER_MESSAGE_MAX,
  ACTOR_NAME_MAX_CHARS,
  ACTORS_MAX,
  MESSAGE_MAX_BYTES,
  MOVE_MAX_BYTES,
  MOVE_TIMEOUTS_MAX,
  MOVES_PER_SIGNAL_MAX,
  NESTING_MAX,
  REASON_MAX_CHARS,
  RESULT_MESSAGE_MAX_BYTES,
  SEED_MAX_CHARS,
  TARGETS_PER_REQUEST_MAX,
  TEAM_NAME_MAX_CHARS,
  WAIT_MAX_MS,
} from '#contracts/limits.ts';
export { type LogEntry, type LogMessage, readLogMessage } from '#contracts/log-message.ts';
export { CombatMove, exchangeTarget, Strategy } from '#contracts/move.ts';
export { ActionResult, ActionStatus, Hit, ResultMessage, Vitals } from '#contracts/result.ts';
export {
  ActorKind,
  ActorSheet,
  CloseReason,
  DEFAULT_RULES,
  RulesRef,
  SessionClosed,
  SessionJoined,
  SessionLeft,
  SessionMessage,
  SessionOpened,
} from '#contracts/session-message.ts';
export { SessionGet, SessionGetError, SessionView } from '#contracts/session-view.ts';
export { CollectorSignal, SignalType } from '#contracts/signal.ts';
export {
  ACTIONS,
  COMBAT,
  CONSUMERS,
  type ConsumerName,
  DEAD,
  ORIGIN_HEADER,
  REASON_HEADER,
  type StreamName,
  TASKS,
  TIMERS,
} from '#contracts/streams.ts';
export {
  AI_TURN_FILTER,
  aiTurnSubject,
  BATTLE_LOG_FILTER,
  battleLogFilter,
  DEAD_FILTER,
  deadSubject,
  type LogKind,
  logFilter,
  logSubject,
  parseLogSubject,
  SESSION_GET_FILTER,
  sessionGetSubject,
  sessionLogFilter,
  sessionOfSubject,
} from '#contracts/subjects.ts';
export { AiTurnRequest } from '#contracts/tasks.ts';
export { RefusalCode, Verdict } from '#contracts/verdict.ts';
