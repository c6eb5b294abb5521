// Owns: three nats-servers that are one cluster, from the binary and under the guardians of tools/nats-server, so that none
// outlives its parent; who leads what in it; and when it is whole again.
//
// Faults are the caller's: `kill`, `freeze`, `thaw`, `restart`, `retire` (lame duck) of a node; in a network of its own
// (network.ts) also cutting its links.

import { setTimeout as pause } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';
import { type PrivateServer, startPrivateServer } from '#tools/nats-server/private-server.ts';
import { inNetwork, onThisMachine } from './cluster-places.ts';
import { Network } from './network.ts';

const SIZE = 3;

/** A node that is asked for by its name leaves after a second and not after ten: there is nobody else to be told. */
const LAME_DUCK = 'lame_duck_grace_period: "1s"\nlame_duck_duration: "30s"';

const ASK_LIMIT_MS = 2_000;
const LOOK_EVERY_MS = 100;
/** Nodes catch up in seconds; elections take up to nine, and one can follow the other. */
const WHOLE_LIMIT_MS = 90_000;
/** A server looks after its sources every ten seconds, and takes one that is silent for thirty for stalled. */
const SOURCED_LIMIT_MS = 120_000;
const RETIRE_LIMIT_MS = 60_000;

/** One nats-server of a cluster. */
export interface ClusterNode {
  /** Its place, from 0. */
  readonly index: number;
  /** As the server calls itself. */
  readonly name: string;
  readonly url: string;
  readonly server: PrivateServer;
}

/** A replicated thing: a stream, or a durable consumer of one. */
export interface Replicated {
  readonly stream: string;
  readonly consumer?: string;
}

/** Three servers. */
export class Cluster {
  readonly nodes: readonly ClusterNode[];
  /** Null where all of them share this machine's own network. */
  readonly network: Network | null;
  readonly #admin: NatsConnection;
  #stopping: Promise<void> | null = null;

  private constructor(nodes: readonly ClusterNode[], network: Network | null, admin: NatsConnection) {
    this.nodes = nodes;
    this.network = network;
    this.#admin = admin;
  }

  /**
   * Starts three servers and resolves when each takes connections: they may still be finding each other.
   * @param ownNetwork each in a network namespace (see networkFault)
   */
  static async start(ownNetwork = false): Promise<Cluster> {
    const network = ownNetwork ? await Network.open(SIZE) : null;
    const started: ClusterNode[] = [];
    try {
      const places = network === null ? await onThisMachine(SIZE) : inNetwork(network, SIZE);
      const routes = places.map(({ route }) => `nats://${route}`).join(', ');
      const binary = await ensureNatsServer();
      const results = await Promise.allSettled(
        places.map(async (place, index) => {
          const name = `node-${index}`;
          const server = await startPrivateServer({
            binary: network === null ? binary : network.inside(index, binary),
            nextPort: () => place.port,
            // What stands later wins.
            config: [
              `listen: "${place.host}:${place.port}"`,
              `server_name: "${name}"`,
              `cluster { name: "test", listen: "${place.route}", routes: [${routes}] }`,
              LAME_DUCK,
            ].join('\n'),
          });
          started.push({ index, name, url: `nats://${place.host}:${place.port}`, server });
        }),
      );
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      started.sort((one, other) => one.index - other.index);
      return new Cluster(started, network, await adminOf(started));
    } catch (error) {
      await Promise.all(started.map(({ server }) => server.stop()));
      await network?.close();
      throw error;
    }
  }

  /** The addresses of all nodes, as NATS_URL takes them. */
  get url(): string {
    return urlOf(this.nodes);
  }

  /** The node that leads a stream or a consumer; waits until there is one. */
  async leaderOf(of: Replicated): Promise<ClusterNode> {
    const name = await until(`a leader of ${nameOf(of)}`, async () => {
      const info = await this.#info(of);
      return info?.cluster?.leader ?? null;
    });
    return this.nodes.find((node) => node.name === name)!;
  }

  /** `kill -9`. */
  async kill(node: ClusterNode): Promise<void> {
    await node.server.kill('SIGKILL');
  }

  /** Stops it where it stands: its connections stay, and nothing comes over them. */
  async freeze(node: ClusterNode): Promise<void> {
    await node.server.kill('SIGSTOP');
  }

  /** Lets it go on, as if nothing had been. */
  async thaw(node: ClusterNode): Promise<void> {
    await node.server.kill('SIGCONT');
  }

  /** Asks it to leave as an operator would (lame duck): it hands over what it leads, sends its clients away, and ends. */
  async retire(node: ClusterNode): Promise<void> {
    await node.server.kill('SIGUSR2');
    await until(`the end of ${node.name}`, async () => node.server.pid === undefined || null, RETIRE_LIMIT_MS);
  }

  /** Asks it to end at once, in order (SIGTERM). */
  async terminate(node: ClusterNode): Promise<void> {
    await node.server.kill('SIGTERM');
  }

  /** Starts it again, after stopping it gently if it runs. */
  async restart(node: ClusterNode): Promise<void> {
    await node.server.restart();
  }

  /** Waits until every stream and every durable consumer has a leader, and every replica all that its leader has. */
  async whole(): Promise<void> {
    let lacking = 'an answer';
    const look = async (): Promise<true | null> => {
      const found = await this.#lacking();
      lacking = found ?? '';
      return found === null ? true : null;
    };
    await until('the cluster to be whole', look, WHOLE_LIMIT_MS, () => lacking);
  }

  /** Waits until a sourced stream has all that its filter lets through of its origin; resolves to the ms that took. */
  async sourced(stream: string, origin: string, filter: string): Promise<number> {
    const startedMs = performance.now();
    const look = async (): Promise<true | null> => {
      const [copy, source] = await Promise.all([
        this.#ask(`STREAM.INFO.${stream}`),
        this.#ask(`STREAM.INFO.${origin}`, { subjects_filter: filter }),
      ]);
      if (copy?.state === undefined || source?.state === undefined) return null;
      const there = Object.values(source.state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
      return copy.state.messages === there ? true : null;
    };
    await until(`all of ${origin} in ${stream}`, look, SOURCED_LIMIT_MS);
    return Math.round(performance.now() - startedMs);
  }

  /** Stops the servers and removes what they left. Calling it again changes nothing. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #stop(): Promise<void> {
    await this.#admin.close();
    await Promise.all(this.nodes.map(({ server }) => server.stop()));
    await this.network?.close();
  }

  /** What is not as it should be; null where nothing is. */
  async #lacking(): Promise<string | null> {
    const names = (await this.#ask('STREAM.NAMES'))?.streams;
    if (names == null) return 'the names of the streams';
    for (const stream of names) {
      const info = await this.#ask(`STREAM.INFO.${stream}`);
      const fault = faultOf(info, info?.config?.num_replicas ?? 1);
      if (fault !== null) return `${stream}: ${fault}`;
      const list = await this.#ask(`CONSUMER.LIST.${stream}`);
      if (list?.consumers == null || (list.missing?.length ?? 0) > 0) return `the consumers of ${stream}`;
      for (const consumer of list.consumers) {
        if (consumer.config?.durable_name === undefined) continue;
        const replicas = consumer.config.num_replicas || info?.config?.num_replicas || 1;
        const its = faultOf(consumer, replicas);
        if (its !== null) return `${stream} > ${consumer.config.durable_name}: ${its}`;
      }
    }
    return null;
  }

  #info({ stream, consumer }: Replicated): Promise<Answer | null> {
    return this.#ask(consumer === undefined ? `STREAM.INFO.${stream}` : `CONSUMER.INFO.${stream}.${consumer}`);
  }

  async #ask(path: string, body: object = {}): Promise<Answer | null> {
    try {
      return (
        await this.#admin.request(`$JS.API.${path}`, JSON.stringify(body), { timeout: ASK_LIMIT_MS })
      ).json<Answer>();
    } catch {
      return null; // no leader just now, or none that can be reached: whoever waits asks again
    }
  }
}

const urlOf = (nodes: readonly ClusterNode[]): string => nodes.map(({ url }) => url).join(',');

/** A connection that notices soon when the node at its other end has gone silent. */
function adminOf(nodes: readonly ClusterNode[]): Promise<NatsConnection> {
  return connect({
    servers: nodes.map(({ url }) => url),
    name: 'cluster-admin',
    timeout: ASK_LIMIT_MS,
    pingInterval: 1_000,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: LOOK_EVERY_MS,
    ignoreAuthErrorAbort: true,
  });
}

const nameOf = ({ stream, consumer }: Replicated): string =>
  consumer === undefined ? stream : `${stream} > ${consumer}`;

/** What a replicated thing lacks, by the word of its leader. */
function faultOf(info: Answer | null, replicas: number): string | null {
  if (info === null || info.error !== undefined) return info?.error?.description ?? 'no answer';
  const { cluster } = info;
  if (cluster?.leader === undefined) return 'no leader';
  const others = cluster.replicas ?? [];
  if (others.length !== replicas - 1) return `${others.length + 1} replicas of ${replicas}`;
  const behind = others.find(({ current, offline }) => !current || offline === true);
  return behind === undefined ? null : `${behind.name} is ${behind.offline === true ? 'away' : 'behind'}`;
}

/** The parts of the server's answers that are looked at. */
interface Answer {
  readonly streams?: readonly string[] | null;
  readonly consumers?: readonly Answer[] | null;
  readonly missing?: readonly string[];
  readonly state?: { readonly messages: number; readonly subjects?: Readonly<Record<string, number>> };
  readonly config?: { readonly num_replicas?: number; readonly durable_name?: string };
  readonly cluster?: {
    readonly leader?: string;
    readonly replicas?: readonly { readonly name: string; readonly current: boolean; readonly offline?: boolean }[];
  };
  readonly error?: { readonly description?: string };
}

async function until<Seen>(
  what: string,
  look: () => Promise<Seen | null>,
  limitMs = WHOLE_LIMIT_MS,
  more: () => string = () => '',
): Promise<Seen> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}: ${more()}`);
    await pause(LOOK_EVERY_MS);
  }
}
