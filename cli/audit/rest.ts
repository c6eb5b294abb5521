/**
 * Owns judging a system that is said to be at rest: nothing waits for ever (I6). An open session always has something that will
 * wake it: an armed timer, a task, or a wake that is not acknowledged; and nothing that is due is left undone.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { COMBAT, TASKS, TIMERS } from '#contracts/streams.ts';
import { sessionOfSubject } from '#contracts/subjects.ts';
import { consumerOf, readTo, stateOf } from '../streams.ts';
import type { Judge } from './judge.ts';

/** Judges what is left of the sessions of a log that was read to `lastSeq`. */
export async function judgeRest(nc: NatsConnection, judge: Judge, lastSeq: number): Promise<void> {
  const covered = new Set<string>();
  for (const stream of [TASKS, TIMERS] as const) {
    const { firstSeq, lastSeq: end } = await stateOf(nc, stream);
    const range = { fromSeq: Math.max(1, firstSeq), toSeq: end };
    // Not '>': what was taken out of a work queue leaves no message at its last sequence, and none is to be waited for.
    await readTo(nc, stream, '*.>', range, ({ subject }) => covered.add(sessionOfSubject(subject)));
  }
  const collectors = await consumerOf(nc, 'collector');
  const later = (await stateOf(nc, COMBAT)).lastSeq > lastSeq;
  const wakesLeft = collectors === null || collectors.left > 0;
  for (const trial of judge.held()) {
    trial.judgeRest();
    if (trial.session.status !== 'open' || covered.has(trial.id) || wakesLeft || later) continue;
    judge.tell({
      session: trial.id,
      seq: 0,
      invariant: 'I6',
      what: 'it is open, and no timer, task or wake is left for it',
    });
  }
}
