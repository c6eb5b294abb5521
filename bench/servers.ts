/**
 * Owns the servers that a part runs on: one, or three that are a cluster, each with the durability that is measured.
 */
import { randomInt } from 'node:crypto';
import { type PrivateServer, startPrivateServer } from '#tools/nats-server/private-server.ts';

/** What the servers are. */
export interface ServerOptions {
  /** 1, or 3 for a cluster with three copies of every stream. */
  readonly servers: 1 | 3;
  /** `sync_interval` in the server's own words; null for its default of two minutes. */
  readonly sync: string | null;
}

/** The ports of this machine that systems do not give to outgoing connections, as for private servers. */
const PORT_FIRST = 20_000;
const PORT_END = 32_000;
/** Ports that somebody has show only when a server starts: the cluster is then begun again elsewhere. */
const TRIES_MAX = 5;

/** Starts the servers and resolves when each takes connections; those of a cluster may still be finding each other. */
export async function startServers({ servers, sync }: ServerOptions): Promise<readonly PrivateServer[]> {
  const jetstream = sync === null ? '' : `sync_interval: ${JSON.stringify(sync)}`;
  if (servers === 1) return [await startPrivateServer({ jetstream })];
  for (let tries = 1; ; tries++) {
    try {
      return await startCluster(servers, jetstream);
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
    }
  }
}

async function startCluster(size: number, jetstream: string): Promise<readonly PrivateServer[]> {
  const ports = new Set<number>();
  while (ports.size < size) ports.add(randomInt(PORT_FIRST, PORT_END));
  const routes = [...ports].map((port) => `127.0.0.1:${port}`);
  const cluster = (route: string) =>
    `cluster { name: "bench", listen: "${route}", routes: [${routes.map((other) => `nats://${other}`).join(', ')}] }`;
  const started = await Promise.allSettled(
    routes.map((route) => startPrivateServer({ jetstream, config: cluster(route) })),
  );
  const nodes = started.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []));
  const failed = started.find((node) => node.status === 'rejected');
  if (failed === undefined) return nodes;
  await Promise.all(nodes.map((node) => node.stop()));
  throw failed.reason;
}
