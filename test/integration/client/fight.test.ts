// Proves what a game server does with the client against real roles: open, submit, look, follow, end.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SessionEvent } from '#client/combat-event.ts';
import { exchange, item, skill } from '#client/moves.ts';
import { chanceOf } from '#combat/chance.ts';
import { PLAYER_ID, runScriptedPlayer, SILENCE_CHANCE } from '#tools/arena/scripted-player.ts';
import { fight, freshId, openStage, STAGE_LIMIT_MS, type Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

/** The messages of a session's life, until it is closed. */
async function lifeOf(sessionId: string): Promise<SessionEvent['body'][]> {
  const life: SessionEvent['body'][] = [];
  for await (const { body } of await stage.client.follow(['session'], { sessionId })) {
    life.push(body);
    if (body.type === 'closed') break;
  }
  return life;
}

describe('opening a session', () => {
  test('says the sequence and the seed, and an id that is taken is an outcome and no error', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const opened = await stage.client.open(session);
    expect(opened).toEqual({
      outcome: 'opened',
      session_id: session.session_id,
      seq: expect.any(Number),
      seed: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
    });
    expect(await stage.client.open(session)).toEqual({ outcome: 'exists', session_id: session.session_id });
  });

  test('takes a random seed each time, and the one that is given', async () => {
    const seeds = await Promise.all(
      [undefined, undefined, 'of my own'].map(async (seed) => {
        const opened = await stage.client.open(
          fight({ red: ['a'], blue: ['x'] }, {}, seed === undefined ? {} : { seed }),
        );
        return opened.outcome === 'opened' ? opened.seed : '';
      }),
    );
    expect(new Set(seeds).size).toBe(3);
    expect(seeds[2]).toBe('of my own');
  });

  test('of many at once one opens it', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => stage.client.open(session)));
    expect(outcomes.filter(({ outcome }) => outcome === 'opened')).toHaveLength(1);
  });

  test('with stats the rules refuse it is closed as invalid', async () => {
    const session = fight({ red: ['a'], blue: ['x'] }, {}, { rules: { name: 'nobody-knows', version: 1 } });
    await stage.client.open(session);
    expect((await lifeOf(session.session_id)).at(-1)).toMatchObject({
      type: 'closed',
      winner: null,
      reason: 'invalid',
    });
    expect(await stage.client.state(session.session_id)).toMatchObject({ status: 'closed', reason: 'invalid' });
  });
});

describe('submitting moves', () => {
  test('C1 two blows meet: both accepted with their deadlines, one action, one result', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    const [first, second] = [exchange('a', 'x', { attack_zones: ['head'] }), exchange('x', 'a')];
    const beforeMs = Date.now();
    const outcomes = [
      ...(await stage.client.submit(sessionId, [first])),
      ...(await stage.client.submit(sessionId, [second])),
    ];
    expect(outcomes.map(({ outcome, move_id: id }) => [outcome, id])).toEqual([
      ['accepted', first.move_id],
      ['accepted', second.move_id],
    ]);
    expect(outcomes.map((each) => each.outcome === 'accepted' && (each.deadline ?? 0) > beforeMs)).toEqual([
      true,
      true,
    ]);

    const seen: string[] = [];
    for await (const event of await stage.client.follow(['action', 'result'], { sessionId })) {
      if (event.kind === 'action') {
        seen.push(
          ...event.body.actions.map(({ move, partner_move: partner }) => `${move.move_id}+${partner?.move_id}`),
        );
      } else {
        seen.push(...event.body.results.map(({ action_id: id, status }) => `${id} ${status}`));
        expect(event.body.target_returns).toHaveLength(2);
        expect(event.body.step).toBe(1);
        break;
      }
    }
    expect(seen).toEqual([`${first.move_id}+${second.move_id}`, '1 done']);
  });

  test('C6 of three moves in one signal each has its own outcome, in their order', async () => {
    const session = fight({ red: ['a'], blue: ['x', 'y'] });
    await stage.client.open(session);
    const moves = [exchange('a', 'x'), exchange('a', 'nobody'), exchange('a', 'y')];
    const outcomes = await stage.client.submit(session.session_id, moves);
    expect(outcomes).toMatchObject([
      { outcome: 'accepted', move_id: moves[0]!.move_id },
      { outcome: 'refused', move_id: moves[1]!.move_id, code: 'target_unknown' },
      { outcome: 'accepted', move_id: moves[2]!.move_id },
    ]);
  });

  test('C11 the same move again is a duplicate, and accepted where it is said to be the same again', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    await stage.client.open(session);
    const moves = [exchange('a', 'x')];
    const [first] = await stage.client.submit(session.session_id, moves);
    const [second] = await stage.client.submit(session.session_id, moves);
    const [third] = await stage.client.submit(session.session_id, moves, { again: true });
    expect([first, second, third]).toMatchObject([
      { outcome: 'accepted' },
      { outcome: 'refused', code: 'duplicate_move' },
      { outcome: 'accepted', seq: null, deadline: null },
    ]);
  });

  test('C13 in a session that never opened they are refused', async () => {
    const [outcome] = await stage.client.submit(freshId(), [exchange('a', 'x')]);
    expect(outcome).toMatchObject({ outcome: 'refused', code: 'session_not_found' });
  });

  test('skills and items go at once and have no deadline', async () => {
    const stats = {
      hp: 90,
      skills: { fire: { effect: 'damage', power: 5 } },
      items: { potion: { effect: 'heal', power: 5 } },
    };
    const actor = { kind: 'player' as const, stats };
    const session = fight({ red: ['a'], blue: ['x', 'y'] }, {}, { actors: { a: actor, x: actor, y: actor } });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    const moves = [skill('a', 'fire', 'all_enemies'), item('a', 'potion', 'self')];
    expect(await stage.client.submit(sessionId, moves)).toMatchObject([
      { outcome: 'accepted', deadline: null },
      { outcome: 'accepted', deadline: null },
    ]);
    const struck: string[] = [];
    for await (const { body } of await stage.client.followResults({ sessionId })) {
      for (const { hits } of body.results) struck.push(...hits.map((hit) => `${hit.hand} ${hit.target_id}`));
      if (body.executed === moves.length) break;
    }
    expect(struck).toEqual(['skill x', 'skill y', 'item a']);
  });

  test('a thousand at once, ten thousand moves, are all answered', async () => {
    const red = Array.from({ length: 10 }, (_, index) => `r${index}`);
    const blue = Array.from({ length: 100 }, (_, index) => `b${index}`);
    const sessions = Array.from({ length: 10 }, () => fight({ red, blue }));
    await Promise.all(sessions.map((session) => stage.client.open(session)));
    const outcomes = await Promise.all(
      sessions.flatMap(({ session_id: id }) =>
        blue.map((target) =>
          stage.client.submit(
            id,
            red.map((source) => exchange(source, target)),
          ),
        ),
      ),
    );
    expect(outcomes.flat().filter(({ outcome }) => outcome !== 'accepted')).toEqual([]);
    expect(outcomes.flat()).toHaveLength(10_000);
    await Promise.all(sessions.map(({ session_id: id }) => stage.client.close(id)));
  });
});

describe('the course of a fight', () => {
  test('C3 a turn that is ended goes out forced, and only the move that is named', async () => {
    const session = fight({ red: ['a'], blue: ['x', 'y'] });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    const [named, other] = [exchange('a', 'x'), exchange('a', 'y')];
    await stage.client.submit(sessionId, [other, named]);
    await stage.client.endTurn(sessionId, { moveId: named.move_id });
    for await (const { body } of await stage.client.followActions({ sessionId })) {
      expect(body.actions).toMatchObject([{ move: named, partner_move: null, is_forced: true }]);
      break;
    }
    const state = await stage.client.state(sessionId, 'a');
    expect(state?.open?.map(({ move_id: id }) => id)).toEqual([other.move_id]);
  });

  test('the state shows an actor its queue, its open blows and who waits for it; and nobody what is not theirs', async () => {
    const session = fight({ red: ['a'], blue: ['x', 'y'] });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    const blow = exchange('x', 'a', { attack_zones: ['head'] });
    const [verdict] = await stage.client.submit(sessionId, [blow]);
    const deadline = verdict?.outcome === 'accepted' ? verdict.deadline : null;

    const mine = await stage.client.state(sessionId, 'a');
    expect(mine).toMatchObject({ status: 'open', queue: ['x', 'y'], incoming: [{ from: 'x', deadline }], open: [] });
    expect(JSON.stringify(mine)).not.toContain('head');
    const theirs = await stage.client.state(sessionId, 'x');
    expect(theirs).toMatchObject({ queue: [], open: [{ move_id: blow.move_id, target_id: 'a', deadline }] });
    const anybodys = await stage.client.state(sessionId);
    expect([anybodys?.teams, anybodys?.actors.a?.hp, anybodys?.queue]).toEqual([session.teams, 100, undefined]);
    await expect(stage.client.state(sessionId, 'nobody')).rejects.toMatchObject({ code: 'refused' });
  });

  test('C14 who joins can be struck, who leaves cannot, and a fight called off is cancelled', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const { session_id: sessionId } = session;
    await stage.client.open(session);
    await stage.client.join(sessionId, 'y', 'blue', { kind: 'player', stats: {} });
    expect((await stage.client.state(sessionId, 'a'))?.queue).toEqual(['x', 'y']);
    await stage.client.leave(sessionId, 'x', 'surrender');
    expect((await stage.client.state(sessionId, 'a'))?.queue).toEqual(['y']);
    await stage.client.close(sessionId);
    await stage.client.close(sessionId);
    expect((await lifeOf(sessionId)).map(({ type }) => type)).toEqual(['opened', 'joined', 'left', 'closed']);
    expect(await stage.client.state(sessionId)).toMatchObject({ status: 'closed', winner: null, reason: 'cancelled' });
    const [late] = await stage.client.submit(sessionId, [exchange('a', 'y')]);
    expect(late).toMatchObject({ outcome: 'refused', code: 'session_closed' });
  });

  test('bots fight to the end by themselves', async () => {
    const session = fight({ red: ['a', 'b'], blue: ['x', 'y'] }, { a: 'ai', b: 'ai', x: 'ai', y: 'ai' });
    await stage.client.open(session);
    expect((await lifeOf(session.session_id)).at(-1)).toMatchObject({
      type: 'closed',
      reason: expect.stringMatching(/victory|draw/),
    });
  });

  test('a nudge changes nothing and has a place in the log', async () => {
    const session = fight({ red: ['a'], blue: ['x'] });
    const opened = await stage.client.open(session);
    const seq = await stage.client.nudge(session.session_id);
    expect(seq).toBeGreaterThan(opened.outcome === 'opened' ? opened.seq : Number.POSITIVE_INFINITY);
  });
});

describe('the player that `npm start` shows', () => {
  const SILENT_TURNS = 3;
  /** A seed with which she stares into space in each of her first turns, if there is a blow to answer. */
  function silentSeed(sessionId: string): string {
    const isSilent = (seed: string, turn: number) =>
      chanceOf(seed, `${sessionId}/${turn}`, 'policy').happens(SILENCE_CHANCE);
    for (let count = 0; ; count += 1) {
      const turns = Array.from({ length: SILENT_TURNS }, (_, index) => index + 1);
      if (turns.every((turn) => isSilent(`silent-${count}`, turn))) return `silent-${count}`;
    }
  }

  test('stares into space, and the blow she does not answer is forced', async () => {
    const name = freshId();
    const sessionId = `${name}-1`;
    const ending = new AbortController();
    const remarks: string[] = [];
    const remark = (id: string, text: string) => void remarks.push(`${id}: ${text}`);
    const options = { name, seed: silentSeed(sessionId), remark, signal: ending.signal };
    const playing = runScriptedPlayer(stage.client, options);
    for await (const { body } of await stage.client.followActions({ sessionId })) {
      if (body.actions.some(({ is_forced, move }) => is_forced && move.char_id !== PLAYER_ID)) break;
    }
    ending.abort();
    await playing;
    expect(remarks[0]).toBe(`${sessionId}: Mira stares into space`);
    expect((await stage.client.state(sessionId))?.status).toBe('closed');
  });
});
