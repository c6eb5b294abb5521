// Owns: what is thought of a history when the load is over: every stream is quiet, and the history is audited and held against
// the ledger.

import { setTimeout as pause } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { CONSUMERS } from '#contracts/streams.ts';
import { type Judgement, judge, type Ledger } from './ledger.ts';

/** Longer than the longest delay after which something that failed is tried again (10 s), twice over. */
const QUIET_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 25;

/** A history at rest. */
export interface Rest extends Judgement {
  /** Everything that is wrong, one line each; none when nothing was lost or doubled. */
  readonly breaches: readonly string[];
}

/** Waits until every stream is quiet, and judges the history. */
export async function judgeAtRest(url: string, ledger: Ledger): Promise<Rest> {
  const nc = await connect({ servers: url });
  try {
    for (const late = performance.now() + QUIET_LIMIT_MS; !(await isQuiet(nc)); await pause(LOOK_EVERY_MS)) {
      if (performance.now() > late) throw new Error(`waited ${QUIET_LIMIT_MS / 1000} s for quiet streams`);
    }
    const audited = await audit(nc, { atRest: true });
    const judgement = await judge(url, ledger);
    const { lost, doubled, wrong } = judgement;
    return { ...judgement, breaches: [...lost, ...doubled, ...wrong, ...audited.breaches.map(breachLine)] };
  } finally {
    await nc.close();
  }
}

/** Nothing is left to be taken: no signal, no task, no due timer. */
async function isQuiet(nc: NatsConnection): Promise<boolean> {
  for (const [name, { stream }] of Object.entries(CONSUMERS)) {
    const answer = await nc.request(`$JS.API.CONSUMER.INFO.${stream}.${name}`);
    const info = answer.json<{ num_pending?: number; num_ack_pending?: number }>();
    if (info.num_pending !== 0 || info.num_ack_pending !== 0) return false;
  }
  return true;
}
