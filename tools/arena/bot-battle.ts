// Owns: the set-up of a battle of bots: who stands where, and under which seed. The same seed and number give the same
// set-up, to the last stat.

import type { NewSession } from '#client/new-session.ts';
import { drawFighters, type Fighter } from './fighters.ts';

/** Teams of the arena, by name. */
const RED = 'red';
const BLUE = 'blue';

/** A battle of bots stands still only where nothing answers it: it is over long before this. */
const IDLE_CLOSE_MS = 60_000;

/**
 * A battle of two teams of bots.
 * @param sessionId its id; with the seed it decides who fights
 * @param seed decides the fighters and, with the id, every roll of the rules
 * @param teamSize fighters on each side
 */
export function botBattle(sessionId: string, seed: string, teamSize: number): NewSession {
  const fighters = drawFighters(seed, sessionId, teamSize * 2);
  const ids = (team: readonly Fighter[]): string[] => team.map(({ id }) => id);
  return {
    session_id: sessionId,
    teams: { [RED]: ids(fighters.slice(0, teamSize)), [BLUE]: ids(fighters.slice(teamSize)) },
    actors: Object.fromEntries(fighters.map(({ id, sheet }) => [id, sheet])),
    seed: `${seed}/${sessionId}`,
    idle_close_ms: IDLE_CLOSE_MS,
  };
}
