import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encode, oneLine } from '#contracts/decode.ts';
import { jsonBytes, objectOf, utf8Bytes } from '#contracts/json.ts';
import { MESSAGE_MAX_BYTES, REASON_MAX_CHARS } from '#contracts/limits.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { encodeResult, type ResultMessage } from '#contracts/result.ts';
import type { LogKind } from '#contracts/subjects.ts';

const KINDS = ['session', 'signal', 'action', 'result'] as const satisfies readonly LogKind[];
/** Lone surrogates included. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd800, max: 0xdfff })))
  .map((units) => String.fromCharCode(...units));
const text = (value: string) => new TextEncoder().encode(value);

describe('sizes', () => {
  test('of a text are its bytes as UTF-8, whatever stands in it', () => {
    fc.assert(
      fc.property(anyText, (value) => {
        expect(utf8Bytes(value)).toBe(Buffer.byteLength(value));
        expect(jsonBytes(value)).toBe(Buffer.byteLength(JSON.stringify(value)));
      }),
    );
    for (const odd of [
      '\ud800',
      '\udc00',
      '\ud800\ud800',
      '\udc00\ud800',
      'a\ud83d',
      '😀',
      '\ud800\ue000',
      '\uffff',
      '\u07ff\u0800',
    ]) {
      expect([odd, utf8Bytes(odd)]).toEqual([odd, Buffer.byteLength(odd)]);
    }
  });

  test('a message of 512 KiB is read, one of a byte more is not', () => {
    const bytes = (size: number) => text(`"${'x'.repeat(size - 2)}"`);
    expect(decodeJson(bytes(MESSAGE_MAX_BYTES)).ok).toBe(true);
    expect(decodeJson(bytes(MESSAGE_MAX_BYTES + 1))).toEqual({ ok: false, reason: '524289 bytes, more than 524288' });
  });
});

describe('I10 a message decodes to a value or to a refusal, and never throws', () => {
  test.each(KINDS)('%s: any bytes', (kind) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const message = readLogMessage(kind, 's1', bytes);
        expect(message).toMatchObject({ kind: 'unreadable', of: kind, opening: false });
      }),
    );
  });

  test.each(KINDS)('%s: any JSON, and any JSON in the place of each field', (kind) => {
    const field = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('s1', 'opened', 'joined', 'closed', 'left', 'check_immediate', 7, [], {}),
    );
    const names = [
      'type',
      'session_id',
      'teams',
      'actors',
      'targets',
      'signal_type',
      'moves',
      'actions',
      'results',
      'through',
      'executed',
      'step',
      'deaths',
      'target_returns',
      'actor_id',
      'team',
      'actor',
      '__proto__',
      'lock_rev',
    ];
    const body = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...names), field));
    fc.assert(
      fc.property(body, (value) => {
        const message = readLogMessage(kind, 's1', encode(value));
        if (message.kind === 'unreadable') expect(message.reason).toMatch(/^[^\n]{1,240}$/);
        else expect(message.kind).toBe(kind);
      }),
    );
  });

  test.each(KINDS)('%s: deep nesting, wherever it stands', (kind) => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    const at = (field: string) =>
      text(`{"session_id":"s1","type":"opened","signal_type":"check_immediate","${field}":${deep}}`);
    for (const field of ['teams', 'actors', 'moves', 'x', 'actions', 'results', 'char_id', 'session_id']) {
      expect(() => readLogMessage(kind, 's1', at(field))).not.toThrow();
    }
  });
});

describe('what is refused', () => {
  test('says why in one line of bounded length', () => {
    expect(decodeJson(text('{'))).toMatchObject({ ok: false, reason: expect.stringMatching(/^not JSON: /) });
    expect(decodeJson(new Uint8Array([0xc3, 0x28]))).toEqual({ ok: false, reason: 'not UTF-8' });
    expect(oneLine(`a\nb\r\tc\u007f\u0000`)).toBe('a b  c  ');
    expect(oneLine('x'.repeat(1000))).toHaveLength(REASON_MAX_CHARS);
    expect(oneLine('x'.repeat(REASON_MAX_CHARS))).toBe('x'.repeat(REASON_MAX_CHARS));
    expect(oneLine(`${'x'.repeat(REASON_MAX_CHARS - 4)}😀😀😀`)).toSatisfy(
      (line: string) => line.length <= REASON_MAX_CHARS,
    );
  });

  test('a body that names another session than its subject; one that names it as an integer is read', () => {
    const signal = (id: unknown) => encode({ session_id: id, signal_type: 'heartbeat' });
    expect(readLogMessage('signal', '5', signal(5))).toMatchObject({ kind: 'signal', body: { session_id: '5' } });
    expect(readLogMessage('signal', '5', signal('6'))).toMatchObject({
      kind: 'unreadable',
      reason: "session_id 6 disagrees with the subject's 5",
    });
    expect(readLogMessage('signal', '5', encode({ signal_type: 'heartbeat' }))).toMatchObject({ kind: 'unreadable' });
  });

  test('a bad opened is told from other bad messages', () => {
    const opening = (kind: LogKind, body: unknown) => {
      const message = readLogMessage(kind, 's1', encode(body));
      return message.kind === 'unreadable' && message.opening;
    };
    expect(opening('session', { type: 'opened' })).toBe(true);
    expect(opening('session', { type: 'opened', session_id: 's2' })).toBe(true);
    expect(opening('session', { type: 'joined' })).toBe(false);
    expect(opening('signal', { type: 'opened' })).toBe(false);
    expect(opening('session', ['opened'])).toBe(false);
  });
});

describe('results', () => {
  test('survive the wire as they are, with __proto__ and integers for ids, in their order', () => {
    const message: ResultMessage = {
      session_id: 's1',
      through: 3,
      executed: 1,
      step: 1,
      results: [
        {
          action_id: '1',
          status: 'done',
          hits: [{ source_id: 'a', target_id: 'b', wave: 1, hand: 'main', outcome: 'hit', damage: 1.5, zone: 'head' }],
        },
      ],
      actors: [
        ['b', { hp: 1, dead: false, own: { deep: [1] } }],
        ['__proto__', { hp: 0, dead: true }],
        ['constructor', { hp: -1, dead: false }],
      ],
      deaths: ['__proto__'],
      target_returns: [['a', 'b']],
    };
    expect(readLogMessage('result', 's1', encodeResult(message))).toEqual({ kind: 'result', body: message });
  });

  test('unknown extra fields are ignored, everywhere', () => {
    const signal = { session_id: 's1', signal_type: 'heartbeat', extra: { a: 1 }, lock_rev: 'nonsense' };
    expect(readLogMessage('signal', 's1', encode(signal))).toMatchObject({ kind: 'signal' });
  });

  test('objects are built from pairs without touching any prototype', () => {
    const built = objectOf<unknown>([
      ['__proto__', { polluted: true }],
      ['a', 1],
    ]);
    expect(Object.keys(built)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(built)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).polluted).toBe(undefined);
  });
});
