/**
 * Owns a process's connection to NATS: getting in, staying in, and saying so.
 *
 * 1. A server that is not there yet is waited for, with a bound. One that refuses us, is too old or has no JetStream is not:
 *    that is a StartError at once.
 * 2. A lost connection is found within PING_INTERVAL_MS * PINGS_OUT_MAX and is sought again for ever. A closed one is final,
 *    and told to the owner exactly once, unless it was the owner who closed it.
 * 3. What the connection says of itself goes to the log, within a bound.
 *
 * The client gives up a reconnect after two refusals of its login in a row: the connection closes, the process ends, and
 * whoever starts it again sees the line of a failed start. To knock for ever with a dead password would look like life.
 *
 * Left to login.ts: seeds, credentials and certificates. To provision.ts: streams, buckets, consumers. What was published while
 * disconnected may be gone; publishers know by the missing acknowledgement.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AuthorizationError,
  connect as connectToNats,
  type NatsConnection,
  type NodeConnectionOptions,
  type Status,
  UserAuthenticationExpiredError,
} from '@nats-io/transport-node';
import { messageOf, oneLine } from '#contracts/decode.ts';
import type { User } from '#contracts/rights.ts';
import { apiSubject } from '#contracts/subjects.ts';
import { LineBudget } from '#process/line-budget.ts';
import type { NatsConfig, NatsLogin } from '#process/nats-environment.ts';
import { StartError } from '#process/start-error.ts';
import type { Logger } from './logger.ts';
import { lackedRight, loginOptions, nameOf } from './login.ts';
import { ServerCode } from './receipt.ts';
import { isNoResponders } from './stored-message.ts';

/** Scheduled messages and per-message TTLs together are there from 2.12 on. */
const SERVER_VERSION_MIN = [2, 12, 0] as const;

/** A half-open connection is found in 15 s at most: two pings unanswered, and the third tick. */
const PING_INTERVAL_MS = 5_000;
const PINGS_OUT_MAX = 2;
/** A server restarts in about a second; replicas spread their knocks over the jitter. */
const RECONNECT_WAIT_MS = 250;
const RECONNECT_JITTER_MS = 250;
/** One attempt at one address; the next address has its turn after that. */
const DIAL_LIMIT_MS = 5_000;

/** How long a server that is not there yet is waited for, and how often that is said. */
const SERVER_WAIT_MS = 60_000;
const SERVER_WAIT_LINE_MS = 5_000;
const FIRST_CONNECT_PAUSE_MS = 500;

/** What JetStream is like is told in a millisecond, or by a server with other worries. */
const JETSTREAM_ANSWER_MS = 2_000;
const JETSTREAM_INFO = apiSubject('INFO');

/** Draining flushes; a server that does not answer that is not worth more of the shutdown's time. */
const DRAIN_LIMIT_MS = 3_000;

/** A permission that is missing is an error a message. */
const LINES_MAX = 20;
const LINES_WINDOW_MS = 5_000;

/** Who connects, and who is told. */
export interface ConnectOptions {
  /** As `nats server report connections` shows it. */
  readonly name: string;
  /** Who connects: its inboxes are under its own prefix, unless the environment names another. */
  readonly user: User;
  readonly logger: Logger;
  /** The connection has closed for good, and not by `close`. Called once. */
  onClosed(reason: string): void;
  /** For tests: how long to wait for a server that is not there; default SERVER_WAIT_MS. */
  readonly waitMs?: number;
}

/** A connection to a server that Riposte can run on. */
export interface Connection {
  readonly nc: NatsConnection;
  /** `2.15.1`, of the server connected to first. */
  readonly serverVersion: string;
  /** False between a disconnect and the next reconnect, and once closed. */
  readonly connected: boolean;
  /** Drains subscriptions, flushes and closes; never throws, and takes DRAIN_LIMIT_MS at most. */
  close(): Promise<void>;
}

/**
 * Connects, waiting for a server that is not there yet.
 * @throws ConfigError for a seed, credentials or certificates that are unsound
 * @throws StartError where there is no server in time, it refuses the login, is too old, or has no JetStream
 */
export async function connect(config: { readonly nats: NatsConfig }, options: ConnectOptions): Promise<Connection> {
  const connection = new WatchedConnection(await firstConnection(config.nats, options), options);
  try {
    requireVersion(connection.nc);
    await requireJetStream(connection.nc, config.nats.login, options.user);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class WatchedConnection implements Connection {
  readonly nc: NatsConnection;
  readonly serverVersion: string;
  readonly #log: (status: Status) => void;
  #connected = true;
  #closing = false;

  constructor(nc: NatsConnection, options: ConnectOptions) {
    this.nc = nc;
    this.serverVersion = nc.info!.version;
    this.#log = statusLog(options.logger);
    void this.#follow();
    void nc.closed().then((error) => {
      this.#connected = false;
      if (!this.#closing) options.onClosed(error instanceof Error ? oneLine(error.message) : 'no reason given');
    });
  }

  get connected(): boolean {
    return this.#connected;
  }

  async close(): Promise<void> {
    this.#closing = true;
    const limit = new AbortController();
    // A drain waits for a pong, which a server that has gone never sends.
    const drained = this.#connected ? this.nc.drain().catch(() => {}) : Promise.resolve();
    const late = sleep(DRAIN_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => {});
    await Promise.race([drained, late]);
    limit.abort();
    await this.nc.close();
  }

  async #follow(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === 'disconnect') this.#connected = false;
      if (status.type === 'reconnect') this.#connected = true;
      if (!this.#closing) this.#log(status);
    }
  }
}

async function firstConnection(nats: NatsConfig, options: ConnectOptions): Promise<NatsConnection> {
  const { servers } = nats;
  const { logger, waitMs = SERVER_WAIT_MS } = options;
  const connectOptions = connectOptionsOf(nats, options);
  const startedMs = performance.now();
  const lines = new LineBudget(1, SERVER_WAIT_LINE_MS);
  for (;;) {
    try {
      return await connectToNats(connectOptions);
    } catch (error) {
      const reason = reasonOf(error);
      const final = finalRefusal(error, nats.login);
      if (final !== null) throw new StartError(`NATS at ${servers.join(', ')} ${final}: ${reason}`);
      const waitedMs = performance.now() - startedMs;
      if (waitedMs >= waitMs) {
        throw new StartError(`no NATS server at ${servers.join(', ')} in ${Math.round(waitMs / 1000)} s: ${reason}`);
      }
      if (lines.take(waitedMs) !== null) {
        logger.warn({ servers, reason, waitedMs: Math.round(waitedMs) }, 'waiting for a NATS server');
      }
    }
    await sleep(FIRST_CONNECT_PAUSE_MS);
  }
}

function connectOptionsOf(nats: NatsConfig, { name, user }: ConnectOptions): NodeConnectionOptions {
  return {
    ...loginOptions(nats, user),
    name,
    timeout: DIAL_LIMIT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    // A stack trace for each request costs more than the request.
    noAsyncTraces: true,
  };
}

/** Node's and OpenSSL's codes for a certificate that will not be better in a second. */
const BAD_CERTIFICATE = /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_)/;

/** What a refusal comes to that waiting does not change; null for everything else. */
function finalRefusal(error: unknown, login: NatsLogin): string | null {
  if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) {
    // A server that is starting may be too slow for its own limit.
    return /timeout/i.test(error.message) ? null : `refuses ${nameOf(login)}`;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  const isTls = message.includes("support 'tls'") || (code !== undefined && BAD_CERTIFICATE.test(code));
  return isTls ? 'cannot be reached over TLS' : null;
}

/** Where a name has several addresses, Node.js gives no message but a code. */
const reasonOf = (error: unknown): string => messageOf(error) || `${(error as NodeJS.ErrnoException).code}`;

function requireVersion(nc: NatsConnection): void {
  const { version } = nc.info!;
  // The client connects to nothing that has no three numbers there.
  const parts = /(\d+)\.(\d+)\.(\d+)/.exec(version)!.slice(1).map(Number);
  const differing = SERVER_VERSION_MIN.findIndex((least, part) => parts[part] !== least);
  if (differing === -1 || parts[differing]! > SERVER_VERSION_MIN[differing]!) return;
  const least = SERVER_VERSION_MIN.join('.');
  throw new StartError(`nats-server ${version} at ${nc.getServer()} is too old: ${least} or later is needed`);
}

async function requireJetStream(nc: NatsConnection, login: NatsLogin, user: User): Promise<void> {
  const fault = await jetStreamFault(nc, login, user);
  if (fault !== null) throw new StartError(fault);
}

async function jetStreamFault(nc: NatsConnection, login: NatsLogin, user: User): Promise<string | null> {
  const off = `nats-server at ${nc.getServer()} runs without JetStream: start it with -js`;
  const notForAccount = `the NATS account of ${nameOf(login)} is not enabled for JetStream`;
  const nothing = nc.info?.jetstream === true ? notForAccount : off;
  try {
    const answer = (await nc.request(JETSTREAM_INFO, '', { timeout: JETSTREAM_ANSWER_MS })).json<ApiAnswer>();
    return answer.error?.err_code === ServerCode.NOT_ENABLED_FOR_ACCOUNT ? nothing : null;
  } catch (error) {
    const right = lackedRight(error);
    // Without its inbox it hears no answer to anything it asks.
    if (right?.operation === 'subscription') {
      return `${nameOf(login)} may not listen to ${right.subject}: it is not that of ${user}, or NATS_INBOX_PREFIX is to name its inboxes`;
    }
    if (isNoResponders(error)) return nothing;
    // No permission to ask, or no answer in time: what is missing shows when it is used.
    return right !== null || nc.info?.jetstream === true ? null : off;
  }
}

/** The part of the JetStream API's answers that is read here. */
type ApiAnswer = { readonly error?: { readonly err_code?: number } };

function statusLog(logger: Logger): (status: Status) => void {
  const lines = new LineBudget(LINES_MAX, LINES_WINDOW_MS);
  const knocks = new LineBudget(1, LINES_WINDOW_MS);
  const write = (level: 'debug' | 'info' | 'warn' | 'error', fields: object, text: string): void => {
    const suppressed = lines.take(performance.now());
    if (suppressed !== null) logger[level](suppressed === 0 ? fields : { ...fields, suppressed }, text);
  };
  return (status) => {
    switch (status.type) {
      case 'disconnect':
        return write('warn', { server: status.server }, 'disconnected from NATS');
      case 'reconnecting':
        if (knocks.take(performance.now()) === null) return;
        return write('info', {}, 'seeking a NATS server');
      case 'reconnect':
        return write('info', { server: status.server }, 'reconnected to NATS');
      case 'staleConnection':
        return write('warn', {}, 'the NATS server no longer answers pings');
      case 'error':
        return write('error', { reason: oneLine(status.error.message) }, 'NATS reports an error');
      case 'slowConsumer':
        return write('warn', { subject: status.sub.getSubject(), pending: status.pending }, 'a subscription is behind');
      case 'ldm':
        return write('info', { server: status.server }, 'the NATS server is about to leave (lame duck)');
      case 'update':
        return write('debug', { added: status.added, deleted: status.deleted }, 'the cluster has changed');
      case 'forceReconnect':
      case 'ping':
      case 'close':
        return;
      default:
        status satisfies never;
    }
  };
}
