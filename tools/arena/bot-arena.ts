// Owns: keeping a few battles of bots going: a new one as another ends, no faster than they can be told.

import type { RiposteClient } from '#client/client.ts';
import { botBattle } from './bot-battle.ts';
import { persist, rest } from './patience.ts';

/** Battles at once. */
const BATTLES = 3;
const TEAM_SIZE = 2;
/** Between the end of one battle and the next in its place. */
const BREAK_MS = 2_000;
/** A battle that is not over by then is nobody's business any more: the roles have gone, or something is wrong. */
const BATTLE_LIMIT_MS = 120_000;
/** Bots fight faster than anybody reads: no new battle while more lines than this wait. */
const BACKLOG_MAX = 12;

/** What the arena is given. */
export interface ArenaOptions {
  /** Its sessions are called `<name>-1`, `<name>-2`, ... */
  readonly name: string;
  readonly seed: string;
  /** Lines of the account that wait to be shown. */
  backlog(): number;
  readonly signal: AbortSignal;
}

/** Fights until the signal. Rejects with RiposteError for what does not mend by itself. */
export async function runBotArena(client: RiposteClient, options: ArenaOptions): Promise<void> {
  const { name, seed, backlog, signal } = options;
  let count = 0;
  const fightOne = async (): Promise<void> => {
    count += 1;
    const battle = botBattle(`${name}-${count}`, seed, TEAM_SIZE);
    await fight(client, battle, signal);
    do await rest(BREAK_MS, signal);
    while (!signal.aborted && backlog() > BACKLOG_MAX);
  };
  const place = async (): Promise<void> => {
    while (!signal.aborted) await persist(fightOne, signal);
  };
  await Promise.all(Array.from({ length: BATTLES }, place));
}

/** Opens a battle and resolves when it is closed; calls it off where it is broken off. */
async function fight(client: RiposteClient, battle: ReturnType<typeof botBattle>, signal: AbortSignal): Promise<void> {
  const { session_id: sessionId } = battle;
  await client.open(battle);
  const over = AbortSignal.any([signal, AbortSignal.timeout(BATTLE_LIMIT_MS)]);
  await using events = await client.follow(['session'], { sessionId });
  const stop = () => void events.stop();
  over.addEventListener('abort', stop, { once: true });
  if (over.aborted) stop();
  try {
    for await (const { body } of events) if (body.type === 'closed') return;
  } finally {
    over.removeEventListener('abort', stop);
  }
  await client.close(sessionId);
}
