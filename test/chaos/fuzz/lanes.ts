// Owns: where hostile messages are sent, what they are made of, and which of them the contract wants dead-lettered: one
// lane for each subject and bucket that anybody may write to. What stands in the log and can be read is the log's truth,
// whoever wrote it; what cannot be read must change nothing, so each subject of the log has a lane of that alone.

import * as fc from 'fast-check';
import type * as z from 'zod';
import { decode, disagreesWith } from '#contracts/decode.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { parseLogSubject } from '#contracts/subjects.ts';
import { AiTurnRequest, ExecutorBatch } from '#contracts/tasks.ts';
import { TimerBody } from '#contracts/timer.ts';
import { broken, type Hostile, noise } from '#test/property/broken-json.ts';
import { type Cast, type Shape, validMessage } from '#test/property/shapes.ts';

/** One lane. `#` in its subject is the session of its own that it is aimed at. */
export interface Lane {
  readonly subject: string;
  readonly shape: Shape;
  /** Only what the contract's own decoder refuses: the session must be none the worse for it. */
  readonly refusable: boolean;
}

/** Every subject that a message can be published to. */
export const LANES: readonly Lane[] = [
  ...(['session', 'signal', 'action', 'result'] as const).flatMap((shape) =>
    [true, false].map((refusable) => ({
      subject: `${shape === 'signal' ? 'collector' : 'combat'}.${shape}.#`,
      shape,
      refusable,
    })),
  ),
  { subject: 'executor.batch.#', shape: 'batch', refusable: true },
  { subject: 'ai.turn.#.b', shape: 'turn', refusable: true },
  { subject: 'timer.set.#', shape: 'timer', refusable: false },
  { subject: 'timer.due.#', shape: 'timer', refusable: false },
  { subject: 'session.get.#', shape: 'get', refusable: true },
  { subject: '$KV.locks.sys.busy.#', shape: 'lock', refusable: true },
  { subject: '$KV.locks.sys.tries.#', shape: 'tries', refusable: true },
  { subject: '$KV.sessions.#', shape: 'lock', refusable: true },
  { subject: '$KV.battles.#', shape: 'result', refusable: true },
];

/** A message on its way. */
export interface Shot {
  readonly subject: string;
  readonly body: Uint8Array;
  /** The header block after `NATS/1.0`, with a line feed before each line; empty for none. */
  readonly headers: string;
}

/**
 * Header blocks of a publisher's own choice, some of which no client library would write. None rolls up a whole stream, and
 * on `timer.due` none rolls up at all: who may publish to TIMERS may take back what stands there, which is why only
 * collectors may.
 */
const HEADERS = [
  ['Nats-Msg-Id: same'],
  ['Nats-Msg-Id: COMBAT:1', 'Nats-Msg-Id: TIMERS:1'],
  ['Nats-TTL: 1s'],
  ['Nats-TTL: never'],
  ['Nats-TTL: -1'],
  ['Nats-Rollup: sub'],
  ['Nats-Expected-Last-Subject-Sequence: 7'],
  ['Nats-Expected-Last-Sequence: 18446744073709551615'],
  ['Nats-Expected-Stream: ELSEWHERE'],
  ['Nats-Expected-Last-Msg-Id: nobody'],
  ['Nats-Schedule: @at 2200-01-01T00:00:00Z', 'Nats-Schedule-Target: timer.due.elsewhere'],
  ['Nats-Schedule: @at 1970-01-01T00:00:00Z', 'Nats-Schedule-Target: timer.due.elsewhere'],
  ['Nats-Schedule: @every 1s', 'Nats-Schedule-Target: timer.due.elsewhere'],
  ['Nats-Schedule: tomorrow'],
  ['Nats-Sequence: 999999999', 'Nats-Subject: combat.session.elsewhere', 'Nats-Time-Stamp: 1970-01-01T00:00:00Z'],
  ['Nats-Num-Pending: 0', 'Nats-Last-Sequence: 0'],
  ['KV-Operation: PURGE'],
  ['KV-Operation: DEL', 'Nats-Marker-Reason: MaxAge'],
  ['Riposte-Reason: none', 'Riposte-Origin: COMBAT:1'],
  ['Nats-Incr: +1'],
  ['Nats-Batch-Id: x', 'Nats-Batch-Sequence: 1', 'Nats-Batch-Commit: 1'],
  ['no name(at all): x'],
  [': nameless', 'nothing'],
  ['\u0000\u0001: \u0007'],
  ['N\u00e4me: \ud83d\ude00'],
  [`Long: ${'x'.repeat(4_000)}`],
] as const;
const headers = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(...HEADERS).map((lines) => lines.map((line) => `\r\n${line}`).join('')) },
);

/** Subjects beside those of the contract: odd last tokens, and more tokens than there should be. */
export const STRAY_SUBJECTS = [
  'collector.signal.no%id',
  'collector.signal.\u00e9',
  `collector.signal.${'x'.repeat(65)}`,
  'combat.session.self!',
  'combat.action.no%id',
  'combat.result.no%id',
  'executor.batch.no%id',
  'ai.turn.no%id.b',
  'ai.turn.s1.no%id',
  'ai.turn.s1.self',
  'timer.due.no%id',
  'collector.signal.s1.more',
  'combat.session',
  'executor.batch.s1.more',
  'ai.turn.s1',
  'timer.due',
  'session.get.no%id',
  'session.get.constructor',
  '$KV.locks.anything',
  '$KV.sessions.a.b.c',
  'dead.nothing',
  'dead.collector.signal.s1',
] as const;

/** Messages for a lane, the same for the same seed. */
export function shots(lane: Lane, cast: Cast, count: number, seed: number): Shot[] {
  const subject = lane.subject.replace('#', cast.session);
  const bodies = fc.oneof(
    { weight: 6, arbitrary: broken(validMessage(lane.shape, cast)) },
    { weight: 1, arbitrary: noise },
  );
  const fits = ({ bytes }: Hostile) =>
    !lane.refusable || parseLogSubject(subject) === null || isUnreadable(subject, bytes);
  const shot = fc
    .tuple(bodies.filter(fits), headers)
    .map(([{ bytes }, block]) => ({ subject, body: bytes, headers: takesBack(subject, block) ? '' : block }));
  return fc.sample(shot, { numRuns: count, seed });
}

const takesBack = (subject: string, block: string): boolean =>
  subject.startsWith('timer.due.') && /Nats-(Rollup|Schedule)/.test(block);

/** What is read by itself, and not as a part of a log. */
const TASK_SCHEMAS: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['executor.batch', ExecutorBatch],
  ['ai.turn', AiTurnRequest],
  ['timer.due', TimerBody],
]);

/** True for what its reader must put into DEAD, told by the contract's own schemas. */
export function isUnreadable(subject: string, body: Uint8Array): boolean {
  const place = parseLogSubject(subject);
  if (place !== null) return readLogMessage(place.kind, place.sessionId, body).kind === 'unreadable';
  const [area, word, session = '', bot] = subject.split('.');
  const schema = TASK_SCHEMAS.get(`${area}.${word}`);
  if (schema === undefined) return false;
  const read = decode(schema, body);
  if (!read.ok || disagreesWith(session, read.value) !== null) return true;
  return bot !== undefined && (read.value as AiTurnRequest).bot_id !== bot;
}
