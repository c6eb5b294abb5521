/**
 * Owns what every part runs on: private nats-servers and the roles as processes, all gone when the run is over.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Role } from '#process/role.ts';
import type { PrivateServer } from '#tools/nats-server/private-server.ts';
import { Crew, type RoleProcess } from './crew.ts';
import { type ServerOptions, startServers } from './servers.ts';

/** Three servers find each other and elect in some seconds. */
const CLUSTER_LIMIT_MS = 60_000;
const CLUSTER_POLL_MS = 250;

/** What a run works with: where its processes are, and how it tells what it is at. */
export interface Run {
  readonly crew: Crew;
  /** What is stopped in the end, in opposite order. */
  readonly stack: AsyncDisposableStack;
  readonly progress: (line: string) => void;
}

/** A new run: nothing is started yet. */
export function newRun(progress: (line: string) => void): Run {
  return { crew: new Crew(), stack: new AsyncDisposableStack(), progress };
}

/** Servers of a part's own, and a connection to look at them. */
export interface Stage {
  readonly servers: readonly PrivateServer[];
  /** For NATS_URL: all of them. */
  readonly url: string;
  /** Copies of every stream. */
  readonly replicas: number;
  readonly nc: NatsConnection;
}

/** Starts private servers. */
export async function openStage(run: Run, options: ServerOptions): Promise<Stage> {
  const servers = await startServers(options);
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())));
  if (run.stack.disposed) {
    await stop();
    throw new Error('the bench is stopping');
  }
  run.stack.defer(stop);
  const url = servers.map((server) => server.url).join(',');
  const nc = await connect({ servers: url.split(',') });
  run.stack.defer(() => nc.close());
  await untilJetStream(nc);
  return { servers, url, replicas: servers.length, nc };
}

/** Resolves when a cluster has found itself: a stream with a copy on each server can be made. */
async function untilJetStream(nc: NatsConnection): Promise<void> {
  const until = performance.now() + CLUSTER_LIMIT_MS;
  for (;;) {
    try {
      const manager = await jetstreamManager(nc);
      await manager.getAccountInfo();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, CLUSTER_POLL_MS));
    }
  }
}

/** Which roles a part needs, and how they are started. */
export interface Casting {
  readonly collectors: number;
  readonly executors: number;
  readonly profileDir: string | null;
}

/** Starts the roles against a stage's server and resolves when all are ready. */
export async function castRoles(run: Run, stage: Stage, casting: Casting): Promise<RoleProcess[]> {
  const roles = [
    ...Array<Role>(casting.collectors).fill('collector'),
    ...Array<Role>(casting.executors).fill('executor'),
  ];
  const environment = {
    NATS_URL: stage.url,
    REPLICAS: String(stage.replicas),
    ...(casting.profileDir === null ? {} : { HTTP_PORT: '0' }),
  };
  const { profileDir } = casting;
  return await Promise.all(roles.map((role) => run.crew.role(role, { environment, profileDir })));
}

/** The last sequence of every stream: how many messages each has ever persisted. */
export async function persisted(stage: Stage): Promise<ReadonlyMap<string, number>> {
  const sequences = new Map<string, number>();
  const manager = await jetstreamManager(stage.nc, { checkAPI: false });
  for await (const { config, state } of manager.streams.list()) sequences.set(config.name, state.last_seq);
  return sequences;
}
