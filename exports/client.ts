// `riposte/client`: what a game server needs to run fights. docs/guide-game-server.md goes through it.

export {
  type ClientOptions,
  type FollowOptions,
  RiposteClient,
  type SubmitOptions,
  type TurnEnd,
} from '#client/client.ts';
export type {
  ActionEvent,
  CombatEvent,
  EventKind,
  OpenedBody,
  Place,
  ResultBody,
  ResultEvent,
  SessionEvent,
} from '#client/combat-event.ts';
export type { DurableOptions, DurableResult, DurableResults } from '#client/durable-results.ts';
export { connectionFrom } from '#client/environment.ts';
export { ErrorCode, RiposteError } from '#client/errors.ts';
export type { Following, From } from '#client/following.ts';
export { exchange, item, type Move, type MoveDetails, skill } from '#client/moves.ts';
export type { NewSession, OpenOutcome } from '#client/new-session.ts';
export type { SessionState } from '#client/session-state.ts';
export type { MoveOutcome } from '#client/verdict-desk.ts';
export type { ActionMessage, CombatAction } from '#contracts/action.ts';
export type { CombatMove } from '#contracts/move.ts';
export type { ActionResult, Hit, Vitals } from '#contracts/result.ts';
export type {
  ActorSheet,
  RulesRef,
  SessionClosed,
  SessionJoined,
  SessionLeft,
} from '#contracts/session-message.ts';
export type { RefusalCode } from '#contracts/verdict.ts';
