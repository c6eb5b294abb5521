/** The AI worker: turn requests in, moves out. Wiring and nothing else. */
import { CONSUMERS } from '#contracts/streams.ts';
import { Consuming } from '#jetstream/consumer.ts';
import { jetstreamEffects } from '#jetstream/jetstream-effects.ts';
import { LostBuckets } from '#jetstream/lost-buckets.ts';
import { provision } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { weighted } from '#policies/weighted/weighted.ts';
import type { Config } from '#process/config.ts';
import { loadPolicies } from '#process/modules.ts';
import { runRole } from '../run-role.ts';
import { takeTurn } from './turn.ts';

const loadAll = (config: Config) => loadPolicies(config.policyModules, [weighted]);

await runRole('ai', loadAll, async ({ config, logger, metrics, connection: { nc }, prepared: policies }) => {
  const provisioning = { ...config, checkOnly: !config.provision };
  await provision(nc, ['ai'], provisioning, logger);

  const publisher = new Publisher(nc);
  const lost = new LostBuckets(nc, provisioning, logger);
  const effects = jetstreamEffects(nc, publisher, config.lockTtlMs, (bucket) => lost.restore(bucket));
  const turns = await Consuming.start(
    nc,
    'ai',
    () => provision(nc, ['ai'], provisioning, logger),
    (delivery) => void takeTurn(effects, metrics, logger, policies, delivery),
    logger,
  );

  return {
    checks: { [CONSUMERS.ai.stream]: () => turns.fault },
    stop: [
      { name: 'lost buckets', stop: async () => lost.stop() },
      { name: 'turns', stop: () => turns.stop() },
      { name: 'publishes', stop: () => publisher.close() },
    ],
  };
});
