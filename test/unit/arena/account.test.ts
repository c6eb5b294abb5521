// Proves what an account makes of the log: who struck whom, where and how it ended, for fights it knows from their start and
// for those it does not, and that no name of a client's reaches a terminal as anything but text.

import { expect, test } from 'vitest';
import type { CombatEvent, ResultBody } from '#client/combat-event.ts';
import { Account } from '#tools/arena/account.ts';
import { painter } from '#tools/arena/paint.ts';

const PLACE = { session_id: 's1', seq: 1, time: 0 };
const hit = {
  source_id: '101',
  target_id: '-7',
  wave: 1,
  hand: 'main',
  outcome: 'hit',
  damage: 12,
  zone: 'head',
} as const;

function opened(names: readonly [string, string] = ['Ann', 'Grim']): CombatEvent {
  return {
    ...PLACE,
    kind: 'session',
    body: {
      type: 'opened',
      session_id: 's1',
      teams: { red: ['101'], blue: ['-7'] },
      actors: {
        101: { kind: 'player', name: names[0], stats: { hp: 60 } },
        '-7': { kind: 'ai', name: names[1], stats: { hp: 50 } },
      },
      targets: {},
      rules: { name: 'classic', version: 1 },
      max_steps: 1,
      idle_close_ms: 1,
      move_timeouts_ms: [1],
    },
  };
}

function result(body: Partial<ResultBody>): CombatEvent {
  const empty = { session_id: 's1', through: 1, executed: 1, step: 1, results: [], actors: {}, deaths: [] };
  return { ...PLACE, kind: 'result', body: { ...empty, target_returns: [], ...body } };
}

const done = (hits: ResultBody['results'][number]['hits'], id = '1') =>
  ({ action_id: id, status: 'done', hits }) satisfies ResultBody['results'][number];

function tell(events: readonly CombatEvent[]): [weight: string, text: string][] {
  const account = new Account(painter(false), (id) => id);
  return events.flatMap((event) => account.take(event)).map(({ weight, text }) => [weight, text]);
}

test('a fight from its start to its end', () => {
  const move = { move_id: 'm', char_id: '101', strategy: 'exchange', payload: { target_id: '-7' } } as const;
  const action = { action_id: '2', type: 'exchange', move, partner_move: null, is_forced: true } as const;
  expect(
    tell([
      opened(),
      result({
        results: [done([hit, { ...hit, source_id: '-7', target_id: '101', outcome: 'parry', damage: 0 }])],
        actors: { '-7': { hp: 38, dead: false } },
      }),
      { ...PLACE, kind: 'action', body: { session_id: 's1', through: 1, actions: [action] } },
      result({
        step: 2,
        results: [done([{ ...hit, outcome: 'crit', damage: 40, hand: 'off' }], '2')],
        actors: { '-7': { hp: 0, dead: true } },
        deaths: ['-7'],
      }),
      { ...PLACE, kind: 'session', body: { type: 'closed', session_id: 's1', winner: 'red', reason: 'victory' } },
      { ...PLACE, kind: 'session', body: { type: 'closed', session_id: 's1', winner: null, reason: 'cancelled' } },
    ]),
  ).toEqual([
    ['news', 's1        Ann (red) against Grim (blue)'],
    ['blow', 's1        Ann      > Grim     hit 12   head             Grim     ########.. 38/50'],
    ['blow', 's1        Grim     > Ann      parry    head             Ann      ########## 60/60'],
    ['news', 's1        Grim gave no answer: Ann strikes a dummy'],
    ['news', 's1        Ann      > Grim     crit 40  head, off hand   Grim     .......... 0/50'],
    ['news', 's1        Grim falls'],
    ['news', 's1        red wins after 2 exchanges'],
  ]);
});

test('a fight it meets in the middle, under rules it does not know', () => {
  const strike = { source_id: '1', target_id: '2', wave: 1, hand: 'claw', outcome: 'hit', damage: 3 } as const;
  expect(
    tell([
      result({ step: 40, results: [done([strike])], actors: { 2: { hp: 7, dead: false } } }),
      result({ step: 41, results: [done([strike])], actors: { 2: { hp: 4, dead: false } } }),
      result({ step: 41, results: [{ action_id: '9', status: 'failed', reason: 'no such spell', hits: [] }] }),
    ]).map(([, text]) => text),
  ).toEqual([
    's1        1        > 2        hit 3',
    's1        1        > 2        hit 3                     2        ######.... 4/7',
    's1        action 9 failed: no such spell',
  ]);
});

test('names and zones are text, whatever a client has put in them', () => {
  const [first, second] = tell([
    opened(['\u001b[2JAnn\n', 'Гримм']),
    result({ results: [done([{ ...hit, zone: '\u001b]0;x\u0007' }])] }),
  ]);
  expect(first![1]).toBe('s1        ?[2JAnn? (red) against Гримм (blue)');
  expect(second![1]).toContain(' ?]0;x?');
  expect(second![1]).not.toContain('\u001b');
});

test('what it has told is counted', () => {
  const account = new Account(painter(false), (id) => id);
  account.take(opened());
  account.take(
    result({ step: 3, results: [done([hit, hit, { ...hit, outcome: 'miss', damage: 0 }])], deaths: ['-7'] }),
  );
  account.take({
    ...PLACE,
    kind: 'session',
    body: { type: 'closed', session_id: 's1', winner: null, reason: 'my own' },
  });
  expect(account.tally.lines(61_400)).toEqual([
    '1 fights opened; ended: 1 other',
    '3 exchanges, 3 blows (2 hit, 1 miss)',
    '0 forced, 1 fell; all in 61 s',
  ]);
});
