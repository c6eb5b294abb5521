/** The AI worker: turn requests in, moves out. Wiring and nothing else. */
import { jetstream } from '@nats-io/jetstream';
import { CONSUMERS } from '#contracts/streams.ts';
import { Consuming } from '#jetstream/consumer.ts';
import { jetstreamEffects } from '#jetstream/jetstream-effects.ts';
import { provision, restoreBucket } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { weighted } from '#policies/weighted/weighted.ts';
import { loadPolicies } from '#process/modules.ts';
import { runRole } from '../run-role.ts';
import { takeTurn } from './turn.ts';

await runRole('ai', async ({ config, logger, metrics, connection: { nc } }) => {
  const policies = await loadPolicies(config.policyModules, [weighted]);
  const provisioning = { ...config, checkOnly: !config.provision };
  await provision(nc, ['ai'], provisioning, logger);

  const publisher = new Publisher(nc);
  const effects = jetstreamEffects(nc, publisher, config.lockTtlMs, (bucket) =>
    restoreBucket(nc, bucket, provisioning, logger),
  );
  const turns = await Consuming.start(
    jetstream(nc),
    'ai',
    () => provision(nc, ['ai'], provisioning, logger),
    (delivery) => void takeTurn(effects, metrics, logger, policies, delivery),
    logger,
  );

  return {
    checks: { [CONSUMERS.ai.stream]: () => turns.fault },
    stop: [
      { name: 'turns', stop: () => turns.stop() },
      { name: 'publishes', stop: () => publisher.close() },
    ],
  };
});
