// Proves that a seed decides a battle's set-up to the last stat, and that every set-up is one that the contract takes.

import { expect, test } from 'vitest';
import { SessionOpened } from '#contracts/session-message.ts';
import { ClassicStats } from '#rules/classic/stats.ts';
import { botBattle } from '#tools/arena/bot-battle.ts';

test('the same seed and id give the same battle, another seed or id another', () => {
  const battle = botBattle('demo-7-3', '7', 2);
  expect(botBattle('demo-7-3', '7', 2)).toEqual(battle);
  expect(botBattle('demo-7-4', '7', 2).actors).not.toEqual(battle.actors);
  expect(botBattle('demo-7-3', '8', 2).actors).not.toEqual(battle.actors);
});

test('every battle is a session of bots that the contract and the rules take', () => {
  for (let index = 0; index < 200; index++) {
    const battle = botBattle(`demo-x-${index}`, 'x', 2);
    expect(SessionOpened.safeParse({ type: 'opened', ...battle }).error).toBe(undefined);
    const actors = Object.values(battle.actors);
    expect(actors.map(({ kind }) => kind)).toEqual(['ai', 'ai', 'ai', 'ai']);
    for (const { stats } of actors) expect(ClassicStats.safeParse(stats).error).toBe(undefined);
  }
});
