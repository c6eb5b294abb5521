/**
 * Owns the life of a role's process from its environment to its exit code: what every `services/<role>/main.ts` calls, so
 * that a main.ts is wiring and nothing else.
 *
 * 1. What keeps a process from starting is one readable line on stderr: exit 2 where a variable is bad, else 1.
 * 2. `"msg":"ready"` is logged once, after everything the role needs is there.
 * 3. Whatever was started is stopped in the opposite order: the role's own steps first, HTTP last.
 * 4. A process that cannot do its work ends: a closed connection, an uncaught error, an event loop that hangs.
 *
 * Left to the role: its parts, what they need to be ready, how they stop.
 */
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type Connection, connect } from '#jetstream/connection.ts';
import { type Config, readConfig } from '#process/config.ts';
import { type HttpServer, type ReadinessChecks, startHttp } from '#process/http.ts';
import { createLogger, type Logger } from '#process/logging.ts';
import { collectProcessMetrics, createMetrics, type Metrics } from '#process/metrics.ts';
import type { Role } from '#process/role.ts';
import { Shutdown, type StopStep } from '#process/shutdown.ts';
import { StartError } from '#process/start-error.ts';
import { startWatchdog, watchdogLimitMs } from '#process/watchdog.ts';

/** What a role is given to start with. */
export interface RoleContext {
  readonly role: Role;
  /** A short id that tells this process from others of its role. */
  readonly replica: string;
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly connection: Connection;
  /** Ends the process for a reason that leaves it without a use: a consumer that is gone for good. */
  fail(error: unknown): never;
}

/** A role that has started. */
export interface RunningRole {
  /** Beside `connected`, which is always asked. */
  readonly checks: ReadinessChecks;
  /** In the order they are to run, while the connection is still there. */
  readonly stop: readonly StopStep[];
}

const REPLICA_BYTES = 3;
const STDERR = 2;

/**
 * Runs a role until a signal or an error ends the process.
 * @param prepare called once, before a server is waited for: what the environment alone can be wrong about
 * @param start called once, connected; may throw StartError or ConfigError for what its user can put right
 */
export async function runRole<Prepared>(
  role: Role,
  prepare: (config: Config) => Promise<Prepared>,
  start: (context: RoleContext & { readonly prepared: Prepared }) => Promise<RunningRole>,
): Promise<void> {
  let shutdown: Shutdown | undefined;
  try {
    const config = readConfig(process.env);
    const replica = randomBytes(REPLICA_BYTES).toString('hex');
    const logger = createLogger(role, replica, config.logLevel);
    shutdown = new Shutdown(logger);
    shutdown.listen();
    const prepared = await prepare(config);
    await startParts({ role, replica, config, logger }, shutdown, (context) => start({ ...context, prepared }));
  } catch (error) {
    // Parts fail as they are stopped; the signal has the say then.
    if (shutdown?.draining) return;
    exit(role, error, shutdown);
  }
}

type Identity = Pick<RoleContext, 'role' | 'replica' | 'config' | 'logger'>;

async function startParts(
  identity: Identity,
  shutdown: Shutdown,
  start: (context: RoleContext) => Promise<RunningRole>,
): Promise<void> {
  const { role, replica, config, logger } = identity;
  startWatchdog(role, watchdogLimitMs(config.ackWaitMs), logger);
  const metrics = createMetrics(role);
  const readiness = new Readiness(shutdown);
  const http = await startPages(config, metrics, readiness, shutdown);

  const connection = await connect(config, {
    name: `riposte-${role}-${replica}`,
    user: role,
    logger,
    onClosed: (reason) => {
      if (!shutdown.draining) shutdown.fail(new StartError(`the connection to NATS has closed: ${reason}`));
    },
  });
  if (shutdown.draining) return connection.close();
  shutdown.stopFirst({ name: 'connection', stop: () => connection.close() });
  readiness.connection = connection;
  metrics.beforeScrape(() => {
    metrics.connected = connection.connected ? 1 : 0;
  });

  const running = await start({ ...identity, metrics, connection, fail: (error) => shutdown.fail(error) });
  if (shutdown.draining) return;
  shutdown.stopFirst(...running.stop);
  readiness.running = running.checks;
  await connection.nc.flush(); // whoever sees us ready may ask at once
  logger.info({ natsVersion: connection.serverVersion, ...(http && { httpPort: http.port }) }, 'ready');
}

async function startPages(
  config: Config,
  metrics: Metrics,
  readiness: Readiness,
  shutdown: Shutdown,
): Promise<HttpServer | null> {
  if (config.httpPort === null) return null;
  collectProcessMetrics(metrics);
  const http = await startHttp(config.httpPort, { checks: () => readiness.checks(), metrics: () => metrics.page() });
  shutdown.stopFirst({ name: 'http', stop: () => http.close() });
  return http;
}

/** What the process has to be ready for, as its parts come up. */
export class Readiness {
  readonly #shutdown: Pick<Shutdown, 'draining'>;
  connection: Pick<Connection, 'connected'> | null = null;
  running: ReadinessChecks | null = null;

  constructor(shutdown: Pick<Shutdown, 'draining'>) {
    this.#shutdown = shutdown;
  }

  checks(): ReadinessChecks {
    return {
      process: () => (this.#shutdown.draining ? 'draining' : this.running === null ? 'starting' : null),
      connected: () => {
        if (this.connection === null) return 'waiting for a NATS server';
        return this.connection.connected ? null : 'disconnected from NATS';
      },
      ...this.running,
    };
  }
}

function exit(role: Role, error: unknown, shutdown: Shutdown | undefined): never {
  if (error instanceof StartError) {
    // Not through the log: it may not be there yet, and whoever started the process is looking at stderr.
    writeSync(STDERR, `${role}: ${error.message}\n`);
    process.exit(error.exitCode);
  }
  if (shutdown !== undefined) shutdown.fail(error);
  throw error;
}
