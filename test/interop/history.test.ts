// Proves that the history check sees what it is there to see in logs that are written by hand, from contract.md and semantics.md,
// by rules that it does not know: a log without fault passes, and each kind of fault is named.

import { describe, expect, test } from 'vitest';
import { violationsOf } from './history.ts';
import { strike } from './outsider.ts';
import type { Action, LogEntry, Move, ResultMessage } from './wire.ts';

const SESSION = 's1';
const START_MS = 1_800_000_000_000;

/** A log that is written message by message, one second apart. */
class HandMade {
  readonly entries: LogEntry[] = [];

  write(kind: LogEntry['kind'], body: object): number {
    const seq = this.entries.length + 1;
    const area = kind === 'signal' ? 'collector' : 'combat';
    const data = new TextEncoder().encode(JSON.stringify(body));
    const subject = `${area}.${kind}.${SESSION}`;
    this.entries.push({ seq, timeMs: START_MS + 1_000 * seq, subject, kind, session: SESSION, data, body });
    return seq;
  }

  opened(): number {
    const teams = { red: ['a', 'c'], blue: ['b'] };
    const actors = Object.fromEntries(['a', 'b', 'c'].map((id) => [id, { kind: 'player', stats: {} }]));
    const rules = { name: 'by-hand', version: 1 };
    const body = { type: 'opened', session_id: SESSION, teams, actors, rules, move_timeouts_ms: [5_000] };
    return this.write('session', body);
  }

  moves(...moves: Move[]): number {
    return this.write('signal', { session_id: SESSION, signal_type: 'check_immediate', moves });
  }

  action(through: number, ...actions: Action[]): number {
    return this.write('action', { session_id: SESSION, through, actions });
  }

  result(through: number, executed: number, step: number, rest: Partial<ResultMessage>): number {
    const bare = { results: [], actors: {}, deaths: [], target_returns: [] };
    return this.write('result', { session_id: SESSION, through, executed, step, ...bare, ...rest });
  }

  closed(winner: string | null, reason: string): number {
    return this.write('session', { type: 'closed', session_id: SESSION, winner, reason, through: this.entries.length });
  }
}

function exchange(id: string, move: Move, partner: Move | null, forced = false): Action {
  return { action_id: id, type: 'exchange', move, partner_move: partner, is_forced: forced };
}

const ab = strike('a', 'b');
const ba = strike('b', 'a');
const cb = strike('c', 'b');
const done = (...ids: string[]): Pick<ResultMessage, 'results'> => ({
  results: ids.map((action_id) => ({ action_id, status: 'done' as const, hits: [] })),
});

/** One pair, one forced blow that kills b, and the end. `change` may spoil any of it. */
function fight(change: (log: HandMade, step: string) => boolean = () => false): LogEntry[] {
  const log = new HandMade();
  const steps: Record<string, () => void> = {
    opened: () => log.opened(),
    moves: () => log.moves(ab, ba, cb),
    pair: () => log.action(2, exchange('1', ab, ba)),
    pairResult: () =>
      log.result(3, 1, 1, {
        ...done('1'),
        target_returns: [
          ['a', 'b'],
          ['b', 'a'],
        ],
      }),
    timeout: () => log.write('signal', { session_id: SESSION, signal_type: 'check_timeout', move_id: cb.move_id }),
    forced: () => log.action(5, exchange('2', cb, null, true)),
    forcedResult: () => log.result(6, 2, 2, { ...done('2'), deaths: ['b'], actors: { b: { hp: 0, dead: true } } }),
    closed: () => log.closed('red', 'victory'),
  };
  for (const [name, write] of Object.entries(steps)) if (!change(log, name)) write();
  return log.entries;
}

/** The fight with one of its messages replaced; undefined leaves it out. */
function spoiled(step: string, write?: (log: HandMade) => void): LogEntry[] {
  return fight((log, name) => {
    if (name === step) write?.(log);
    return name === step;
  });
}

describe('the history check', () => {
  test('passes a log without fault', () => {
    expect(violationsOf(fight())).toEqual([]);
  });

  test('I2 names a move that is in two actions', () => {
    const log = spoiled('forced', (at) => at.action(5, exchange('2', cb, null, true), exchange('3', ab, null, true)));
    expect(violationsOf(log)).toContain(`at 6: I2: action 3 holds move ${ab.move_id}, which is in action 1`);
  });

  test('I2 names a move that was never accepted', () => {
    const stranger = strike('c', 'a');
    const log = spoiled('pair', (at) => at.action(2, exchange('1', ab, ba), exchange('2', stranger, null, true)));
    expect(violationsOf(log)).toContain(`at 3: I2: action 2 holds move ${stranger.move_id}, which was never accepted`);
  });

  test('I2 names a pair that was left standing, and one that goes out forced instead', () => {
    const expected = `at 3: I2: the log to 2 calls for [${ab.move_id}+${ba.move_id}], emitted [${ab.move_id}!]`;
    const log = spoiled('pair', (at) => at.action(2, exchange('1', ab, null, true)));
    expect(violationsOf(log)).toContain(expected);
  });

  test('I2 names a blow that is forced before it is due', () => {
    const log = spoiled('timeout', (at) => at.write('signal', { session_id: SESSION, signal_type: 'check_timeout' }));
    expect(violationsOf(log)).toEqual([`at 6: I2: the log to 5 calls for [], emitted [${cb.move_id}!]`]);
  });

  test('a deadline counts from log time', () => {
    const log = new HandMade();
    log.opened();
    log.moves(cb);
    for (const seq of [3, 4, 5, 6]) log.write('signal', { session_id: SESSION, signal_type: 'heartbeat', seq });
    log.write('signal', { session_id: SESSION, signal_type: 'check_timeout', char_id: 'c' });
    log.action(7, exchange('1', cb, null, true));
    log.result(8, 1, 1, { ...done('1'), target_returns: [['c', 'b']] });
    log.closed(null, 'cancelled');
    expect(violationsOf(log.entries)).toEqual([]);
  });

  test('I4 names a missing, a double and a misplaced result', () => {
    expect(violationsOf(spoiled('forcedResult'))).toContain('1 of 2 actions have no result');
    const twice = spoiled('pairResult', (log) => {
      for (const executed of [1, 2]) log.result(3, executed, executed, { ...done('1') });
    });
    expect(violationsOf(twice)).toContain('at 5: I5: a stale writer: action 1 had its result already');
    const misplaced = spoiled('pairResult', (log) => log.result(3, 1, 1, { ...done('2') }));
    expect(violationsOf(misplaced)).toContain('at 4: I4: a result of action 2, which had not been emitted');
  });

  test('I4 names a gap in the action ids and a wrong count', () => {
    const gap = spoiled('pair', (log) => log.action(2, exchange('2', ab, ba)));
    expect(violationsOf(gap)).toContain('at 3: I4: action 2 stands where 1 is due');
    const count = spoiled('pairResult', (log) => log.result(3, 2, 1, { ...done('1') }));
    expect(violationsOf(count)).toContain('at 4: I4: executed 2, counted 1');
    const step = spoiled('pairResult', (log) => log.result(3, 1, 0, { ...done('1') }));
    expect(violationsOf(step)).toContain('at 4: I4: step 0, counted 1');
  });

  test('names returns that are not owed and returns that are missing', () => {
    const log = spoiled('pairResult', (at) => at.result(3, 1, 1, { ...done('1'), target_returns: [['a', 'b']] }));
    expect(violationsOf(log)).toContain('at 4: I3: returned [a,b] where [a,b; b,a] is owed');
  });

  test('names a session that does not close, or closes for the wrong team', () => {
    expect(violationsOf(spoiled('closed'))).toContain('the session never closed');
    const wrong = spoiled('closed', (log) => log.closed('blue', 'victory'));
    expect(violationsOf(wrong)).toEqual([
      'at 8: I5: closed for victory of blue, where the log to 7 ends in victory of red',
    ]);
  });

  test('names a victory that does not wait for an action, but not one that another replica emitted meanwhile', () => {
    const early = fight((log, step) => {
      if (step === 'closed') log.entries.splice(-1, 1);
      return false;
    });
    expect(violationsOf(early)).toContain('at 7: I5: closed for victory of red, where the log to 6 calls for no close');
    const last = strike('a', 'c');
    const meanwhile = new HandMade();
    meanwhile.opened();
    meanwhile.moves(ab, cb);
    meanwhile.write('signal', { session_id: SESSION, signal_type: 'check_timeout', move_id: ab.move_id });
    meanwhile.action(3, exchange('1', ab, null, true));
    meanwhile.write('signal', { session_id: SESSION, signal_type: 'check_timeout', move_id: cb.move_id });
    meanwhile.result(4, 1, 1, { ...done('1'), deaths: ['b'], actors: { b: { hp: 0, dead: true } } });
    meanwhile.action(5, exchange('2', cb, null, true));
    const closed = { type: 'closed', session_id: SESSION, winner: 'red', reason: 'victory', through: 6 };
    meanwhile.write('session', closed);
    meanwhile.moves(last);
    meanwhile.result(9, 2, 1, { results: [{ action_id: '2', status: 'skipped', reason: 'session_closed', hits: [] }] });
    expect(violationsOf(meanwhile.entries)).toEqual([]);
  });

  test('drops the moves of the dead and refuses what they send', () => {
    const log = new HandMade();
    log.opened();
    log.moves(ab, cb);
    log.write('signal', { session_id: SESSION, signal_type: 'check_timeout', move_id: ab.move_id });
    log.action(3, exchange('1', ab, null, true));
    log.result(4, 1, 1, { ...done('1'), deaths: ['b'], actors: { b: { hp: 0, dead: true } } });
    log.moves(strike('b', 'c'));
    log.closed('red', 'victory');
    expect(violationsOf(log.entries)).toEqual([]);
  });
});
