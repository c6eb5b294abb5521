/**
 * Owns what every part runs on: a private nats-server and the roles as processes, all gone when the run is over.
 */
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { Role } from '#process/role.ts';
import { type PrivateServer, startPrivateServer } from '#tools/nats-server/private-server.ts';
import { Crew, type RoleProcess } from './crew.ts';

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

/** A server of a part's own, and a connection to look at it. */
export interface Stage {
  readonly server: PrivateServer;
  readonly nc: NatsConnection;
}

/** Starts a private server. */
export async function openStage(run: Run): Promise<Stage> {
  const server = await startPrivateServer();
  if (run.stack.disposed) {
    await server.stop();
    throw new Error('the bench is stopping');
  }
  run.stack.defer(() => server.stop());
  const nc = await connect({ servers: server.url });
  run.stack.defer(() => nc.close());
  return { server, nc };
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
    NATS_URL: stage.server.url,
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
