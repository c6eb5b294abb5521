// Owns: where the nodes of a cluster listen: on this machine's own ports, or each in its own network namespace.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Network } from './network.ts';

const CLIENT_PORT = 4222;
const ROUTE_PORT = 6222;
/** Below the ports that systems give to outgoing connections, as for private servers. */
const PORT_FIRST = 20_000;
const PORT_END = 32_000;

/** Where a node is found. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** `host:port` for the other nodes. */
  readonly route: string;
}

/** One place for each node of a network. */
export function inNetwork(network: Network, size: number): Place[] {
  return Array.from({ length: size }, (_, node) => ({
    host: network.address(node, 'clients'),
    port: CLIENT_PORT,
    route: `${network.address(node, 'nodes')}:${ROUTE_PORT}`,
  }));
}

/** Places on ports that nobody has just now. */
export async function onThisMachine(size: number): Promise<Place[]> {
  const ports = new Set<number>();
  while (ports.size < size * 2) {
    const port = randomInt(PORT_FIRST, PORT_END);
    if (await isFree(port)) ports.add(port);
  }
  const [...free] = ports;
  return Array.from({ length: size }, (_, node) => ({
    host: '127.0.0.1',
    port: free[node]!,
    route: `127.0.0.1:${free[size + node]}`,
  }));
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
    probe.close();
    await once(probe, 'close');
    return true;
  } catch {
    return false;
  }
}
