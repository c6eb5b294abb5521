import { describe, expect, test } from 'vitest';
import { viewOf } from '#combat/view.ts';
import { check, encode } from '#contracts/decode.ts';
import { SessionView } from '#contracts/session-view.ts';
import { exchange, instant, LogBench, START } from './log-bench.ts';

describe('session.get', () => {
  const fight = () => {
    const bench = LogBench.open({ teams: { blue: ['B', 'C'], red: ['A', 'D'] }, actors: { C: { kind: 'ai' } } });
    bench.declare(exchange('ab', 'A', 'B', { attack_zones: ['secret'] }), instant('i', 'C', 'A', { note: 'secret' }));
    bench.wait(1000).declare(exchange('ba', 'B', 'D', { block_zones: ['secret'] }), exchange('da', 'D', 'B'));
    return bench;
  };

  test('shows how everybody stands, and to an actor its queue, its blows and who has struck at it', () => {
    const bench = fight();
    expect(viewOf(bench.session, 'B')).toEqual({
      status: 'open',
      winner: null,
      step: 0,
      seq: 3,
      teams: { blue: ['B', 'C'], red: ['A', 'D'] },
      actors: {
        A: { kind: 'player', hp: 100, dead: false, struck: 0 },
        B: { kind: 'player', hp: 100, dead: false, struck: 0 },
        C: { kind: 'ai', hp: 100, dead: false, struck: 0 },
        D: { kind: 'player', hp: 100, dead: false, struck: 0 },
      },
      queue: ['A'],
      incoming: [
        { from: 'A', deadline: START + 60_000 },
        { from: 'D', deadline: START + 61_000 },
      ],
      open: [{ move_id: 'ba', target_id: 'D', deadline: START + 61_000 }],
    });
    expect(viewOf(bench.session, null)).not.toHaveProperty('queue');
  });

  test('never another actor’s zones or pending payloads', () => {
    const bench = fight();
    for (const id of [null, 'A', 'B', 'C', 'D'])
      expect(JSON.stringify(viewOf(bench.session, id))).not.toMatch('secret');
  });

  test('is of the shape the contract gives, at every moment', () => {
    const bench = fight();
    const look = () => {
      for (const id of [null, ...bench.fight.roster.byId.keys()]) {
        const view = viewOf(bench.session, id);
        expect(check(SessionView, JSON.parse(new TextDecoder().decode(encode(view))))).toMatchObject({ ok: true });
      }
    };
    look();
    bench.leave('D');
    look();
    bench.settle();
    look();
    bench.close();
    look();
    expect(viewOf(bench.session, 'B')).toMatchObject({ status: 'closed', reason: 'cancelled', queue: [], open: [] });
    expect(viewOf(bench.session, 'D')).toMatchObject({ queue: [], incoming: [], actors: { D: { gone: true } } });
  });

  test('of a session that never opened, or of a stranger, is an error', () => {
    expect(viewOf(new LogBench().session, null)).toEqual({ error: 'session_not_found' });
    expect(viewOf(fight().session, 'nobody')).toEqual({ error: 'actor_unknown' });
  });
});
