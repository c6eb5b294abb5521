/**
 * Owns the roles as a simulated process runs them: the same parts as in services/<role>/main.ts, over the model's effects,
 * consumers and follower.
 */
import { snapshotBattle } from '#combat/battle-snapshot.ts';
import type { RuleBook } from '#combat/rules.ts';
import { snapshotSession } from '#combat/session-snapshot.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import type { Effects } from '#jetstream/effects.ts';
import { Keepalive } from '#jetstream/keepalive.ts';
import { weighted } from '#policies/weighted/weighted.ts';
import type { Logger } from '#process/logging.ts';
import { createMetrics } from '#process/metrics.ts';
import { takeTurn } from '#services/ai/turn.ts';
import { Collector } from '#services/collector/collector.ts';
import { forwardDueTimer } from '#services/collector/due-timers.ts';
import { sessionFolding } from '#services/collector/folding.ts';
import { Executor } from '#services/executor/executor.ts';
import { battleFolding } from '#services/executor/folding.ts';
import { HeldLocks } from '#services/executor/held-locks.ts';
import { effectsWithout, type Guard, sessionLogWithout, takingWithout } from './guards.ts';
import { type EffectsWorld, modelEffects } from './model-effects.ts';
import { ModelFollower } from './model-follower.ts';
import type { Process } from './process.ts';

/** What roles are started with. */
export interface RoleWorld extends EffectsWorld {
  readonly rules: RuleBook;
  readonly logger: Logger;
  readonly ackWaitMs: number;
  readonly guard: Guard | null;
}

/** A role that is simulated. */
export type SimulatedRole = 'collector' | 'executor' | 'ai';

/** A role at work. */
export interface RunningRole {
  /** The log has more for it to follow. */
  follow(): void;
  /** Stops as a process does that is told to: drains, writes what is dirty. */
  stop(): Promise<void>;
  /** A session's fold, as its cache has it; null where it has none that is whole. */
  fold(sessionId: string): { readonly position: number; readonly snapshot: object | null } | null;
}

/** Counts are not read: one of each role does for all runs. */
const METRICS = { collector: createMetrics('collector'), executor: createMetrics('executor'), ai: createMetrics('ai') };

/** Starts a role in a process; to be called in an event of that process. */
export function startRole(role: SimulatedRole, process: Process, world: RoleWorld): RunningRole {
  const effects = effectsWithout(world.guard, modelEffects(world, process), world.server, process);
  switch (role) {
    case 'collector':
      return startCollector(process, world, effects);
    case 'executor':
      return startExecutor(process, world, effects);
    case 'ai':
      return startAi(process, world, effects);
    default:
      return role satisfies never;
  }
}

function startCollector(process: Process, world: RoleWorld, effects: Effects): RunningRole {
  const { server, logger, rules, lockTtlMs, ackWaitMs } = world;
  const metrics = METRICS.collector;
  const folding = sessionFolding(rules, effects, metrics, logger);
  const log = new (sessionLogWithout(world.guard))(folding, effects, logger, server.log.seq);
  const follower = new ModelFollower(
    world,
    process,
    () => true,
    (record) => log.take(record),
  );
  const keepalive = new Keepalive(effects, ackWaitMs);
  const collector = new Collector({ effects, log, metrics, lockTtlMs, objection: () => null }, keepalive, logger);
  server.consumers.collector.subscribe(
    process,
    takingWithout(world.guard, effects, (wake) => collector.wake(wake)),
  );
  server.consumers.timers.subscribe(
    process,
    // A due timer's place is its Msg-Id, and no position to fold to.
    takingWithout(world.guard === 'acknowledge last' ? world.guard : null, effects, (due) => {
      void forwardDueTimer(effects, metrics, logger, due);
    }),
  );
  return {
    follow: () => follower.wake(),
    async stop() {
      await collector.idle();
      await log.close();
      keepalive.close();
    },
    fold(sessionId) {
      const { phase, state } = log.session(sessionId);
      return phase === 'live' ? { position: state.seq, snapshot: snapshotSession(state) } : null;
    },
  };
}

function startExecutor(process: Process, world: RoleWorld, effects: Effects): RunningRole {
  const { server, logger, rules, lockTtlMs, ackWaitMs } = world;
  const metrics = METRICS.executor;
  const log = new (sessionLogWithout(world.guard))(battleFolding(rules), effects, logger, server.log.seq);
  const follower = new ModelFollower(
    world,
    process,
    (kind) => kind !== 'signal',
    (record) => log.take(record),
  );
  const keepalive = new Keepalive(effects, ackWaitMs);
  const locks = new HeldLocks(effects, lockTtlMs);
  const executor = new Executor({ effects, log, metrics, locks }, keepalive, logger, lockTtlMs);
  server.consumers.executor.subscribe(
    process,
    takingWithout(world.guard, effects, (task) => executor.task(task)),
  );
  return {
    follow: () => follower.wake(),
    async stop() {
      await executor.idle();
      await log.close();
      locks.close();
      keepalive.close();
    },
    fold(sessionId) {
      const { phase, state } = log.session(sessionId);
      return phase === 'live' ? { position: state.seq, snapshot: snapshotBattle(state) } : null;
    },
  };
}

function startAi(process: Process, world: RoleWorld, effects: Effects): RunningRole {
  const take = (turn: Delivery) => void takeTurn(effects, METRICS.ai, world.logger, [weighted], turn);
  world.server.consumers.ai.subscribe(process, takingWithout(world.guard, effects, take));
  return { follow: () => {}, stop: async () => {}, fold: () => null };
}
