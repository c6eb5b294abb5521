/** The collector: signals in, actions out. Wiring and nothing else. */
import { ruleBook } from '#combat/rules.ts';
import { ACTIONS, CONSUMERS } from '#contracts/streams.ts';
import { SESSION_GET_FILTER } from '#contracts/subjects.ts';
import { Consuming } from '#jetstream/consumer.ts';
import { Follower } from '#jetstream/follower.ts';
import { jetstreamEffects } from '#jetstream/jetstream-effects.ts';
import { Keepalive } from '#jetstream/keepalive.ts';
import { LostBuckets } from '#jetstream/lost-buckets.ts';
import { OverdueTimers } from '#jetstream/overdue-timers.ts';
import { provision } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { SessionLog } from '#jetstream/session-log.ts';
import { SourceLag } from '#jetstream/source-lag.ts';
import type { Config } from '#process/config.ts';
import { loadRuleSets } from '#process/modules.ts';
import { StartError } from '#process/start-error.ts';
import { classic } from '#rules/classic/classic.ts';
import { runRole } from '../run-role.ts';
import { Collector } from './collector.ts';
import { forwardDueTimer } from './due-timers.ts';
import { sessionFolding } from './folding.ts';
import { idleObjection } from './objection.ts';
import type { Tools } from './pass.ts';
import { SessionGetter } from './session-get.ts';

/** A wake is looked at again so soon while the log is not followed. */
const IN_DOUBT_MS = 250;

const loadRules = async (config: Config) => ruleBook(await loadRuleSets(config.rulesModules, [classic]));

await runRole(
  'collector',
  loadRules,
  async ({ config, logger, metrics, connection: { nc }, prepared: rules, fail }) => {
    const provisioning = { ...config, checkOnly: !config.provision };
    await provision(nc, ['collector', 'timers'], provisioning, logger);

    const publisher = new Publisher(nc);
    const lost = new LostBuckets(nc, provisioning, logger);
    const effects = jetstreamEffects(nc, publisher, config.lockTtlMs, (bucket) => lost.restore(bucket));
    const fromSeq = await effects.endOfLog();
    const log = new SessionLog(sessionFolding(rules, effects, metrics, logger), effects, logger, fromSeq);
    const follower = await Follower.start(
      nc,
      {
        filter: null,
        fromSeq,
        take: (record) => log.take(record),
        lost: (reason) => fail(new StartError(reason)),
      },
      logger,
    );

    const keepalive = new Keepalive(effects, config.ackWaitMs);
    const objection = idleObjection(config.logMaxAgeMs);
    const tools: Tools = { effects, log, metrics, lockTtlMs: config.lockTtlMs, objection };
    const collector = new Collector(tools, keepalive, logger);
    const getter = new SessionGetter(tools, logger);
    const requests = nc.subscribe(SESSION_GET_FILTER, {
      queue: 'collector',
      callback: (error, msg) => {
        if (error === null) void getter.answer(msg);
      },
    });
    const signals = await Consuming.start(
      nc,
      'collector',
      () => provision(nc, ['collector'], provisioning, logger),
      (delivery) => {
        // What is folded of that place may be of a log that has been lost: a wake must not be acknowledged for it.
        if (follower.isInDoubt(delivery.seq)) effects.retry(delivery, IN_DOUBT_MS);
        else collector.wake(delivery);
      },
      logger,
    );
    const timers = await Consuming.start(
      nc,
      'timers',
      () => provision(nc, ['timers'], provisioning, logger),
      (due) => void forwardDueTimer(effects, metrics, logger, due),
      logger,
    );
    const overdue = new OverdueTimers(nc, effects.setTimer, logger);
    const sourceLag = new SourceLag(nc, logger);
    metrics.beforeScrape(() => {
      metrics.actionsSourceLag = sourceLag.lag;
      metrics.cacheSessions = log.size;
      metrics.folded = log.folded;
    });

    return {
      checks: {
        [CONSUMERS.collector.stream]: () => signals.fault ?? follower.fault,
        [CONSUMERS.timers.stream]: () => timers.fault,
        [ACTIONS]: () => sourceLag.fault,
        buckets: () => lost.fault,
      },
      stop: [
        { name: 'lost buckets', stop: async () => lost.stop() },
        { name: 'source lag', stop: async () => sourceLag.stop() },
        { name: 'overdue timers', stop: async () => overdue.stop() },
        { name: 'requests', stop: async () => requests.unsubscribe() },
        { name: 'signals', stop: () => signals.stop() },
        { name: 'timers', stop: () => timers.stop() },
        { name: 'passes', stop: () => collector.idle() },
        { name: 'snapshots', stop: () => log.close() },
        { name: 'follower', stop: async () => follower.stop() },
        { name: 'keepalive', stop: async () => keepalive.close() },
        { name: 'publishes', stop: () => publisher.close() },
      ],
    };
  },
);
