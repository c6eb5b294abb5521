import { describe, expect, test } from 'vitest';
import { check } from '#contracts/decode.ts';
import { SessionMessage } from '#contracts/session-message.ts';

const sheet = { kind: 'player', stats: {} };
const opened = (over: object) => ({
  type: 'opened',
  session_id: 's1',
  teams: { red: ['101'], blue: ['-7'] },
  actors: { '101': sheet, '-7': { kind: 'ai', stats: { hp: 80 } } },
  ...over,
});
const refusalOf = (value: unknown): string => {
  const read = check(SessionMessage, value);
  return read.ok ? 'accepted' : read.reason;
};
const crowd = (count: number) => Array.from({ length: count }, (_, at) => `c${at}`);

describe('opened', () => {
  test('the contract’s own example is accepted, and what it leaves out is filled in', () => {
    const read = check(SessionMessage, opened({}));
    expect(read).toMatchObject({
      ok: true,
      value: {
        rules: { name: 'classic', version: 1 },
        max_steps: 10_000,
        idle_close_ms: 600_000,
        move_timeouts_ms: [60_000, 50_000, 40_000, 30_000, 20_000],
      },
    });
  });

  test.each<[string, object, string]>([
    ['no teams', { teams: {}, actors: {} }, 'a fight needs two teams, not 0'],
    ['one team', { teams: { red: ['101', '-7'] } }, 'a fight needs two teams, not 1'],
    ['an empty team', { teams: { red: ['101', '-7'], blue: [] } }, 'team blue has no actors'],
    ['a team without a name', { teams: { '': ['101'], blue: ['-7'] } }, "a team's name has 1 to 64 characters"],
    [
      'an actor in two teams',
      { teams: { red: ['101', '-7'], blue: ['-7'] } },
      'actor -7 stands in two places of the teams',
    ],
    [
      'an actor twice in one team',
      { teams: { red: ['101', 101], blue: ['-7'] } },
      'actor 101 stands in two places of the teams',
    ],
    [
      'an actor nobody described',
      { teams: { red: ['101', 'x'], blue: ['-7'] } },
      'actor x is in a team and not described in actors',
    ],
    ['an actor in no team', { actors: { '101': sheet, '-7': sheet, x: sheet } }, 'actor x is in no team'],
    ['an actor with no id', { actors: { '101': sheet, '-7': sheet, 'a b': sheet } }, '"a b" is not an actor id'],
    [
      'an actor with an alias for a name',
      { teams: { red: ['self'], blue: ['-7'] } },
      'teams.red.0: expected an actor id: 1 to 64 of A-Z a-z 0-9 _ -, and no alias of a target',
    ],
    [
      'an actor of no kind',
      { actors: { '101': { stats: {} }, '-7': sheet } },
      'actors.101.kind: Invalid option: expected one of "player"|"ai"',
    ],
    [
      'stats that are none',
      { actors: { '101': { kind: 'ai', stats: [] }, '-7': sheet } },
      'actors.101.stats: expected an object',
    ],
    ['targets of a stranger', { targets: { x: ['101'] } }, 'targets of "x", who is not in the session'],
    ['an unknown target', { targets: { '101': ['x'] } }, 'target x of 101 is no enemy of theirs'],
    ['a target twice', { targets: { '101': ['-7', -7] } }, 'targets of 101 name somebody twice'],
    [
      'an ally as a target',
      {
        teams: { red: ['101', 'x'], blue: ['-7'] },
        actors: { '101': sheet, '-7': sheet, x: sheet },
        targets: { '101': ['x'] },
      },
      'target x of 101 is no enemy of theirs',
    ],
    ['oneself as a target', { targets: { '101': ['101'] } }, 'target 101 of 101 is no enemy of theirs'],
    [
      '1,025 actors',
      {
        teams: { red: crowd(1024), blue: ['-7'] },
        actors: Object.fromEntries([...crowd(1024), '-7'].map((id) => [id, sheet])),
      },
      '1025 actors, more than 1024',
    ],
    ['no timeouts', { move_timeouts_ms: [] }, 'move_timeouts_ms: '],
    ['a timeout of nothing', { move_timeouts_ms: [0] }, 'move_timeouts_ms.0: '],
    ['no steps', { max_steps: 0 }, 'max_steps: '],
    ['half a step', { max_steps: 1.5 }, 'max_steps: '],
    ['no idle time', { idle_close_ms: 0 }, 'idle_close_ms: '],
    ['a seed that is none', { seed: 7 }, 'seed: '],
    ['rules without a version', { rules: { name: 'classic' } }, 'rules.version: '],
    ['no session', { session_id: null }, 'session_id: expected an id'],
  ])('%s is refused, and says so', (_, over, reason) => {
    expect(refusalOf(opened(over))).toContain(reason);
  });

  test('1,024 actors are accepted, in teams of any size and number', () => {
    const ids = crowd(1024);
    const actors = Object.fromEntries(ids.map((id) => [id, sheet]));
    expect(refusalOf(opened({ teams: { red: ids.slice(0, 1), blue: ids.slice(1) }, actors }))).toBe('accepted');
    expect(refusalOf(opened({ teams: Object.fromEntries(ids.map((id) => [id, [id]])), actors }))).toBe('accepted');
  });

  test('actors and teams named __proto__ are read, not lost', () => {
    const read = check(
      SessionMessage,
      JSON.parse(
        '{"type":"opened","session_id":"s1","teams":{"__proto__":["__proto__"],"b":["constructor"]},"actors":{"__proto__":{"kind":"ai","stats":{"__proto__":1}},"constructor":{"kind":"ai","stats":{}}}}',
      ),
    );
    expect(read).toMatchObject({
      ok: true,
      value: {
        teams: [
          ['__proto__', ['__proto__']],
          ['b', ['constructor']],
        ],
      },
    });
    expect(read.ok && read.value.type === 'opened' && Object.keys(read.value.actors[0]![1].stats)).toEqual([
      '__proto__',
    ]);
  });
});

describe('joined, left, closed', () => {
  test.each<[object, string]>([
    [{ type: 'joined', actor_id: 'x', team: 'red', actor: sheet }, 'accepted'],
    [{ type: 'joined', actor_id: 5, team: 'red', actor: sheet }, 'accepted'],
    [{ type: 'joined', actor_id: 'self', team: 'red', actor: sheet }, 'actor_id: expected an actor id'],
    [{ type: 'joined', actor_id: 'x', team: '', actor: sheet }, 'team: '],
    [{ type: 'joined', actor_id: 'x', team: 'red' }, 'actor: '],
    [{ type: 'left', actor_id: 'x' }, 'accepted'],
    [{ type: 'left', actor_id: 'x', reason: 'surrender' }, 'accepted'],
    [{ type: 'left' }, 'actor_id: '],
    [{ type: 'closed', winner: 'red', reason: 'victory', through: 5 }, 'accepted'],
    [{ type: 'closed', winner: null, reason: 'draw' }, 'accepted'],
    [{ type: 'closed' }, 'accepted'],
    [{ type: 'closed', winner: 7 }, 'winner: '],
    [{ type: 'paused' }, 'type: '],
    [{}, 'type: '],
  ])('%j: %s', (body, verdict) => {
    expect(refusalOf({ session_id: 's1', ...body })).toContain(verdict);
  });
});
