/**
 * Owns how provisioning asks the JetStream API: again while a cluster is still finding itself, within a bound, and with a
 * StartError in one line where there is no answer to be had.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsConnection, TimeoutError } from '@nats-io/transport-node';
import { messageOf } from '#contracts/decode.ts';
import { apiSubject } from '#contracts/subjects.ts';
import { StartError } from '#process/start-error.ts';
import type { Logger } from './logger.ts';
import { lackedRight } from './login.ts';
import type { ProvisionOptions } from './provision.ts';
import { SERVICE_UNAVAILABLE, ServerCode } from './receipt.ts';
import { isNoResponders } from './stored-message.ts';

/** A request that nobody has answered by then went to a leader that has died, or was made before there was one. */
const API_TRY_MS = 2_000;
const API_PAUSE_MS = 250;
const RACE_PAUSE_MS = 100;
const MS_PER_S = 1_000;
/** How long a cluster is waited for that is still finding its servers or electing leaders; as long as for a server. */
const CLUSTER_WAIT_MS = 60_000;
const CLUSTER_WAIT_LINE_MS = 5_000;
/**
 * A guest that asks beyond its rights is told that nobody answers, and so is whoever asks a server that is still starting.
 * Where JetStream has answered something else in between so often, it is the rights.
 */
const ANSWERS_THAT_PROVE = 2;
/** Creating what another process creates at the same moment is tried again so often. */
export const RACES_MAX = 5;

/** Lets others come to the end of what they do, before it is looked at again; longer each time. */
export const standBack = (race: number): Promise<void> => sleep(RACE_PAUSE_MS * (race + 1));

/** What provisioning works with. */
export interface Setup {
  readonly nc: NatsConnection;
  readonly options: ProvisionOptions;
  readonly logger: Logger;
}

/** A setting as the server's API has it. */
export const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
/** Whether two settings say the same. */
export const same = (left: unknown, right: unknown): boolean => show(left) === show(right);

/** What is read here of an answer of the API. */
export type ApiAnswer = {
  readonly config?: Record<string, unknown>;
  readonly created?: string;
  readonly state?: { readonly last_seq: number };
  readonly delivered?: { readonly consumer_seq: number; readonly stream_seq: number };
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
};

/** There are too few servers, or they have not found each other yet. */
export function isShortOfServers({ error }: ApiAnswer): boolean {
  return error?.err_code === ServerCode.NO_PEERS || error?.err_code === ServerCode.REPLICAS_NOT_CLUSTERED;
}

/** What a cluster says that will be able to do as it is asked when it has found itself. */
function isForming({ error }: ApiAnswer): boolean {
  if (error?.err_code === ServerCode.NOT_ENABLED_FOR_ACCOUNT) return false; // the same code, and for good
  return error?.code === SERVICE_UNAVAILABLE || error?.err_code === ServerCode.NO_PEERS;
}

/**
 * Asks the JetStream API, and asks again while a cluster has nobody to answer: all that is asked here may be asked twice.
 * @throws StartError where the login lacks the right to ask, at once, or there is no answer in time; too few servers for what was
 *   asked is an answer
 */
export async function askApi({ nc, options, logger }: Setup, path: string, body: unknown): Promise<ApiAnswer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const startedMs = performance.now();
  const waitMs = options.waitMs ?? CLUSTER_WAIT_MS;
  let sayAtMs = CLUSTER_WAIT_LINE_MS;
  let answersToOther = 0;
  for (;;) {
    let reason: string;
    const isLate = performance.now() - startedMs > waitMs; // for what this one is answered
    try {
      const answer = (await nc.request(apiSubject(path), payload, { timeout: API_TRY_MS })).json<ApiAnswer>();
      // What is to be done about too few servers is for the caller to say, who knows how many are wanted.
      if (!isForming(answer) || (isLate && isShortOfServers(answer))) return answer;
      reason = answer.error?.description ?? 'it is not available';
    } catch (error) {
      if (isNoResponders(error)) answersToOther = (await answers(nc)) ? answersToOther + 1 : 0;
      if (lackedRight(error) !== null || answersToOther >= ANSWERS_THAT_PROVE) throw lacksRight(path);
      reason = messageOf(error);
      const passing = error instanceof TimeoutError || isNoResponders(error);
      if (!passing || nc.isClosed()) throw new StartError(`JetStream does not answer ${path}: ${reason}`);
    }
    if (isLate) throw notInTime(reason, waitMs);
    const waitedMs = Math.round(performance.now() - startedMs);
    if (waitedMs >= sayAtMs) {
      logger.warn({ path, reason, waitedMs }, 'waiting for JetStream');
      sayAtMs = waitedMs + CLUSTER_WAIT_LINE_MS;
    }
    await sleep(API_PAUSE_MS);
  }
}

const notInTime = (reason: string, waitMs: number): StartError =>
  new StartError(
    `JetStream was not available in ${Math.round(waitMs / MS_PER_S)} s: ${reason}; of a cluster more than half of the servers must run`,
  );

/** Whether JetStream answers what every user may ask. */
async function answers(nc: NatsConnection): Promise<boolean> {
  try {
    return (await nc.request(apiSubject('INFO'), '', { timeout: API_TRY_MS })).json<ApiAnswer>().error === undefined;
  } catch {
    return false;
  }
}

const lacksRight = (path: string): StartError =>
  new StartError(
    `the login has no right to ask JetStream for ${path}: NATS_NKEY_SEED_FILE, or what else it was let in by, is another user's`,
  );
