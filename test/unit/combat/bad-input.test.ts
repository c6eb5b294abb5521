import { describe, expect, test } from 'vitest';
import type { LogKind } from '#contracts/subjects.ts';
import { exchange, LogBench } from './log-bench.ts';

const text = (value: string) => new TextEncoder().encode(value);
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('I10 bad input stops nobody', () => {
  const garbage: [string, Uint8Array][] = [
    ['no bytes', new Uint8Array()],
    ['a zero byte', new Uint8Array(1)],
    ['not UTF-8', new Uint8Array([0xff, 0xfe, 0x80])],
    ['half a message', text('{"session_id":"s1","signal_type":"check_imm')],
    ['a number', text('7')],
    ['null', text('null')],
    ['an empty object', text('{}')],
    ['an array', text('[]')],
    ['a byte order mark', text('\ufeff{"session_id":"s1","signal_type":"heartbeat"}')],
    ['deep nesting', text(deep(100_000))],
    ['another session', text('{"session_id":"s2","signal_type":"heartbeat","type":"closed"}')],
    ['more than 512 KiB', text(`{"session_id":"s1","signal_type":"heartbeat","pad":"${'x'.repeat(512 * 1024)}"}`)],
    ['an unknown type', text('{"session_id":"s1","signal_type":"check","type":"paused"}')],
    ['a type that is inherited', text('{"session_id":"s1","signal_type":"constructor","type":"__proto__"}')],
  ];
  test.each(garbage)('C12 %s: refused with the reason, and the session goes on', (_, bytes) => {
    for (const kind of ['signal', 'session', 'action', 'result'] satisfies LogKind[]) {
      const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
      bench.strike('A', 'B');
      const { verdicts, refused } = bench.append(kind, bytes);
      expect(verdicts).toEqual([]);
      expect(refused).toMatch(/^[^\n]{1,240}$/);
      expect([bench.session.status, bench.battle.status]).toEqual(['open', 'open']);
      bench.strike('B', 'A');
      bench.settle();
      expect(bench.results.map(({ status }) => status)).toEqual(['done']);
    }
  });

  test('what cannot be read on a subject moves its expected sequence all the same', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    bench.append('action', text('garbage'));
    bench.append('result', text('garbage'));
    bench.append('session', text('garbage'));
    bench.append('signal', text('garbage'));
    expect(bench.session.last).toEqual({ session: 4, action: 2, result: 3 });
    expect(bench.battle.lastResult).toBe(3);
    expect([bench.session.seq, bench.battle.seq]).toEqual([5, 5]);
  });

  test('a signal of 257 moves, or whose fields are none, is refused whole', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    const good = { session_id: 's1', signal_type: 'check_immediate', moves: [exchange('m', 'A', 'B')] };
    for (const over of [
      { moves: Array.from({ length: 257 }, () => exchange('m', 'A', 'B')) },
      { moves: {} },
      { char_id: 'self' },
      { move_id: 'a b' },
      { reply_to: 7 },
      { session_id: undefined },
    ]) {
      expect(bench.append('signal', { ...good, ...over })).toEqual({ verdicts: [], refused: expect.any(String) });
    }
    expect(bench.append('signal', { ...good, char_id: null, move_id: null, reply_to: null, extra: {} })).toMatchObject({
      verdicts: [{ accepted: true }],
      refused: null,
    });
  });

  test('only check_immediate registers moves', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    for (const signal_type of ['heartbeat', 'check_timeout']) {
      const signal = { session_id: 's1', signal_type, moves: [exchange('m', 'A', 'B')] };
      expect(bench.append('signal', signal)).toEqual({ verdicts: [], refused: null });
    }
    expect(bench.pool()).toEqual([]);
  });

  test('vitals nested deeper than any stack, in a result that follows, throw at nobody', () => {
    const bench = LogBench.open({ teams: { blue: ['B'], red: ['A'] } });
    bench.strike('A', 'B');
    bench.timeout({ move_id: 'm1' });
    bench.collect();
    const result = `{"session_id":"s1","through":4,"executed":1,"step":1,"results":[{"action_id":"1","status":"done","hits":[]}],
      "actors":{"B":{"hp":1,"dead":false,"deep":${deep(100_000)}}},"deaths":[],"target_returns":[]}`;
    expect(() => bench.append('result', text(result))).not.toThrow();
  });

  test('stats nested deeper than any stack throw at nobody', () => {
    const bench = new LogBench();
    const sheet = `{"kind":"player","stats":{"deep":${deep(50_000)}}}`;
    const opened = `{"type":"opened","session_id":"s1","teams":{"red":["A"],"blue":["B"]},"rules":{"name":"plain","version":1},"actors":{"A":${sheet},"B":${sheet}}}`;
    expect(() => bench.append('session', text(opened))).not.toThrow();
  });

  test('a refusal names no more than a line, whatever was sent', () => {
    const bench = new LogBench();
    const { refused } = bench.append('session', {
      type: 'opened',
      session_id: 's1',
      teams: { ['x\n'.repeat(5000)]: [] },
    });
    expect(refused).toMatch(/^[^\n]{1,240}$/);
  });
});
