// Proves that the rights are enough: whole fights, of players and of bots, forced blows and all, on a server where every role has
// its own rights and PROVISION=off, to an end that `riposte audit` finds nothing wrong with, and without one refusal. What a guest
// asks beyond its rights goes nowhere, and the server does not complain: so the server tells here of every message it is given.

import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deadCommand } from '#cli/dead/command.ts';
import { provisionCommand } from '#cli/provision/command.ts';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { exchange } from '#client/moves.ts';
import { AT_HOME, inboxPrefix, rightsOf, USERS, type User } from '#contracts/rights.ts';
import { apiSubject, covers, logSubject } from '#contracts/subjects.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { TestRoles } from '#test/harness/roles.ts';
import { connectAs, type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { runHere } from '#test/integration/cli/in-process.ts';
import { start } from '#test/integration/cli/riposte.ts';
import { fight, PATIENT, STAGE_LIMIT_MS } from '#test/integration/client/stage.ts';

const LOOK_MS = 50;

let secured: SecuredServer;
let roles: TestRoles;
let client: RiposteClient;

beforeAll(async () => {
  secured = await startSecuredServer({ more: 'trace: true' });
  const envOf = (role: 'collector' | 'executor' | 'ai') => ({ ...secured.environmentOf(role), PROVISION: 'off' });
  roles = await TestRoles.start({
    url: secured.server.url,
    envOf,
    roles: ['collector', 'collector', 'executor', 'executor', 'ai'],
  });
  client = await RiposteClient.connect(connectionFrom(secured.environmentOf('game_server')), PATIENT);
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await client?.disconnect();
  await roles?.stop();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

const serverSaid = (): string[] => readFileSync(secured.server.logFile, 'utf8').split('\n');

/** What the server has refused to anybody, and said so. */
const refusals = (): string[] => serverSaid().filter((line) => line.includes('Violation'));

const GUESTS = USERS.filter((user) => !AT_HOME.includes(user));

/** Where a guest has published, as often as it was. The server's line tells its account, whatever its program is. */
function publishedBy(guest: User): string[] {
  const line = new RegExp(`"${guest.toUpperCase()}/nkey:\\w+" - <<- \\[H?PUB (\\S+) `);
  return serverSaid().flatMap((said) => line.exec(said)?.[1] ?? []);
}

test('a game server does all it does, and is told all it is told', async () => {
  const session = fight({ red: ['a'], blue: ['x'] });
  const { session_id: sessionId } = session;
  const results = await client.durableResults('results', { from: 'now' });
  expect(await client.open(session)).toMatchObject({ outcome: 'opened' });
  expect(await client.open(session)).toMatchObject({ outcome: 'exists' });
  await client.join(sessionId, 'y', 'blue', { kind: 'player', stats: {} });
  await client.leave(sessionId, 'y');
  const outcomes = await client.submit(sessionId, [exchange('a', 'x'), exchange('x', 'a')]);
  expect(outcomes).toMatchObject([{ outcome: 'accepted' }, { outcome: 'accepted' }]);
  for await (const result of results) {
    expect(result.session_id).toBe(sessionId);
    result.ack();
    break;
  }
  await settled('results');
  const move = exchange('a', 'x');
  await client.submit(sessionId, [move]);
  await client.endTurn(sessionId, { moveId: move.move_id });
  await client.nudge(sessionId);
  const kinds: string[] = [];
  for await (const { kind, body } of await client.follow(['session', 'action', 'result'], { sessionId })) {
    kinds.push(kind);
    if (kind === 'result' && 'step' in body && body.step === 2) break;
  }
  expect(kinds).toEqual(['session', 'session', 'session', 'action', 'result', 'action', 'result']);
  expect(await client.state(sessionId, 'a')).toMatchObject({ status: 'open', step: 2 });
  await client.close(sessionId);
});

test('bots fight to the end, and a player who says nothing is struck when its time is over', async () => {
  const bots = fight({ red: ['a', 'b'], blue: ['x', 'y'] }, { a: 'ai', b: 'ai', x: 'ai', y: 'ai' });
  const silent = fight({ red: ['a'], blue: ['x'] }, { x: 'ai' }, { move_timeouts_ms: [1_000] });
  const life = await client.follow(['session', 'action'], { from: 'now' });
  await client.open(bots);
  await client.open(silent);
  const [ended, forced] = [new Set<string>(), new Set<string>()];
  for await (const { session_id: id, kind, body } of life) {
    if (kind === 'session' && body.type === 'closed') ended.add(id);
    if (kind === 'action' && body.actions.some((action) => action.is_forced)) forced.add(id);
    if (ended.has(bots.session_id) && forced.has(silent.session_id)) break;
  }
  await client.close(silent.session_id);
  await settled('ai');
});

/** Resolves when the log or the tasks know of every acknowledgement for a consumer: those of guests come home, too. */
async function settled(name: 'results' | 'ai'): Promise<void> {
  const operator = await connectAs(secured, 'operator');
  const subject = apiSubject('CONSUMER.INFO', name === 'ai' ? 'TASKS' : 'COMBAT', name);
  for (;;) {
    const info = (await operator.request(subject, '', PATIENCE)).json<{
      num_pending: number;
      num_ack_pending: number;
    }>();
    if (info.num_pending === 0 && info.num_ack_pending === 0) break;
    await pause(LOOK_MS);
  }
  await operator.close();
}

test('verdicts that somebody asks for in an inbox of a role are not tried to be given, and the fight goes on', async () => {
  const session = fight({ red: ['a'], blue: ['x'] });
  const { session_id: sessionId } = session;
  await client.open(session);
  const guest = await connectAs(secured, 'game_server');
  for (const user of USERS.filter((other) => other !== 'game_server')) {
    const move = { ...exchange('a', 'x'), move_id: `for-${user}` };
    const signal = { session_id: sessionId, signal_type: 'check_immediate', moves: [move] };
    const body = JSON.stringify({ ...signal, reply_to: `${inboxPrefix(user)}.x` });
    await guest.request(logSubject('signal', sessionId), body, PATIENCE);
  }
  await guest.close();
  // A verdict on a later signal: those before it have had theirs.
  expect(await client.submit(sessionId, [exchange('x', 'a')])).toMatchObject([{ outcome: 'accepted' }]);
  await client.close(sessionId);
});

test('an observer audits all of it and looks at dead letters, and finds nothing wrong', async () => {
  const audit = await start(['audit', '--all', '--rest'], secured.environmentOf('observer')).answer;
  expect([audit.code, audit.out]).toEqual([0, []]);
  expect(audit.said[0]).toMatch(/^4 sessions \(4 closed\), .*: no breach$/);
  expect(await runHere(deadCommand, ['list'], secured.environmentOf('observer'))).toEqual({
    code: 0,
    out: [],
    said: ['0 letters'],
  });
});

test('an observer provisions nothing; an operator does, and finds all as it should be', async () => {
  const observer = await runHere(provisionCommand, [], secured.environmentOf('observer'));
  expect(observer.code).toBe(2);
  const { code, out, said } = await runHere(provisionCommand, [], secured.environmentOf('operator'));
  expect({ code, said }).toEqual({ code: 0, said: [] });
  expect(out).toHaveLength(12);
  for (const line of out) expect(line).toMatch(/^(stream|consumer) +\w+ +unchanged$/);
});

test('nobody was refused anything that the work asks for, and no role complains', () => {
  expect(refusals().filter((line) => !line.includes('riposte"'))).toEqual([]);
  // That something took long, on a busy machine, is a warning of another kind.
  expect(roles.complaints.filter((line) => /: error: |Violation|right|refuse/.test(line))).toEqual([]);
});

test.each(GUESTS)(
  '%s has published nothing beyond its rights, and so nothing was refused to it in silence',
  (guest) => {
    const subjects = publishedBy(guest);
    expect(subjects).not.toEqual([]);
    const rights = rightsOf()[guest].publish;
    expect(subjects.filter((subject) => !rights.some((allowed) => covers(allowed, subject)))).toEqual([]);
  },
);
