// Proves that the rights are enough: whole fights, of players and of bots, forced blows and all, on a server where every role has
// its own rights and PROVISION=off, to an end that `riposte audit` finds nothing wrong with, and without one refusal.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { exchange } from '#client/moves.ts';
import { TestRoles } from '#test/harness/roles.ts';
import { type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { start } from '#test/integration/cli/riposte.ts';
import { fight, STAGE_LIMIT_MS } from '#test/integration/client/stage.ts';

let secured: SecuredServer;
let roles: TestRoles;
let client: RiposteClient;

beforeAll(async () => {
  secured = await startSecuredServer();
  const envOf = (role: 'collector' | 'executor' | 'ai') => ({ ...secured.environmentOf(role), PROVISION: 'off' });
  roles = await TestRoles.start({
    url: secured.server.url,
    envOf,
    roles: ['collector', 'collector', 'executor', 'executor', 'ai'],
  });
  client = await RiposteClient.connect(connectionFrom(secured.environmentOf('game_server')));
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await client?.disconnect();
  await roles?.stop();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

/** What the server has refused to anybody. */
const refusals = (): string[] =>
  readFileSync(secured.server.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('Violation'));

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
});

test('an observer audits all of it and looks at dead letters, and finds nothing wrong', async () => {
  const run = (...args: string[]) => start(args, secured.environmentOf('observer')).answer;
  const audit = await run('audit', '--all', '--rest');
  expect([audit.code, audit.out]).toEqual([0, []]);
  expect(audit.said[0]).toMatch(/^3 sessions \(3 closed\), .*: no breach$/);
  expect(await run('dead', 'list')).toEqual({ code: 0, out: [], said: ['0 letters'] });
});

test('an observer provisions nothing; an operator does, and finds all as it should be', async () => {
  const observer = await start(['provision'], secured.environmentOf('observer')).answer;
  expect(observer.code).toBe(2);
  const { code, out, said } = await start(['provision'], secured.environmentOf('operator')).answer;
  expect({ code, said }).toEqual({ code: 0, said: [] });
  expect(out).toHaveLength(12);
  for (const line of out) expect(line).toMatch(/^(stream|consumer) +\w+ +unchanged$/);
});

test('nobody was refused anything that the work asks for, and no role complains', () => {
  expect(refusals().filter((line) => !line.includes('riposte"'))).toEqual([]);
  expect(roles.complaints).toEqual([]);
});
