// Proves that sessions opened all at once, and at full size more than a process keeps folded, are each fought to the end:
// evicted, snapshotted and hydrated under load, with nothing lost and nothing doubled, and with bounded memory.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { depth } from '../../harness/depth.ts';
import { recordFigures } from '../../harness/figures.ts';
import { openedBody, strike } from '../../interop/outsider.ts';
import { PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage } from '../../interop/stage.ts';
import { DUEL } from '../fuzz/bystanders.ts';
import { atRest, crewOf, peakMib } from '../fuzz/rest.ts';
import { pour } from './pour.ts';

/** At full size beyond the 10,000 that shared/jetstream/session-log.ts keeps. */
const SESSIONS = depth({ slice: 600, full: 12_000 });
const TEST_LIMIT_MS = depth({ slice: 120_000, full: 1_200_000 });
const REST_LIMIT_MS = depth({ slice: 60_000, full: 600_000 });
/** Two folds of ten thousand small sessions, their wakes in hand, and a heap that is collected when it likes. */
const ROLE_MAX_MIB = 900;

let stage: Stage;
let nc: NatsConnection;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, ais: 1, environment: PLAIN_RULES });
  nc = await connect({ servers: stage.server.url });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await stage?.close();
}, STAGE_LIMIT_MS);

const idOf = (ordinal: number): string => `s-${ordinal}`;
/** Every other session is fought by bots, two exchanges long; in the others players strike, when all are open. */
const byBots = (ordinal: number): boolean => ordinal % 2 === 0;

test(`I2 I4 ${SESSIONS} sessions opened at once are each fought to the end`, { timeout: TEST_LIMIT_MS }, async () => {
  const crew = crewOf(stage);
  const { url } = stage.server;
  await pour(url, SESSIONS, (ordinal) => {
    const id = idOf(ordinal);
    const bots = byBots(ordinal)
      ? { bots: ['a', 'b'], stats: { hp: 20, damage: 10 } }
      : { stats: { hp: 10, damage: 10 } };
    return {
      subject: `combat.session.${id}`,
      body: openedBody(id, { teams: DUEL, ...bots }),
      options: { expected: 0 },
    };
  });
  const scripted = Array.from({ length: SESSIONS }, (_, ordinal) => ordinal).filter((ordinal) => !byBots(ordinal));
  await pour(url, 2 * scripted.length, (n) => {
    const id = idOf(scripted[n % scripted.length]!);
    const moves = [n < scripted.length ? strike('a', 'b') : strike('b', 'a')];
    return { subject: `collector.signal.${id}`, body: { session_id: id, signal_type: 'check_immediate', moves } };
  });
  await stage.outsider.until(
    `${SESSIONS} closed sessions`,
    () => (stage.outsider.closed >= SESSIONS ? true : undefined),
    REST_LIMIT_MS,
  );
  await atRest(nc, REST_LIMIT_MS);
  expect(crewOf(stage)).toEqual(crew);

  const audited = await audit(nc, { atRest: true });
  expect(audited.breaches.map(breachLine)).toEqual([]);
  expect(stage.outsider.results).toBe(SESSIONS + Math.ceil(SESSIONS / 2));
  const peaks = (['collector', 'executor', 'ai'] as const).map((name) => [name, peakMib(stage, name)] as const);
  for (const [name, peak] of peaks) expect(peak, `the ${name}'s peak in MiB`).toBeLessThan(ROLE_MAX_MIB);
  recordFigures('floods-many-sessions', {
    sessions: SESSIONS,
    messages: audited.messages,
    lost: 0,
    doubled: 0,
    ...Object.fromEntries(peaks.map(([name, peak]) => [`${name}_peak_mib`, peak])),
    command: 'RIPOSTE_CHAOS=full npx vitest run test/chaos/floods/many-sessions.test.ts',
  });
});
