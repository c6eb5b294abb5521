// Proves how a session begins, changes and ends: `opened`, `joined`, `left`, `closed`, and what is wrong with each. One
// collector, one executor, the rule set `plain`, no AI.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cast, openedBody, type Session, strike } from './outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from './roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from './stage.ts';
import { closedOf, parseJson } from './wire.ts';

const DUEL = { red: ['a'], blue: ['b'] };
const PLAYER = { kind: 'player', stats: { hp: 100 } };

/** The contract's limit of actors in a session. */
const ACTORS_IN_SESSION = 1_024;

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open({ collectors: 1, executors: 1, environment: { ...FAST_CLOCKS, ...PLAIN_RULES } });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** A pair whose result proves that the session is alive and has folded everything before. */
async function prove(session: Session, one = 'a', other = 'b'): Promise<void> {
  await session.pair(strike(one, other), strike(other, one));
}

describe.concurrent('the life of a session', { timeout: TEST_LIMIT_MS }, () => {
  test('a second opened changes nothing', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL, statsOf: { a: { hp: 50 } } });
    await prove(duel);
    await duel.life(openedBody(duel.id, { teams: { red: ['a', 'x'], blue: ['b'], green: ['c'] } }));
    expect(await duel.refusal(strike('x', 'b'))).toBe('actor_unknown');
    await prove(duel);
    expect(await duel.state('a')).toMatchObject({
      teams: DUEL,
      actors: { a: { hp: 30, struck: 2 }, b: { hp: 80, struck: 2 } },
      queue: ['b'],
      step: 2,
    });
    expect(duel.outcomes()).toEqual(['1 done', '2 done']);
  });

  test('an opened that does not validate is closed as invalid, with a dead letter that says why', async () => {
    const spoil: Record<string, { change: object; about: RegExp }> = {
      'one team': { change: { teams: { red: ['a', 'b'] } }, about: /team/i },
      'an actor in two teams': { change: { teams: { red: ['a', 'b'], blue: ['b'] } }, about: /b/ },
      'rules nobody has': { change: { rules: { name: 'nonesuch', version: 1 } }, about: /nonesuch/ },
      'a version nobody has': { change: { rules: { name: 'plain', version: 99 } }, about: /plain|99/ },
      'stats the rules refuse': {
        change: { actors: { a: PLAYER, b: { kind: 'player', stats: { hp: 'many' } } } },
        about: /hp/,
      },
      'no actor for an id of a team': { change: { actors: { a: PLAYER } }, about: /b/ },
      'an id that is none': { change: { teams: { red: ['a.b'], blue: ['b'] } }, about: /./ },
      'an idle time above half of the log age': { change: { idle_close_ms: 85 * 3_600_000 }, about: /idle/i },
    };
    const found = await Promise.all(
      Object.entries(spoil).map(async ([what, { change, about }]) => {
        const session = stage.session();
        const body = { ...openedBody(session.id, { teams: DUEL }), ...change };
        const seq = await session.life(body, { 'Nats-Expected-Last-Subject-Sequence': '0' });
        const { winner, reason } = await session.ended();
        const letter = await session.deadLetterOf(seq);
        expect(parseJson(letter.data)).toEqual(body);
        const said = about.test(letter.reason) ? 'says why' : `says "${letter.reason}"`;
        return `${what}: closed ${reason}, winner ${winner}; ${letter.subject.replace(session.id, 'S')} ${said}`;
      }),
    );
    expect(found).toEqual(
      Object.keys(spoil).map((what) => `${what}: closed invalid, winner null; dead.combat.session.S says why`),
    );
  });

  test('an opened that speaks of another session than its subject is dead-lettered, and opens neither', async () => {
    const [session, other] = [stage.session(), stage.session()];
    const letter = await session.deadLetterOf(await session.life(openedBody(other.id, { teams: DUEL })));
    expect(letter.subject).toBe(`dead.combat.session.${session.id}`);
    expect(await other.refusal(strike('a', 'b'))).toBe('session_not_found');
    await other.open({ teams: DUEL });
    await prove(other);
    expect(await session.refusal(strike('a', 'b'))).toMatch(/^session_(not_found|closed)$/);
  });

  test('moves after an invalid opened find the session closed', async () => {
    const session = stage.session();
    await session.open({ teams: { red: ['a', 'b'] } });
    await session.ended();
    expect(await session.refusal(strike('a', 'b'))).toBe('session_closed');
  });

  test(`${ACTORS_IN_SESSION} actors make a session, one more does not`, async () => {
    const blue = Array.from({ length: ACTORS_IN_SESSION - 1 }, (_, index) => `b${index}`);
    const session = stage.session();
    await session.open({ teams: { red: ['a'], blue }, stats: { hp: 99 } });
    await prove(session, 'a', 'b1022');
    const crowded = stage.session();
    await crowded.open({ teams: { red: ['a'], blue: [...blue, 'one-more'] }, stats: { hp: 99 } });
    expect(await crowded.ended()).toMatchObject({ reason: 'invalid' });
  });

  test('C14 a third actor joins a running duel: it enters the queues of its enemies, and they enter its own', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await duel.accept(strike('a', 'b'));
    const actor = { kind: 'player', name: 'Cid', stats: { hp: 40 } };
    await duel.life({ type: 'joined', session_id: duel.id, actor_id: 'c', team: 'blue', actor });
    const [ac, ca] = [strike('a', 'c'), strike('c', 'a')];
    await duel.pair(ac, ca);
    expect(duel.decisions()).toEqual([`1 exchange ${ac.move_id} ${ca.move_id}`]);
    expect(await duel.state('a')).toMatchObject({
      teams: { red: ['a'], blue: ['b', 'c'] },
      actors: { a: { hp: 90 }, c: { hp: 30, dead: false } },
      queue: ['c'],
    });
    expect([await duel.queue('b'), await duel.queue('c')]).toEqual([['a'], ['a']]);
    expect(await duel.refusal(strike('c', 'b'))).toBe('target_not_in_queue');
  });

  test('C14 whoever joins is last in every queue', async () => {
    const melee = stage.session();
    await melee.open({ teams: { red: ['a'], blue: ['x', 'y'] } });
    await melee.life({ type: 'joined', session_id: melee.id, actor_id: 'b0', team: 'blue', actor: PLAYER });
    await melee.life({ type: 'joined', session_id: melee.id, actor_id: 'r0', team: 'red', actor: PLAYER });
    const fire = cast('r0', 'all_enemies');
    await melee.accept(fire);
    await melee.resultOf(fire);
    expect(melee.actions()[0]?.move.targets).toEqual(['x', 'y', 'b0']);
    const queues = await Promise.all(['a', 'r0', 'x', 'b0'].map((id) => melee.queue(id)));
    expect(queues).toEqual([
      ['x', 'y', 'b0'],
      ['x', 'y', 'b0'],
      ['a', 'r0'],
      ['a', 'r0'],
    ]);
  });

  test('an invalid joined or left is dead-lettered, and nothing else', async () => {
    const duel = stage.session();
    await duel.open({ teams: { red: ['a', 'c'], blue: ['b'] } });
    await duel.life({ type: 'left', session_id: duel.id, actor_id: 'c', reason: 'surrender' });
    const joined = { type: 'joined', session_id: duel.id, actor_id: 'd', team: 'red', actor: PLAYER };
    const bad: Record<string, object> = {
      'joined: an id the session has': { ...joined, actor_id: 'a' },
      'joined: an id that has left': { ...joined, actor_id: 'c' },
      'joined: stats the rules refuse': { ...joined, actor: { kind: 'player', stats: { hp: -1 } } },
      'joined: no actor': { ...joined, actor: undefined },
      'joined: an id that is none': { ...joined, actor_id: 'd.d' },
      'left: an id nobody has': { type: 'left', session_id: duel.id, actor_id: 'ghost', reason: 'surrender' },
      'a type nobody knows': { type: 'paused', session_id: duel.id },
    };
    for (const [what, body] of Object.entries(bad)) {
      const letter = await duel.deadLetterOf(await duel.life(body));
      expect([what, letter.subject]).toEqual([what, `dead.combat.session.${duel.id}`]);
      expect([what, letter.reason]).toEqual([what, expect.stringMatching(/./)]);
      expect([what, parseJson(letter.data)]).toEqual([what, JSON.parse(JSON.stringify(body))]);
    }
    expect(await duel.refusal(strike('d', 'b'))).toBe('actor_unknown');
    await prove(duel);
    expect(duel.outcomes()).toEqual(['1 done']);
    expect(duel.closed()).toBeUndefined();
    expect((await duel.state('b')).queue).toEqual(['a']);
    expect(duel.deadLetters.length).toBe(Object.keys(bad).length);
  });

  test('bytes that are no JSON on combat.session are dead-lettered, and the session goes on', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    const bytes = Uint8Array.of(0x7b, 0xff, 0x00);
    const letter = await duel.deadLetterOf(await duel.life(bytes));
    expect([letter.subject, [...letter.data]]).toEqual([`dead.combat.session.${duel.id}`, [...bytes]]);
    await prove(duel);
    expect(duel.outcomes()).toEqual(['1 done']);
  });

  test('the other team wins when the last of a team leaves', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await prove(duel);
    await duel.life({ type: 'left', session_id: duel.id, actor_id: 'a', reason: 'surrender' });
    expect(await duel.ended()).toMatchObject({ winner: 'blue', reason: 'victory' });
    expect(duel.decisions().at(-1)).toBe('closed victory, winner blue');
  });

  test('closed by the game server stands, and a second closed changes nothing', async () => {
    const duel = stage.session();
    await duel.open({ teams: DUEL });
    await prove(duel);
    const closed = { type: 'closed', session_id: duel.id, winner: null, reason: 'cancelled' };
    await duel.life({ ...closed, through: duel.entries.at(-1)?.seq });
    await duel.reached(await duel.life({ ...closed, winner: 'red', reason: 'victory', through: 1 }));
    expect(await duel.refusal(strike('a', 'b'))).toBe('session_closed');
    expect(await duel.state()).toMatchObject({ winner: null, step: 1 });
    const types = duel.entries.filter((entry) => entry.kind === 'session').map((entry) => closedOf(entry)?.reason);
    expect(types).toEqual([undefined, 'cancelled', 'victory']);
  });

  test('C23 nobody moves and no deadline is open: abandoned', async () => {
    const silent = stage.session();
    await silent.open({ teams: DUEL, also: { idle_close_ms: 1_000 } });
    expect(await silent.ended()).toMatchObject({ winner: null, reason: 'abandoned' });
    expect(silent.decisions()).toEqual(['closed abandoned, winner null']);
    expect(await silent.refusal(strike('a', 'b'))).toBe('session_closed');
  });

  test('C23 an open deadline comes before the idle close', async () => {
    const slow = stage.session();
    const blow = strike('a', 'b');
    // One right after the other: the session is idle for no second in between, however busy the machine is.
    const opened = slow.open({ teams: DUEL, also: { idle_close_ms: 1_000, move_timeouts_ms: [2_000] } });
    await Promise.all([opened, slow.accept(blow)]);
    expect(await slow.ended()).toMatchObject({ winner: null, reason: 'abandoned' });
    expect(slow.decisions()).toEqual([`1 exchange ${blow.move_id} forced`, 'closed abandoned, winner null']);
    expect(slow.outcomes()).toEqual(['1 done']);
  });

  test('unknown extra fields are ignored, wherever they stand', async () => {
    const duel = stage.session();
    const more = { weather: 'rain', nested: { deep: [1, 2] } };
    const body = openedBody(duel.id, { teams: DUEL });
    const actors = { a: { ...PLAYER, ...more }, b: { ...PLAYER, ...more } };
    await duel.life({ ...body, actors, ...more }, { 'Nats-Expected-Last-Subject-Sequence': '0' });
    await duel.life({ type: 'joined', session_id: duel.id, actor_id: 'c', team: 'blue', actor: PLAYER, ...more });
    const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
    await duel.send({ signal_type: 'check_immediate', moves: [{ ...ab, ...more }], ...more });
    await duel.send({ signal_type: 'check_immediate', moves: [ba] });
    await duel.resultOf(ba);
    expect(duel.decisions()).toEqual([`1 exchange ${ab.move_id} ${ba.move_id}`]);
    expect((await duel.ask({ actor_id: 'c', ...more })).body).toMatchObject({ queue: ['a'] });
    await duel.life({ type: 'left', session_id: duel.id, actor_id: 'c', reason: 'rain', ...more });
    expect(await duel.refusal(strike('a', 'c'))).not.toBe('target_not_in_queue');
    expect(duel.deadLetters).toEqual([]);
  });
});
