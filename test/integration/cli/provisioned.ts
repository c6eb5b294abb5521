// Owns: a server with Riposte's streams and consumers on it, and no role.

import { connect } from '@nats-io/transport-node';
import { provision } from '#jetstream/provision.ts';
import { readConfig } from '#process/config.ts';
import { createLogger } from '#process/logging.ts';

/** Creates the streams, buckets and consumers of every role. */
export async function provisionForTest(url: string): Promise<void> {
  const nc = await connect({ servers: url });
  try {
    const config = readConfig({ NATS_URL: url });
    await provision(
      nc,
      ['collector', 'timers', 'executor', 'ai'],
      { ...config, checkOnly: false },
      createLogger('collector', 'test', 'silent'),
    );
  } finally {
    await nc.close();
  }
}
