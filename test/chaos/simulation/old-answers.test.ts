import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import { evolveBattle, initialBattle } from '#combat/battle.ts';
import { evolve, initialSession, type Session } from '#combat/session.ts';
import type { ExecutorBatch } from '#contracts/tasks.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import { EffectFailed, type Receipt } from '#jetstream/receipt.ts';
import { SessionLog } from '#jetstream/session-log.ts';
import { createMetrics } from '#process/metrics.ts';
import { type Desk, newDesk } from '#services/collector/desk.ts';
import { sessionFolding } from '#services/collector/folding.ts';
import { keptSnapshot } from '#services/collector/kept-snapshot.ts';
import { pass } from '#services/collector/pass.ts';
import { execute } from '#services/executor/batch.ts';
import { HeldLocks } from '#services/executor/held-locks.ts';
import { exchange, LogBench } from '#test/unit/combat/log-bench.ts';
import { PLAIN_BOOK } from '#test/unit/combat/plain-rules.ts';

const LOCK_TTL_MS = 15_000;
/** A follower that is behind: less than the second after which the log is read instead. */
const LAG_MS = 20;
const logger = pino({ level: 'silent' });
const stored = (seq: number): Receipt => ({ kind: 'stored', seq, duplicate: false });

/** What is to happen when this process appends, and what the log then holds that it has not been told of. */
interface Script {
  /** Answers the appends, one after the other. */
  readonly appends: (() => Promise<Receipt>)[];
  /** The end of the log, as the leader says it. */
  end(): number;
  /** The last message on the subject that is appended to. */
  last(): number;
}

const stopped: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stopped.splice(0)) await stop();
});

function scripted(bench: LogBench, script: Script): { effects: Effects; appended: number[] } {
  const appended: number[] = [];
  const visible = () => bench.raw.filter(({ seq }) => seq <= script.end());
  const effects: Partial<Effects> = {
    now: () => Date.now(),
    nonce: () => 'nonce',
    append(_subject, _body, expected) {
      appended.push(expected);
      return script.appends[appended.length - 1]!();
    },
    readTail: async (filter) =>
      /^combat\.(action|result)\./.test(filter)
        ? { last: script.last(), through: script.end() }
        : { last: visible().at(-1)?.seq ?? 0, through: script.end() },
    endOfLog: async () => script.end(),
    async readLog(_filter, fromSeq, take) {
      const found = visible().filter(({ seq }) => seq >= fromSeq);
      for (const { seq, time, kind, bytes } of found)
        take({ subject: subjectOf(kind), seq, time, data: bytes, header: () => '' });
      return found.length;
    },
    readSnapshot: async () => null,
    writeSnapshot: async () => stored(1),
    writeLock: async () => stored(7),
    enqueue: async () => stored(1),
    setTimer: async () => stored(1),
    signal: async () => stored(99),
    verdict: () => {},
    ack: () => {},
  };
  return { effects: effects as Effects, appended };
}

const subjectOf = (kind: string): string => `${kind === 'signal' ? 'collector' : 'combat'}.${kind}.s1`;

/** A pair that waits to be emitted. */
function pairWaiting(): LogBench {
  const bench = new LogBench();
  bench.open({ teams: { red: ['A'], blue: ['b'] } });
  bench.declare(exchange('m1', 'A', 'b'));
  bench.declare(exchange('m2', 'b', 'A'));
  return bench;
}

function collectorOf(effects: Effects): SessionLog<Session, Desk> {
  const log = new SessionLog<Session, Desk>(
    {
      filter: (id) => `*.*.${id}`,
      bucket: 'sessions',
      initial: initialSession,
      evolve: (session, entry) => void evolve(session, entry, PLAIN_BOOK),
      position: ({ seq }) => seq,
      snapshot: () => null,
      restore: () => ({ ok: false, reason: 'none' }),
      isSettled: () => false,
      memo: newDesk,
    },
    effects,
    logger,
    0,
  );
  stopped.push(() => log.close());
  return log;
}

const recordOf = ({ seq, time, kind, bytes }: LogBench['raw'][number]) => ({
  kind,
  sessionId: 's1',
  seq,
  time,
  data: bytes,
});

describe("a collector's refused append", () => {
  test('I2 another that was on its way is folded, and not only believed', async () => {
    const bench = pairWaiting();
    const known = bench.raw.at(-1)!.seq;
    let end = known;
    const { effects, appended } = scripted(bench, {
      appends: [async () => ({ kind: 'conflict', last: null })],
      end: () => end,
      // The other's action is stored between the look at the log and the look at its last action; the follower brings it.
      last() {
        bench.collect();
        end = bench.raw.at(-1)!.seq;
        setTimeout(() => log.take(recordOf(bench.raw.at(-1)!)), LAG_MS);
        return end;
      },
    });
    const log = collectorOf(effects);
    const session = log.session('s1');
    session.memo.wakes.push({ seq: known, subject: 'collector.signal.s1', count: 1 } as Delivery);
    const tools = { effects, log, metrics: createMetrics('collector'), lockTtlMs: LOCK_TTL_MS, objection: () => null };
    await log.use(session, () => pass(tools, session, null));
    expect(appended).toEqual([0]);
    expect(session.state.fight!.emitted).toBe(1);
  });

  test('I6 an answer that comes late does not take back what has been folded since', async () => {
    const bench = pairWaiting();
    const known = bench.raw.at(-1)!.seq;
    bench.collect();
    bench.execute();
    bench.declare(exchange('m3', 'A', 'b'));
    bench.declare(exchange('m4', 'b', 'A'));
    bench.collect();
    const [first, second] = bench.raw.filter(({ kind }) => kind === 'action').map(({ seq }) => seq) as [number, number];
    let end = known;
    const { effects, appended } = scripted(bench, {
      appends: [
        // Refused by the first action; by the time that is heard, the second has been folded.
        async () => {
          end = bench.raw.at(-1)!.seq;
          for (const each of bench.raw.filter(({ seq }) => seq > known)) log.take(recordOf(each));
          return { kind: 'conflict', last: first };
        },
      ],
      end: () => end,
      last: () => second,
    });
    const log = collectorOf(effects);
    const session = log.session('s1');
    session.memo.wakes.push({ seq: known, subject: 'collector.signal.s1', count: 1 } as Delivery);
    const tools = { effects, log, metrics: createMetrics('collector'), lockTtlMs: LOCK_TTL_MS, objection: () => null };
    await log.use(session, () => pass(tools, session, null));
    expect(appended).toEqual([0]);
    expect(session.state.last.action).toBe(second);
  });
});

describe('a pass that a timer woke', () => {
  test('I6 arms anew even where a timer stands: that one may be about to go with the one that fired', async () => {
    const bench = LogBench.open({ teams: { red: ['A'], blue: ['b'] } });
    bench.declare(exchange('m1', 'A', 'b'));
    bench.timeout();
    const known = bench.raw.at(-1)!;
    const { effects } = scripted(bench, { appends: [], end: () => known.seq, last: () => 0 });
    const armed: number[] = [];
    // Another was armed in the meantime, for the same time; when the one that woke us is purged, it goes as well.
    let standingAtMs = 0;
    effects.setTimer = async (_sessionId, atMs, expected) => {
      armed.push(expected);
      standingAtMs = atMs;
      return expected === 5 ? stored(6) : { kind: 'conflict', last: null };
    };
    effects.readTimer = async () => ({ seq: 5, atMs: standingAtMs });
    const metrics = createMetrics('collector');
    const log = new SessionLog(sessionFolding(PLAIN_BOOK, effects, metrics, logger), effects, logger, 0);
    stopped.push(() => log.close());
    const session = log.session('s1');
    const { seq, bytes } = known;
    session.memo.wakes.push({ seq, subject: 'collector.signal.s1', data: bytes, count: 1 } as unknown as Delivery);
    await log.use(session, () =>
      pass({ effects, log, metrics, lockTtlMs: LOCK_TTL_MS, objection: () => null }, session, null),
    );
    expect(armed).toEqual([0, 5]);
  });
});

describe("an executor's refused append", () => {
  async function executing(
    bench: LogBench,
    script: (log: SessionLog<ReturnType<typeof initialBattle>>) => Script,
    through = 1,
  ) {
    const task: ExecutorBatch = { session_id: 's1', batch_size: 5, through, lock_rev: 7 };
    const later: { log: SessionLog<ReturnType<typeof initialBattle>> | null } = { log: null };
    const late = new Proxy({} as SessionLog<ReturnType<typeof initialBattle>>, {
      get: (_, name) => Reflect.get(later.log!, name).bind(later.log),
    });
    const { effects, appended } = scripted(bench, script(late));
    const log = new SessionLog(
      {
        filter: (id: string) => `combat.*.${id}`,
        bucket: 'battles',
        initial: initialBattle,
        evolve: (battle, entry) => evolveBattle(battle, entry, PLAIN_BOOK),
        position: ({ seq }) => seq,
        snapshot: () => null,
        restore: () => ({ ok: false as const, reason: 'none' }),
        isSettled: () => false,
        memo: () => null,
      },
      effects,
      logger,
      0,
    );
    later.log = log;
    const locks = new HeldLocks(effects, LOCK_TTL_MS);
    stopped.push(
      () => log.close(),
      () => locks.close(),
    );
    const battle = log.session('s1');
    const end = await log.use(battle, () =>
      execute({ effects, log, metrics: createMetrics('executor'), locks }, battle, task, 1),
    );
    return { appended, battle, end };
  }

  test('I4 another that was on its way is folded, and not only believed', async () => {
    const bench = pairWaiting();
    bench.collect();
    let end = bench.raw.at(-1)!.seq;
    const { appended, battle } = await executing(bench, (log) => ({
      appends: [async () => ({ kind: 'conflict', last: null })],
      end: () => end,
      last() {
        bench.execute();
        const result = bench.raw.findLast(({ kind }) => kind === 'result')!;
        end = result.seq;
        setTimeout(() => log.take(recordOf(result)), LAG_MS);
        return end;
      },
    }));
    expect(appended).toEqual([0]);
    expect(battle.state.melee!.executed).toBe(1);
  });

  test('I6 an answer that comes late does not take back what has been folded since', async () => {
    const bench = pairWaiting();
    bench.collect();
    const known = bench.raw.at(-1)!.seq;
    bench.execute();
    bench.declare(exchange('m3', 'A', 'b'));
    bench.declare(exchange('m4', 'b', 'A'));
    bench.collect();
    bench.execute();
    const [first, second] = bench.raw.filter(({ kind }) => kind === 'result').map(({ seq }) => seq) as [number, number];
    let end = known;
    const { appended, battle } = await executing(bench, (log) => ({
      appends: [
        async () => {
          end = bench.raw.at(-1)!.seq;
          for (const each of bench.raw.filter(({ seq }) => seq > known)) log.take(recordOf(each));
          return { kind: 'conflict', last: first };
        },
      ],
      end: () => end,
      last: () => second,
    }));
    expect(appended).toEqual([0]);
    expect(battle.state.lastResult).toBe(second);
  });

  test('I7 a place that the leader has not come to yet is not taken for a place that nobody will ever come to', async () => {
    const bench = pairWaiting();
    const known = bench.raw.at(-1)!.seq;
    bench.collect();
    const through = bench.raw.at(-1)!.seq;
    const script = { appends: [], end: () => known, last: () => 0 };
    await expect(executing(bench, () => script, through)).rejects.toThrow(EffectFailed);
  });
});

describe('what a collector keeps', () => {
  test('I10 of a session without a fight it keeps nothing: the log alone says what is owed a dead letter', () => {
    const bench = new LogBench();
    bench.open({ teams: { red: ['A'] } });
    bench.collect();
    expect(bench.session.status).toBe('closed');
    expect(keptSnapshot(bench.session)).toBeNull();
    expect(keptSnapshot(pairWaiting().session)).not.toBeNull();
  });
});
