/**
 * Owns random logs: how one is described (so that fast-check can shrink it) and how it is played. Reconcilers decide on
 * one prefix and append later, where the server would still take it: an append of actions, results or a close is refused
 * once its subject has moved on (I5). Everything else may come in any order, valid or not.
 */
import * as fc from 'fast-check';
import { resolve } from '#combat/battle.ts';
import type { Decision, Folded } from '#combat/session.ts';
import type { ResultMessage } from '#contracts/result.ts';
import type { LogKind } from '#contracts/subjects.ts';
import { exchange, LogBench, type Opening } from '#test/unit/combat/log-bench.ts';

/** Runs of each property; more of them with FC_RUNS. */
export const runs = (usual: number): { numRuns: number } => ({ numRuns: Number(process.env.FC_RUNS ?? usual) });

const SEED = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 0x7fffffff));

/** The same with a seed that FC_SEED replays; fast-check prints it where a property fails. */
export const seeded = (usual: number): { numRuns: number; seed: number } => ({ ...runs(usual), seed: SEED });

const IDS = ['A', '-7', '101', 'b', '9', '__proto__', 'x1', '10'] as const;
const NEWCOMERS = ['N1', '2', 'constructor', 'N4'] as const;
const TEAMS = ['red', 'blue', '9'] as const;
const KINDS = ['session', 'signal', 'action', 'result'] as const satisfies readonly LogKind[];

const PAYLOADS = [
  {},
  {},
  {},
  {},
  { damage: 0 },
  { damage: 0 },
  { damage: 35 },
  { damage: 1000 },
  { boom: true },
] as const;
const ALIASES = ['self', 'all_enemies', 'all_allies', 'random_enemy_1', 'random_enemy_2', 'random_enemy_50'] as const;

const small = fc.nat(15);
const payload = fc.constantFrom(...PAYLOADS);
const wait = fc.constantFrom(0, 0, 0, 0, 1, 400, 1_000, 5_000, 30_000, 60_000);
const slot = fc.nat(1);
/** An arbitrary once in so many times, else null. */
const onceIn = <Value>(times: number, arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

/** One step of a random log. Numbers are places in whatever stands there when it is played. */
export type Step = { readonly wait: number } & (
  | { readonly do: 'strike'; readonly actor: number; readonly target: number; readonly payload: object }
  | { readonly do: 'strike back'; readonly open: number; readonly payload: object }
  | {
      readonly do: 'cast';
      readonly actor: number;
      readonly at: number;
      readonly payload: object;
      readonly item: boolean;
    }
  | { readonly do: 'signal'; readonly moves: readonly unknown[] }
  | { readonly do: 'nudge' | 'heartbeat' | 'collect' }
  | { readonly do: 'timeout'; readonly move: number | null; readonly actor: number | null }
  | { readonly do: 'join'; readonly id: number; readonly team: number; readonly bot: boolean; readonly stats: object }
  | { readonly do: 'leave'; readonly actor: number }
  | { readonly do: 'close'; readonly winner: string | null }
  | { readonly do: 'garbage'; readonly kind: LogKind; readonly bytes: Uint8Array }
  | { readonly do: 'json'; readonly kind: LogKind; readonly body: unknown }
  | { readonly do: 'replay'; readonly entry: number }
  | { readonly do: 'think' | 'commit' | 'work' | 'deliver'; readonly slot: number; readonly size: number }
  | { readonly do: 'execute'; readonly size: number }
  | { readonly do: 'answer'; readonly request: number; readonly payload: object }
);

const anyId = fc.constantFrom<unknown>(...IDS, ...NEWCOMERS, ...ALIASES, 9, -7, 101, 'nobody', '', 'a b', null, 1.5);
const wildMove = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        move_id: fc.oneof(
          fc.constantFrom<unknown>('w1', 'w2', 3, '3', 'm1', 'm2', '', null),
          fc.nat(30).map((at) => `w${at}`),
        ),
        char_id: anyId,
        strategy: fc.constantFrom('exchange', 'exchange', 'instant', 'item', 'dance'),
        payload: fc.oneof(
          {
            weight: 5,
            arbitrary: fc.record({ target_id: anyId, damage: fc.constantFrom(0, 30) }, { requiredKeys: ['target_id'] }),
          },
          { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
        ),
      },
      { requiredKeys: ['move_id', 'char_id', 'strategy', 'payload'] },
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
);

const foreignBody = fc.oneof(
  fc.record({
    session_id: fc.constant('s1'),
    type: fc.constantFrom('opened', 'joined', 'left', 'closing'),
    teams: fc.constant({ one: ['A'] }),
  }),
  fc.record({ session_id: fc.constant('s2'), signal_type: fc.constant('heartbeat'), type: fc.constant('closed') }),
  fc.record({
    session_id: fc.constant('s1'),
    signal_type: fc.constantFrom('check_immediate', 'check_timeout', 'nothing'),
    moves: fc.jsonValue({ maxDepth: 1 }),
    char_id: anyId,
    move_id: anyId,
  }),
  fc.nat(3).map((ahead) => ({
    session_id: 's1',
    through: 1,
    actions: [
      {
        action_id: String(1000 + ahead),
        type: 'exchange',
        move: exchange('f1', 'A', 'b'),
        partner_move: null,
        is_forced: true,
      },
    ],
  })),
  fc.nat(3).map((ahead) => ({
    session_id: 's1',
    through: 1,
    executed: 1000 + ahead,
    step: 1000,
    results: [{ action_id: String(1000 + ahead), status: 'done', hits: [] }],
    actors: { A: { hp: 0, dead: true } },
    deaths: ['A'],
    target_returns: [['A', 'b']],
  })),
);

const doing = fc.oneof(
  { weight: 16, arbitrary: fc.record({ do: fc.constant('strike' as const), actor: small, target: small, payload }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('strike back' as const), open: small, payload }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('cast' as const), actor: small, at: small, payload, item: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('signal' as const), moves: fc.array(wildMove, { maxLength: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('nudge' as const, 'heartbeat' as const) }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('collect' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('timeout' as const),
      move: onceIn(2, small),
      actor: onceIn(4, small),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      id: small,
      team: small,
      bot: fc.boolean(),
      stats: fc.constantFrom({}, {}, { hp: 5 }, { dead: true }, { hp: 'bad' }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), actor: small }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('garbage' as const),
      kind: fc.constantFrom(...KINDS),
      bytes: fc.uint8Array({ maxLength: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('json' as const), kind: fc.constantFrom(...KINDS), body: foreignBody }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('replay' as const), entry: fc.nat(60) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('think' as const), slot, size: small }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('commit' as const), slot, size: small }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('work' as const), slot, size: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('deliver' as const), slot, size: small }) },
  { weight: 14, arbitrary: fc.record({ do: fc.constant('execute' as const), size: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('answer' as const), request: small, payload }) },
);

/** One in 200 steps closes the session: a game server's word is rare, and ends most of what is to be seen. */
const step: fc.Arbitrary<Step> = fc
  .tuple(
    wait,
    fc.oneof(
      { weight: 200, arbitrary: doing },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), winner: fc.constantFrom(null, 'red') }) },
    ),
  )
  .map(([wait, rest]) => ({ wait, ...rest }));

const opening: fc.Arbitrary<Opening> = fc
  .record({
    ids: fc.shuffledSubarray([...IDS], { minLength: 2 }),
    spread: fc.array(fc.nat(2), { minLength: 8, maxLength: 8 }),
    bots: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    stats: fc.array(fc.constantFrom({}, {}, { hp: 15 }, { hp: 40, damage: 25 }), { minLength: 8, maxLength: 8 }),
    dead: onceIn(8, fc.nat(7)),
    given: fc.array(onceIn(5, fc.nat(255)), { minLength: 8, maxLength: 8 }),
    timeouts: fc.constantFrom([1_000], [60_000, 50_000], [30_000, 1_000, 400]),
    idle: fc.constantFrom(5_000, 60_000, 600_000),
    steps: fc.constantFrom(3, 20, 10_000),
  })
  .map(({ ids, spread, bots, stats, dead, given, timeouts, idle, steps }) => {
    // The first two stand on two sides, so that there is a fight.
    const teamOf = (at: number) => TEAMS[at < 2 ? at : spread[at]!]!;
    const members = (team: string) => ids.filter((_, at) => teamOf(at) === team);
    const used = TEAMS.filter((team) => members(team).length > 0);
    const enemiesOf = (at: number) => ids.filter((_, other) => teamOf(other) !== teamOf(at));
    const lists = ids.map((id, at) => {
      const mask = given[at];
      return mask == null ? null : ([id, enemiesOf(at).filter((_, bit) => ((mask >> bit) & 1) === 1)] as const);
    });
    const sheet = (at: number) => ({
      kind: bots[at] ? ('ai' as const) : ('player' as const),
      stats: { ...stats[at], ...(dead === at ? { dead: true } : {}) },
    });
    return {
      teams: Object.fromEntries(used.map((team) => [team, members(team)])),
      actors: Object.fromEntries(ids.map((id, at) => [id, sheet(at)])),
      targets: Object.fromEntries(lists.filter((list) => list !== null)),
      move_timeouts_ms: timeouts,
      idle_close_ms: idle,
      max_steps: steps,
    };
  });

/** A random log: steps before the session opens (mostly none), how it opens, and what comes after. */
export interface RandomLog {
  readonly early: readonly Step[];
  readonly opening: Opening;
  readonly steps: readonly Step[];
}

export const randomLog = (maxLength = 100): fc.Arbitrary<RandomLog> =>
  fc.record({
    early: fc.oneof(
      { weight: 9, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(step, { maxLength: 3 }) },
    ),
    opening,
    steps: fc.array(step, { maxLength, size: 'max' }),
  });

interface Held {
  readonly decision: Decision;
  readonly expected: { readonly action: number; readonly session: number };
}

/** A bench that plays random steps, and tells a watcher of every append. */
export class RandomBench extends LogBench {
  readonly #watch: (bench: RandomBench, folded: Folded) => void;
  readonly #held = new Map<number, Held>();
  readonly #resolved = new Map<number, { readonly result: ResultMessage; readonly expected: number }>();

  constructor(watch: (bench: RandomBench, folded: Folded) => void = () => {}) {
    super();
    this.#watch = watch;
  }

  override append(kind: LogKind, body: unknown): Folded {
    const folded = super.append(kind, body, this.entries.length % 3);
    this.#watch(this, folded);
    return folded;
  }

  play({ early, opening, steps }: RandomLog): this {
    for (const each of early) this.#step(each);
    this.open(opening);
    for (const each of steps) this.#step(each);
    return this;
  }

  #step(each: Step): void {
    this.wait(each.wait);
    switch (each.do) {
      case 'strike': {
        const source = this.#anyone(each.actor);
        const queue = this.session.fight?.roster.byId.has(source) ? this.queue(source) : [];
        this.strike(source, queue.length === 0 ? this.#anyone(each.target) : pick(queue, each.target)!, each.payload);
        return;
      }
      case 'strike back': {
        const open = pick(this.#open(), each.open);
        if (open !== undefined) this.strike(String(open.move.payload.target_id), open.move.char_id, each.payload);
        return;
      }
      case 'cast': {
        const target = pick([...ALIASES, this.#anyone(each.at), this.#anyone(each.at + 1)], each.at);
        const strategy = each.item ? 'item' : 'instant';
        this.declare({ ...this.blow(this.#anyone(each.actor), target!, each.payload), strategy });
        return;
      }
      case 'signal':
        this.declare(...each.moves);
        return;
      case 'nudge':
        this.nudge();
        return;
      case 'heartbeat':
        this.heartbeat();
        return;
      case 'timeout': {
        const move = each.move === null ? undefined : (pick(this.pool(), each.move) ?? 'unknown');
        const actor = each.actor === null ? undefined : this.#anyone(each.actor);
        this.timeout({
          ...(move === undefined ? {} : { move_id: move }),
          ...(actor === undefined ? {} : { char_id: actor }),
        });
        return;
      }
      case 'join': {
        const id = pick([...NEWCOMERS, ...NEWCOMERS, ...IDS], each.id)!;
        this.join(id, pick([...TEAMS, 'late'], each.team)!, { kind: each.bot ? 'ai' : 'player', stats: each.stats });
        return;
      }
      case 'leave':
        this.leave(this.#anyone(each.actor));
        return;
      case 'close':
        this.close(each.winner);
        return;
      case 'garbage':
        this.append(each.kind, each.bytes);
        return;
      case 'json':
        this.append(each.kind, each.body);
        return;
      case 'replay': {
        const entry = pick(this.raw, each.entry);
        if (entry !== undefined) this.append(entry.kind, entry.bytes);
        return;
      }
      case 'collect':
        this.collect();
        return;
      case 'think':
        this.#held.set(each.slot, { decision: this.decision(), expected: { ...this.last } });
        return;
      case 'commit': {
        const held = this.#held.get(each.slot);
        this.#held.delete(each.slot);
        if (held !== undefined && this.commit(held.decision, held.expected)) this.send(held.decision);
        return;
      }
      case 'work': {
        const result = resolve(this.battle, { size: each.size });
        if (result !== null) this.#resolved.set(each.slot, { result, expected: this.last.result });
        return;
      }
      case 'deliver': {
        const resolved = this.#resolved.get(each.slot);
        this.#resolved.delete(each.slot);
        if (resolved !== undefined && resolved.expected === this.last.result) this.append('result', resolved.result);
        return;
      }
      case 'execute':
        this.execute({ size: each.size });
        return;
      case 'answer': {
        const request = pick(this.requests, each.request);
        if (request !== undefined) this.answer(request, each.payload);
        return;
      }
      default:
        each satisfies never;
    }
  }

  #anyone(at: number): string {
    return pick([...(this.session.fight?.roster.byId.keys() ?? []), 'nobody'], at)!;
  }

  #open() {
    const moves = [...(this.session.fight?.pool.byOrdinal.values() ?? [])];
    return moves.filter(({ deadline }) => deadline !== null);
  }
}

function pick<Item>(items: readonly Item[], at: number): Item | undefined {
  return items[at % items.length];
}
