// Proves I10 of the pure part, over messages broken in a place or a few: no decoder and no fold throws; what is refused has
// a reason in one line and changes nothing; every replica reads alike; whatever is read of a snapshot can be worked with;
// and 512 KiB of anything is read or refused. Seeds: FC_SEED replays a run, FC_RUNS says how many.

import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { resolve } from '#combat/battle.ts';
import { restoreBattle, snapshotBattle } from '#combat/battle-snapshot.ts';
import { decide, evolve, initialSession, type Session } from '#combat/session.ts';
import { restoreSession, snapshotSession } from '#combat/session-snapshot.ts';
import { viewOf } from '#combat/view.ts';
import { type Decoded, decode, decodeJson } from '#contracts/decode.ts';
import { NESTING_MAX, REASON_MAX_CHARS } from '#contracts/limits.ts';
import { LockValue, Tries } from '#contracts/lock.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { SessionGet } from '#contracts/session-view.ts';
import type { LogKind } from '#contracts/subjects.ts';
import { AiTurnRequest, ExecutorBatch } from '#contracts/tasks.ts';
import { TimerBody } from '#contracts/timer.ts';
import { exchange, LogBench } from '#test/unit/combat/log-bench.ts';
import { PLAIN_BOOK } from '#test/unit/combat/plain-rules.ts';
import { broken, type Hostile, noise } from './broken-json.ts';
import { seeded } from './random-log.ts';
import { type Cast, SHAPES, validMessage } from './shapes.ts';

vi.setConfig({ testTimeout: 600_000 });

const KINDS = ['session', 'signal', 'action', 'result'] as const satisfies readonly LogKind[];
const CAST: Cast = { session: 's1', actors: ['a', 'x', 'b', '-7', 'nobody'], moves: ['m1', 'm2', 'm3', 'm4', 'm9'] };
/** One line, as long as a reason may be; a header's value in the end. */
const REASON = new RegExp(`^[^\\x00-\\x1f\\x7f]{1,${REASON_MAX_CHARS}}$`, 'u');

const anyMessage = (shape: (typeof SHAPES)[number]): fc.Arbitrary<Hostile> =>
  fc.oneof({ weight: 9, arbitrary: broken(validMessage(shape, CAST)) }, { weight: 1, arbitrary: noise });
const onTheLog = fc.oneof(...KINDS.map((kind) => anyMessage(kind).map((hostile) => ({ kind, hostile }))));

/** A fight with everything in it: a pair done, a blow open, an action waiting, a bot that owes a blow. */
function fight(): LogBench {
  const bench = LogBench.open({
    teams: { red: ['a', 'x'], blue: ['b', '-7'] },
    actors: { '-7': { kind: 'ai' }, a: { stats: { hp: 1_000 } }, b: { stats: { hp: 1_000 } } },
  });
  bench.strike('a', 'b');
  bench.strike('b', 'a');
  bench.collect();
  bench.execute();
  bench.strike('x', 'b');
  bench.strike('b', 'x');
  bench.collect();
  bench.strike('a', 'b');
  return bench;
}

/** What a session is, but for how far its log has been folded. */
function stateOf({ session, battle }: LogBench): unknown {
  const { seq: _s, time: _t, last: _l, meta, ...light } = snapshotSession(session) ?? { meta: null };
  const { seq: _q, last_result: _r, ...heavy } = snapshotBattle(battle) ?? {};
  return structuredClone({ ...light, meta: meta === null ? null : { ...meta, active_at: 0 }, heavy });
}

const carried = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Goes on from here as if nothing had been: a pair of blows finds its result, where both can still strike. */
function goesOn(bench: LogBench): void {
  bench.settle();
  if (bench.session.status !== 'open') return;
  for (const [source, target] of [
    ['a', 'b'],
    ['b', 'a'],
  ] as const) {
    const strike = exchange(`late-${source}-${bench.seq}`, source, target);
    if (bench.queue(source).includes(target)) expect(bench.declare(strike)[0]?.accepted).toBe(true);
  }
  bench.settle();
  expect(bench.fight.executed).toBe(bench.fight.emitted);
}

describe('I10 every decoder', () => {
  test.each(SHAPES)('takes any bytes for a %s: they are a value, or refused in one line', (shape) => {
    const read = (bytes: Uint8Array): Decoded<unknown> => {
      switch (shape) {
        case 'batch':
          return decode(ExecutorBatch, bytes);
        case 'turn':
          return decode(AiTurnRequest, bytes);
        case 'timer':
          return decode(TimerBody, bytes);
        case 'get':
          return decode(SessionGet, bytes);
        case 'lock':
          return decode(LockValue, bytes);
        case 'tries':
          return decode(Tries, bytes);
        default: {
          const message = readLogMessage(shape, 's1', bytes);
          return message.kind === 'unreadable' ? { ok: false, reason: message.reason } : { ok: true, value: message };
        }
      }
    };
    let values = 0;
    let refusals = 0;
    fc.assert(
      fc.property(anyMessage(shape), ({ bytes }) => {
        const decoded = read(bytes);
        if (decoded.ok) values += 1;
        else refusals += 1;
        if (!decoded.ok) expect(decoded.reason).toMatch(REASON);
        expect(carried(read(bytes))).toEqual(carried(decoded));
      }),
      seeded(500),
    );
    // A generator of nothing but rubbish, or of nothing but sound messages, would prove little.
    if (process.env.FC_RUNS === undefined) expect(Math.min(values, refusals)).toBeGreaterThan(15);
  });
});

describe('I10 both folds', () => {
  test('take any message at any time; what is refused changes nothing, and the fight goes on', () => {
    let refusals = 0;
    fc.assert(
      fc.property(fc.array(onTheLog, { maxLength: 8 }), fc.nat(8), (messages, early) => {
        const bench = fight();
        for (const [at, { kind, hostile }] of messages.entries()) {
          const before = stateOf(bench);
          const { refused, verdicts } = bench.append(kind, hostile.bytes);
          if (refused !== null) refusals += 1;
          const idle = kind === 'signal' && verdicts.length > 0 && verdicts.every(({ accepted }) => !accepted);
          if (refused !== null || idle) expect(stateOf(bench)).toEqual(before);
          if (refused !== null) expect(refused).toMatch(REASON);
          const { seq, fight: session } = bench.session;
          const melee = bench.battle.melee!;
          expect([bench.battle.seq, melee.emitted, melee.executed, melee.step]).toEqual([
            seq,
            session?.emitted,
            session?.executed,
            session?.step,
          ]);
          if (at === early) bench.collect();
        }
        goesOn(bench);
      }),
      seeded(500),
    );
    if (process.env.FC_RUNS === undefined) expect(refusals).toBeGreaterThan(300);
  });

  test('take any message before a session opens, which then opens as if there had been none', () => {
    fc.assert(
      fc.property(fc.array(onTheLog, { minLength: 1, maxLength: 4 }), (messages) => {
        const bench = new LogBench();
        for (const { kind, hostile } of messages) bench.append(kind, hostile.bytes);
        const { status } = bench.session;
        bench.open({ teams: { red: ['a'], blue: ['b'] } });
        if (status === 'absent') goesOn(bench);
        else expect(bench.session.status).toBe(status);
      }),
      seeded(300),
    );
  });

  test('come to the same on every replica: live, from a snapshot, and each message twice', () => {
    fc.assert(
      fc.property(fc.array(onTheLog, { maxLength: 6 }), fc.nat(12), (messages, cut) => {
        const bench = fight();
        for (const { kind, hostile } of messages) bench.append(kind, hostile.bytes);
        const at = Math.min(cut, bench.entries.length);
        const cold = initialSession('s1');
        for (const entry of bench.entries.slice(0, at)) evolve(cold, entry, PLAIN_BOOK);
        const light = snapshotSession(cold);
        const restored = light === null ? null : restoreSession('s1', carried(light), PLAIN_BOOK);
        if (restored !== null && !restored.ok) throw new Error(restored.reason);
        const session: Session = restored?.value ?? cold;
        for (const { seq, time, kind, bytes } of bench.raw.slice(at)) {
          const entry = { seq, time, message: readLogMessage(kind, 's1', bytes) };
          evolve(session, entry, PLAIN_BOOK);
          evolve(session, entry, PLAIN_BOOK);
        }
        expect(carried(snapshotSession(session))).toEqual(carried(snapshotSession(bench.session)));
        expect(decide(session, 0)).toEqual(decide(bench.session, 0));
      }),
      seeded(200),
    );
  });
});

describe('I10 a snapshot that was tampered with', () => {
  /** Times that a schedule can be written for. */
  const isTime = (ms: number): boolean => Number.isSafeInteger(ms) && !Number.isNaN(new Date(ms).getTime());

  test('of a session is refused, or can be decided on, shown, folded on and kept', () => {
    let read = 0;
    fc.assert(
      fc.property(broken(fc.constant(carried(snapshotSession(fight().session)))), ({ bytes }) => {
        const json = decodeJson(bytes, NESTING_MAX, Number.POSITIVE_INFINITY);
        if (!json.ok) return;
        const restored = restoreSession('s1', json.value, PLAIN_BOOK);
        if (!restored.ok) return;
        read += 1;
        const session = restored.value;
        if (session.seq >= Number.MAX_SAFE_INTEGER) return; // ahead of any log, and dropped for that
        const bench = fight();
        const { deadline } = decide(session, 0);
        if (deadline !== null) expect(isTime(deadline)).toBe(true);
        for (const id of [null, 'a', 'b', '-7', '__proto__']) viewOf(session, id);
        const message = readLogMessage('signal', 's1', bench.raw.at(-1)!.bytes);
        evolve(session, { seq: session.seq + 1, time: bench.time, message }, PLAIN_BOOK);
        const kept = snapshotSession(session);
        if (kept !== null) expect(restoreSession('s1', carried(kept), PLAIN_BOOK).ok).toBe(true);
      }),
      seeded(1_000),
    );
    if (process.env.FC_RUNS === undefined) expect(read).toBeGreaterThan(30);
  });

  test('of a battle is refused, or can be resolved, folded on and kept', () => {
    let read = 0;
    fc.assert(
      fc.property(broken(fc.constant(carried(snapshotBattle(fight().battle)))), ({ bytes }) => {
        const json = decodeJson(bytes, NESTING_MAX, Number.POSITIVE_INFINITY);
        if (!json.ok) return;
        const restored = restoreBattle('s1', json.value, PLAIN_BOOK);
        if (!restored.ok) return;
        read += 1;
        if (restored.value.rulesUnknown === null) carried(resolve(restored.value, { size: 5 }));
        const kept = snapshotBattle(restored.value);
        if (kept !== null) expect(restoreBattle('s1', carried(kept), PLAIN_BOOK).ok).toBe(true);
      }),
      seeded(1_000),
    );
    if (process.env.FC_RUNS === undefined) expect(read).toBeGreaterThan(30);
  });
});

describe('I10 half a megabyte', () => {
  const BYTES = 524_000;
  /** As many of it as there is room for, between two texts. */
  const full = (head: string, item: string, tail: string): string =>
    head + Array(Math.floor((BYTES - head.length - tail.length) / (item.length + 1))).fill(item) + tail;
  const numbered = (head: string, item: (n: number) => string, count: number) =>
    `${head}${Array.from({ length: count }, (_, n) => item(n))}`;
  const opened = '{"type":"opened","session_id":"s1",';

  test.each<[string, LogKind, string]>([
    ['deaths that are none', 'result', full('{"session_id":"s1","deaths":[', '0.5', ']}')],
    ['returns that are none', 'result', full('{"session_id":"s1","target_returns":[', '[]', ']}')],
    ['results that are none', 'result', full('{"session_id":"s1","results":[', '{}', ']}')],
    ['hits that are none', 'result', full('{"session_id":"s1","results":[{"hits":[', '{}', ']}]}')],
    ['vitals that are none', 'result', `${numbered('{"actors":{', (n) => `"${n}":0`, 50_000)}}}`],
    ['actions that are none', 'action', full('{"session_id":"s1","actions":[', '{}', ']}')],
    ['targets of an action that are none', 'action', full('{"actions":[{"move":{"targets":[', '{}', ']}}]}')],
    ['members that are none', 'session', full(`${opened}"teams":{"a":[`, '0.5', ']},"actors":{}}')],
    ['members twice', 'session', full(`${opened}"teams":{"a":[`, '7', '],"b":[1]},"actors":{}}')],
    ['teams that are none', 'session', `${numbered(`${opened}"teams":{`, (n) => `"${n}":0`, 50_000)}}}`],
    ['actors that are none', 'session', `${numbered(`${opened}"teams":{},"actors":{`, (n) => `"${n}":0`, 50_000)}}}`],
    ['targets that are none', 'session', full(`${opened}"teams":{},"actors":{},"targets":{"a":[`, '0.5', ']}}')],
    ['waiting times that are none', 'session', full(`${opened}"move_timeouts_ms":[`, '-1', ']}')],
    ['moves', 'signal', full('{"session_id":"s1","signal_type":"check_immediate","moves":[', '0', ']}')],
    ['brackets in a move', 'signal', `{"moves":[${'['.repeat(260_000)}${']'.repeat(260_000)}]}`],
    ['brackets', 'action', '['.repeat(BYTES)],
    ['quotes', 'result', full('', '"\\\\\\""', '')],
    ['one key, over and over', 'signal', full('{', '"session_id":"s1"', '}')],
    ['digits', 'signal', `{"session_id":${'9'.repeat(BYTES - 20)}}`],
    ['escapes', 'signal', `"${'\\u0000'.repeat(BYTES / 6 - 1)}"`],
  ])('of %s is read, or refused in one line', (_what, kind, text) => {
    const bytes = new TextEncoder().encode(text);
    expect(bytes.length).toBeLessThan(525_000);
    const message = readLogMessage(kind, 's1', bytes);
    if (message.kind === 'unreadable') expect(message.reason).toMatch(REASON);
  });
});
