/**
 * Owns one turn of a bot: a request becomes one signal with one exchange move for each missing target (specification
 * 1.C.1), and is acknowledged when that is stored. Answering twice changes nothing: the move ids are hashes of session,
 * request and target, and chance is seeded by session and request.
 */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { chanceOf } from '#combat/chance.ts';
import { decode, disagreesWith, encode, type Refusal, refusal } from '#contracts/decode.ts';
import { readId } from '#contracts/ids.ts';
import { aiTurnSubject, sessionOfSubject } from '#contracts/subjects.ts';
import { AiTurnRequest } from '#contracts/tasks.ts';
import { type Delivery, retryDelayMs } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import { storedOr } from '#jetstream/receipt.ts';
import { choosePolicy, type Policy } from '#policies/policy.ts';
import type { Metrics } from '#process/metrics.ts';

const MOVE_ID_CHARS = 20;

/** Takes turns. Never rejects. */
export async function takeTurn(
  effects: Effects,
  metrics: Metrics,
  logger: Logger,
  policies: readonly Policy[],
  delivery: Delivery,
): Promise<void> {
  try {
    const read = readRequest(delivery);
    if (!read.ok) {
      await bury(effects, metrics, delivery, read);
    } else {
      const body = signalFor(read.value, policies);
      const { session_id: sessionId, request_id: requestId } = read.value;
      storedOr(await effects.signal(sessionId, body, `${sessionId}:${requestId}`), 'the moves of a bot');
      metrics.tasks.done += 1;
    }
    effects.ack(delivery);
  } catch (error) {
    metrics.tasks.delayed += 1;
    logger.warn({ err: error, subject: delivery.subject }, 'a turn failed and will be tried again');
    effects.retry(delivery, retryDelayMs(delivery.count));
  }
}

/** The signal that answers a request: the same bytes however often it is asked. */
export function signalFor(request: AiTurnRequest, policies: readonly Policy[]): Uint8Array {
  const { session_id: sessionId, bot_id: botId, request_id: requestId } = request;
  const chance = chanceOf(sessionId, requestId, 'policy');
  const payloads = choosePolicy(policies, request).choose(request, chance);
  const moves = Array.from(payloads, ([target, payload]) => ({
    move_id: moveIdFor(sessionId, requestId, target),
    char_id: botId,
    strategy: 'exchange',
    payload,
  }));
  return encode({ session_id: sessionId, signal_type: 'check_immediate', char_id: botId, moves });
}

/** A move's id: 20 characters of a hash, the same for the same session, request and target. */
export function moveIdFor(sessionId: string, requestId: string, target: string): string {
  const name = JSON.stringify([sessionId, requestId, target]);
  return createHash('sha256').update(name).digest('base64url').slice(0, MOVE_ID_CHARS);
}

function readRequest(delivery: Delivery): ReturnType<typeof decode<typeof AiTurnRequest>> {
  const sessionId = sessionOfSubject(delivery.subject);
  if (readId(sessionId) === null) return refusal('no session id in the subject');
  const request = decode(AiTurnRequest, delivery.data);
  if (!request.ok) return request;
  const foreign = disagreesWith(sessionId, request.value);
  if (foreign !== null) return foreign;
  const { bot_id: botId } = request.value;
  return aiTurnSubject(sessionId, botId) === delivery.subject
    ? request
    : refusal(`bot_id ${botId} disagrees with the subject`);
}

async function bury(effects: Effects, metrics: Metrics, delivery: Delivery, { reason }: Refusal): Promise<void> {
  const { subject, data } = delivery;
  storedOr(
    await effects.deadLetter({ subject, data, origin: `${delivery.stream}:${delivery.seq}`, reason }),
    'a dead letter',
  );
  metrics.tasks.invalid += 1;
  metrics.deadLetters += 1;
}
