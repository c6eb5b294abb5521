import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { evolveBattle, initialBattle, resolve } from '#combat/battle.ts';
import { restoreBattle, snapshotBattle } from '#combat/battle-snapshot.ts';
import { queueOf } from '#combat/queue.ts';
import { type Decision, decide, evolve, initialSession } from '#combat/session.ts';
import { restoreSession, snapshotSession } from '#combat/session-snapshot.ts';
import { PLAIN_BOOK } from '#test/unit/combat/plain-rules.ts';
import { FoldCheck } from './fold-check.ts';
import { RandomBench, randomLog, runs } from './random-log.ts';
import { type ReferenceDecision, ReferenceSession } from './reference-session.ts';

// Many runs take long; how many is FC_RUNS' affair, and fast-check says which one hangs.
vi.setConfig({ testTimeout: 600_000 });

const carried = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function plainly({ actions, requests, dispatch, deadline, close }: Decision): ReferenceDecision {
  const asked = requests.map(({ request_id, missing_targets }) => `${request_id}: ${missing_targets.join(' ')}`);
  return { actions, requests: asked.sort(), batchSize: dispatch?.batchSize ?? null, deadline, close };
}

describe('of every log', () => {
  test('inside the folds every prefix keeps I2 and I3, the queues, and the agreement of both', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const check = new FoldCheck();
        new RandomBench((bench, folded) => check.check(bench, folded)).play(log);
      }),
      runs(100),
    );
  });

  test('every prefix is folded and decided as a naive reading of the semantics does', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const reference = new ReferenceSession();
        new RandomBench((bench, { verdicts }) => {
          const codes = reference.fold(bench.entries.at(-1)!);
          const told = verdicts.map((verdict) =>
            verdict.accepted ? ['accepted', verdict.deadline].filter(Boolean).join(' ') : verdict.code,
          );
          expect(told).toEqual(codes);
          expect(bench.session.status).toBe(reference.status);
          const { fight } = bench.session;
          if (fight !== null && reference.status === 'open') {
            for (const actor of fight.roster.byId.values()) {
              const other = reference.actor(actor.id)!;
              expect([actor.id, actor.standing, actor.afkLevel]).toEqual([other.id, other.standing, other.afk]);
              if (actor.standing === 'alive')
                expect([actor.id, queueOf(fight.roster, actor)]).toEqual([other.id, other.queue]);
            }
            expect(
              [...fight.pool.byOrdinal.values()].map(({ move, deadline, marked }) => [move.move_id, deadline, marked]),
            ).toEqual(reference.pool.map(({ move, deadline, marked }) => [move.move_id, deadline, marked]));
          }
          for (const asked of [0, bench.seq - 1])
            expect(plainly(bench.decision(asked))).toEqual(reference.decide(asked));
        }).play(log);
      }),
      runs(120),
    );
  });

  test('I9 the fold is a function of the log: folded again, each message twice, it is the same', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const bench = new RandomBench().play(log);
        const again = new RandomBench();
        const [session, battle] = [initialSession(bench.id), initialBattle(bench.id)];
        for (const entry of bench.entries.flatMap((each) => [each, each])) {
          evolve(session, entry, PLAIN_BOOK);
          evolveBattle(battle, entry, PLAIN_BOOK);
        }
        again.play(log);
        expect(again.raw).toEqual(bench.raw);
        expect(snapshotSession(session)).toEqual(snapshotSession(bench.session));
        expect(snapshotBattle(battle)).toEqual(snapshotBattle(bench.battle));
        expect(decide(session, 0)).toEqual(bench.decision(0));
      }),
      runs(50),
    );
  });

  test('C19 a snapshot taken anywhere and folded on equals the fold from the start, at every message after it', () => {
    fc.assert(
      fc.property(randomLog(), fc.nat(60), fc.nat(20), (log, cut, overlap) => {
        const bench = new RandomBench().play(log);
        const at = Math.min(cut, bench.entries.length);
        const [session, battle] = [initialSession(bench.id), initialBattle(bench.id)];
        const fold = (entry: (typeof bench.entries)[number]) => {
          evolve(session, entry, PLAIN_BOOK);
          evolveBattle(battle, entry, PLAIN_BOOK);
        };
        for (const entry of bench.entries.slice(0, at)) fold(entry);
        const [light, heavy] = [snapshotSession(session), snapshotBattle(battle)];
        const coldSession = light === null ? null : restoreSession(bench.id, carried(light), PLAIN_BOOK);
        const coldBattle = heavy === null ? null : restoreBattle(bench.id, carried(heavy), PLAIN_BOOK);
        if (coldSession !== null && !coldSession.ok) throw new Error(coldSession.reason);
        if (coldBattle !== null && !coldBattle.ok) throw new Error(coldBattle.reason);
        for (const entry of bench.entries.slice(Math.max(0, at - overlap))) {
          fold(entry);
          if (coldSession !== null) {
            const verdicts = evolve(coldSession.value, entry, PLAIN_BOOK);
            if (entry.seq > light!.seq) expect(verdicts).toBeDefined();
            if (coldSession.value.seq !== session.seq) continue;
            expect(snapshotSession(coldSession.value)).toEqual(snapshotSession(session));
            expect(decide(coldSession.value, 0)).toEqual(decide(session, 0));
          }
          if (coldBattle !== null) {
            evolveBattle(coldBattle.value, entry, PLAIN_BOOK);
            expect(snapshotBattle(coldBattle.value)).toEqual(snapshotBattle(battle));
            expect(resolve(coldBattle.value, { size: 3 })).toEqual(resolve(battle, { size: 3 }));
          }
        }
      }),
      runs(80),
    );
  });

  test('how actions are cut into batches changes no outcome', () => {
    fc.assert(
      fc.property(
        randomLog(),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 }),
        (log, sizes) => {
          const bench = new RandomBench().play(log);
          bench.collect();
          const outcome = (sizeAt: (batch: number) => number) => {
            const battle = initialBattle(bench.id);
            for (const entry of bench.entries) evolveBattle(battle, entry, PLAIN_BOOK);
            const results: unknown[] = [];
            const deaths: string[] = [];
            const returns: unknown[] = [];
            for (let batch = 0, seq = bench.seq; ; batch++) {
              const result = resolve(battle, { size: sizeAt(batch) });
              if (result === null) break;
              expect(result.results.length).toBeLessThanOrEqual(sizeAt(batch));
              results.push(...result.results);
              deaths.push(...result.deaths);
              returns.push(...result.target_returns);
              evolveBattle(
                battle,
                { seq: ++seq, time: bench.time, message: { kind: 'result', body: result } },
                PLAIN_BOOK,
              );
            }
            const vitals = [...(battle.melee?.byId.values() ?? [])].map((fighter) => [fighter.id, fighter.seen.vitals]);
            return { results, deaths, returns, vitals, step: battle.melee?.step };
          };
          const whole = outcome(() => 1_000);
          expect(outcome((batch) => sizes[batch % sizes.length]!)).toEqual(whole);
          expect(outcome(() => 1)).toEqual(whole);
        },
      ),
      runs(60),
    );
  });

  test('a battle is the same without the signals of its log', () => {
    fc.assert(
      fc.property(randomLog(), (log) => {
        const bench = new RandomBench().play(log);
        const battle = initialBattle(bench.id);
        for (const [at, entry] of bench.entries.entries()) {
          if (bench.raw[at]!.kind !== 'signal') evolveBattle(battle, entry, PLAIN_BOOK);
        }
        const [quiet, full] = [snapshotBattle(battle), snapshotBattle(bench.battle)];
        expect(quiet === null ? null : { ...quiet, seq: 0 }).toEqual(full === null ? null : { ...full, seq: 0 });
      }),
      runs(80),
    );
  });
});

describe('every session left alone', () => {
  const WAKES_MAX = 2_000;

  /** Only timers fire, at `decision.deadline`; executor and AI act or are dead. Returns how many wakes it took to rest. */
  function leaveAlone(bench: RandomBench, executor: boolean, ai: boolean, wakes: number): number {
    let answered = bench.requests.length;
    for (let wake = 0; wake < wakes; wake++) {
      const { actions, close, dispatch, deadline, requests } = bench.collect();
      if (close !== null) continue;
      if (executor && dispatch !== null) bench.execute({ size: dispatch.batchSize });
      else if (ai && answered < bench.requests.length) bench.answer(bench.requests[answered++]!);
      else if (actions.length === 0 && requests.length === 0) {
        if (deadline === null) return wake;
        bench.time = Math.max(bench.time, deadline);
        bench.timeout();
      }
    }
    return wakes;
  }

  const log = randomLog(50).map(({ opening, ...rest }) => ({ ...rest, opening: { ...opening, max_steps: 20 } }));

  test.each([
    ['with everybody at work', true, true],
    ['with the AI dead', true, false],
  ])('%s it closes, and every action has its result', (_, executor, ai) => {
    fc.assert(
      fc.property(log, (random) => {
        const bench = new RandomBench().play(random);
        expect(leaveAlone(bench, executor, ai, WAKES_MAX)).toBeLessThan(WAKES_MAX);
        expect(bench.session.status).toBe('closed');
        if (bench.session.fight === null) return;
        expect(bench.fight.executed).toBe(bench.fight.emitted);
        expect(bench.pool()).toEqual([]);
      }),
      runs(50),
    );
  });

  test.each([
    ['with the executor dead', true],
    ['with executor and AI dead', false],
  ])('%s it comes to rest: nothing more is emitted, and once the executor is back it closes', (_, ai) => {
    fc.assert(
      fc.property(log, (random) => {
        const bench = new RandomBench().play(random);
        leaveAlone(bench, false, ai, 150);
        const { length } = bench.actions;
        leaveAlone(bench, false, ai, 30);
        expect(bench.actions.length).toBe(length);
        if (bench.session.status === 'open') expect(bench.fight.emitted).toBeGreaterThan(bench.fight.executed);
        expect(leaveAlone(bench, true, ai, WAKES_MAX)).toBeLessThan(WAKES_MAX);
        expect(bench.session.status).toBe('closed');
      }),
      runs(60),
    );
  });
});
