/** The executor: actions in, results out. Wiring and nothing else. */
import { ruleBook } from '#combat/rules.ts';
import { COMBAT, CONSUMERS } from '#contracts/streams.ts';
import { BATTLE_LOG_FILTER } from '#contracts/subjects.ts';
import { Consuming } from '#jetstream/consumer.ts';
import { Follower } from '#jetstream/follower.ts';
import { jetstreamEffects } from '#jetstream/jetstream-effects.ts';
import { Keepalive } from '#jetstream/keepalive.ts';
import { LostBuckets } from '#jetstream/lost-buckets.ts';
import { provision } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { SessionLog } from '#jetstream/session-log.ts';
import type { Config } from '#process/config.ts';
import { loadRuleSets } from '#process/modules.ts';
import { StartError } from '#process/start-error.ts';
import { classic } from '#rules/classic/classic.ts';
import { runRole } from '../run-role.ts';
import { Executor } from './executor.ts';
import { battleFolding } from './folding.ts';
import { HeldLocks } from './held-locks.ts';

const loadRules = async (config: Config) => ruleBook(await loadRuleSets(config.rulesModules, [classic]));

await runRole('executor', loadRules, async ({ config, logger, metrics, connection: { nc }, prepared: rules, fail }) => {
  const provisioning = { ...config, checkOnly: !config.provision };
  await provision(nc, ['executor'], provisioning, logger);

  const publisher = new Publisher(nc);
  const lost = new LostBuckets(nc, provisioning, logger);
  const effects = jetstreamEffects(nc, publisher, config.lockTtlMs, (bucket) => lost.restore(bucket));
  const fromSeq = await effects.endOfLog();
  const log = new SessionLog(battleFolding(rules), effects, logger, fromSeq);
  const follower = await Follower.start(
    nc,
    {
      filter: BATTLE_LOG_FILTER,
      fromSeq,
      take: (record) => log.take(record),
      lost: (reason) => fail(new StartError(reason)),
    },
    logger,
  );

  const keepalive = new Keepalive(effects, config.ackWaitMs);
  const locks = new HeldLocks(effects, config.lockTtlMs);
  const executor = new Executor({ effects, log, metrics, locks }, keepalive, logger, config.lockTtlMs);
  const tasks = await Consuming.start(
    nc,
    'executor',
    () => provision(nc, ['executor'], provisioning, logger),
    (delivery) => executor.task(delivery),
    logger,
  );
  metrics.beforeScrape(() => {
    metrics.cacheSessions = log.size;
    metrics.folded = log.folded;
  });

  return {
    checks: {
      [CONSUMERS.executor.stream]: () => tasks.fault,
      [COMBAT]: () => follower.fault,
      buckets: () => lost.fault,
    },
    stop: [
      { name: 'lost buckets', stop: async () => lost.stop() },
      { name: 'tasks', stop: () => tasks.stop() },
      { name: 'batches', stop: () => executor.idle() },
      { name: 'snapshots', stop: () => log.close() },
      { name: 'follower', stop: async () => follower.stop() },
      { name: 'locks', stop: async () => locks.close() },
      { name: 'keepalive', stop: async () => keepalive.close() },
      { name: 'publishes', stop: () => publisher.close() },
    ],
  };
});
