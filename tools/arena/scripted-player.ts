// Owns: a player who is none: somebody who fights two bots as a game server would let a person fight, at a person's pace,
// with the client library alone. She strikes, drinks, throws fire, and now and then stares into space, so that a
// blow nobody answers is seen to be forced.

import type { RiposteClient } from '#client/client.ts';
import { exchange, item, type Move, skill } from '#client/moves.ts';
import type { NewSession } from '#client/new-session.ts';
import type { SessionState } from '#client/session-state.ts';
import { type Chance, chanceOf } from '#combat/chance.ts';
import type { Vitals } from '#contracts/result.ts';
import { drawFighters } from './fighters.ts';
import { persist, rest } from './patience.ts';

/** What the player is given. */
export interface PlayerOptions {
  /** Her fights are called `<name>-1`, `<name>-2`, ... */
  readonly name: string;
  readonly seed: string;
  /** Takes what she does that no result shows. */
  remark(sessionId: string, text: string): void;
  readonly signal: AbortSignal;
}

/** Her actor. */
export const PLAYER_ID = 'mira';
const PLAYER_NAME = 'Mira';
const PLAYER_HP = 110;
const FLARE_COST = 35;
const PLAYER_STATS = {
  hp: PLAYER_HP,
  energy: 100,
  damage: 14,
  dodge: 0.12,
  counter: 0.5,
  skills: { flare: { effect: 'damage', power: 11, spread: 3, cost: FLARE_COST } },
  items: { potion: { effect: 'heal', power: 30, spread: 5, charges: 2 } },
};

const ENEMIES = 2;
/** Short, so that a silence is soon punished: nobody watches for a minute. */
const MOVE_TIMEOUTS_MS = [4_000, 3_000];
const IDLE_CLOSE_MS = 60_000;

const TURN_MS = 1_500;
const BREAK_MS = 4_000;
/** A fight takes a minute or two; beyond this many turns nobody is fighting any more. */
const TURNS_MAX = 400;
/** After this share of her health a potion is due. */
const HURT = 0.45;
/** How often she does not answer. */
export const SILENCE_CHANCE = 0.15;
const FLARE_CHANCE = 0.15;
/** A timer fires within a second of its deadline, and the blow falls at once. */
const SILENCE_GRACE_MS = 1_500;

const ZONES = ['head', 'chest', 'arms', 'body', 'legs'];
const GUARDED = 2;

/** Fights one fight after the other until the signal. Rejects with RiposteError for what does not mend by itself. */
export async function runScriptedPlayer(client: RiposteClient, options: PlayerOptions): Promise<void> {
  const { name, seed, signal } = options;
  for (let count = 1; !signal.aborted; count++) {
    const duel = duelOf(`${name}-${count}`, seed);
    await persist(() => client.open(duel), signal);
    await fight(client, duel.session_id, options);
    if (signal.aborted) await client.close(duel.session_id);
    await rest(BREAK_MS, signal);
  }
}

function duelOf(sessionId: string, seed: string): NewSession {
  const enemies = drawFighters(seed, sessionId, ENEMIES);
  return {
    session_id: sessionId,
    teams: { heroine: [PLAYER_ID], challengers: enemies.map(({ id }) => id) },
    actors: {
      ...Object.fromEntries(enemies.map(({ id, sheet }) => [id, sheet])),
      [PLAYER_ID]: { kind: 'player', name: PLAYER_NAME, stats: PLAYER_STATS },
    },
    seed: `${seed}/${sessionId}`,
    move_timeouts_ms: MOVE_TIMEOUTS_MS,
    idle_close_ms: IDLE_CLOSE_MS,
  };
}

async function fight(client: RiposteClient, sessionId: string, options: PlayerOptions): Promise<void> {
  const { signal } = options;
  for (let turn = 1; turn <= TURNS_MAX && !signal.aborted; turn++) {
    await rest(TURN_MS, signal);
    const isOver = await persist(() => takeTurn(client, sessionId, turn, options), signal);
    if (isOver) return;
  }
}

/** One turn of hers; true where the fight is over. */
async function takeTurn(client: RiposteClient, sessionId: string, turn: number, options: PlayerOptions) {
  const { seed, signal, remark } = options;
  const state = await client.state(sessionId, PLAYER_ID);
  if (state === null || state.status === 'closed') return true;
  const chance = chanceOf(seed, `${sessionId}/${turn}`, 'policy');
  const deadline = Math.max(0, ...(state.incoming ?? []).map((blow) => blow.deadline));
  if (deadline > 0 && chance.happens(SILENCE_CHANCE)) {
    remark(sessionId, `${PLAYER_NAME} stares into space`);
    await rest(deadline + SILENCE_GRACE_MS - Date.now(), signal);
    return false;
  }
  const moves = movesFor(state, chance);
  if (moves.length > 0) await submit(client, sessionId, moves, remark);
  return false;
}

/** A move as a person would choose it, more or less. */
function movesFor(state: SessionState, chance: Chance): Move[] {
  const me = state.actors[PLAYER_ID];
  if (me === undefined || me.dead) return [];
  if (me.hp < PLAYER_HP * HURT && potionsLeft(me) > 0) return [item(PLAYER_ID, 'potion', 'self')];
  if (Number(me.energy) >= FLARE_COST && chance.happens(FLARE_CHANCE))
    return [skill(PLAYER_ID, 'flare', 'all_enemies')];
  return (state.queue ?? []).map((target) =>
    exchange(PLAYER_ID, target, { attack_zones: chance.draw(ZONES, 1), block_zones: chance.draw(ZONES, GUARDED) }),
  );
}

function potionsLeft({ charges }: Vitals): number {
  return typeof charges === 'object' && charges !== null && 'potion' in charges ? Number(charges.potion) : 0;
}

/** Submits moves until their outcome is known: to send the same again is safe. */
async function submit(
  client: RiposteClient,
  sessionId: string,
  moves: readonly Move[],
  remark: PlayerOptions['remark'],
): Promise<void> {
  let outcomes = await client.submit(sessionId, moves);
  if (outcomes.some(({ outcome }) => outcome === 'unknown')) {
    remark(sessionId, `${PLAYER_NAME} hears nothing and says it again`);
    outcomes = await client.submit(sessionId, moves, { again: true });
  }
  for (const each of outcomes) {
    // The fight moves on between looking and striking.
    if (each.outcome === 'refused') remark(sessionId, `${PLAYER_NAME} was too late: ${each.code}`);
  }
}
