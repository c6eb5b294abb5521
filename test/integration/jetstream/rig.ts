// Owns: what a test of shared/jetstream stands on: an account of its own on a server of this process's tests, or a whole
// server of its own; streams provisioned as the roles do it, a connection, effects on it, and a logger whose lines can be
// looked at. Waits are bounded, and one that runs out says what it waited for.

import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { type Logger, pino } from 'pino';
import { encode } from '#contracts/decode.ts';
import { COMBAT, type ConsumerName, OWNER_KEY } from '#contracts/streams.ts';
import { logSubject } from '#contracts/subjects.ts';
import type { Effects } from '#jetstream/effects.ts';
import { jetstreamEffects } from '#jetstream/jetstream-effects.ts';
import { type ProvisionOptions, provision, restoreBucket } from '#jetstream/provision.ts';
import { Publisher } from '#jetstream/publisher.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { startTestServer, type TestServer } from '../../harness/server.ts';

/** Starting a server on a machine that is busy with other tests. */
export const RIG_LIMIT_MS = 120_000;

/** Ends a wait for what never comes: shorter than a test's own limit, so that it can say what it waited for. */
const WAIT_LIMIT_MS = 100_000;
const LOOK_EVERY_MS = 10;

const HOUR_MS = 3_600_000;

/** Lock TTL of a rig: long, so that nothing expires under a test that is not about expiry. */
export const LOCK_TTL_MS = 60_000;

/** What the roles provision with by default, but for a short ACK_WAIT. */
export const OPTIONS: ProvisionOptions = {
  replicas: 1,
  logMaxAgeMs: 168 * HOUR_MS,
  logMaxBytes: -1,
  ackWaitMs: 2_000,
  checkOnly: false,
};

/** A line of the log. */
interface Line {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A logger that keeps its lines. */
export class Lines {
  readonly all: Line[] = [];
  readonly logger: Logger = pino({ level: 'debug' }, { write: (line: string) => void this.all.push(JSON.parse(line)) });

  /** The lines whose message fits. */
  saying(msg: RegExp): Line[] {
    return this.all.filter((line) => msg.test(line.msg));
  }
}

/** Effects on a connection of their own: what one replica reaches the world through. */
export interface Replica {
  readonly nc: NatsConnection;
  readonly publisher: Publisher;
  readonly effects: Effects;
}

/** An account of a server: its streams are nobody else's. */
interface Account {
  readonly server: TestServer;
  readonly name: string;
}

/** So many accounts a shared server has. */
const ACCOUNTS = 100;
/** One that lets everybody in to whom no account was given. */
const OPEN_ACCOUNT = '$G';

/** Accounts that nobody has had yet, on a server that ends with this process. */
const unused: Promise<Account>[] = [];

/** An account that no other test has had. */
function freshAccount(): Promise<Account> {
  if (unused.length === 0) {
    const names = Array.from({ length: ACCOUNTS }, (_, index) => `A${index}`);
    const accounts = names.map((name) => `${name} { jetstream: enabled, users: [{user: ${name}, password: ${name}}] }`);
    // A busy machine may take longer to log in than the two seconds that a server waits by default.
    const config = `authorization { timeout: 60 }\naccounts { ${accounts.join('\n')} }`;
    const started = startTestServer({ config });
    unused.push(...names.map((name) => started.then((server) => ({ server, name }))));
  }
  return unused.pop()!;
}

/** Streams as the roles make them, and one replica on them. */
export class Rig {
  readonly server: TestServer;
  readonly lines = new Lines();
  readonly options: ProvisionOptions;
  readonly #account: string;
  readonly #replicas: Replica[] = [];

  private constructor({ server, name }: Account, options: Partial<ProvisionOptions>) {
    this.server = server;
    this.options = { ...OPTIONS, ...options };
    this.#account = name;
  }

  /** In an account of its own, on a server that other rigs have accounts of, too: it must be left running. */
  static async open(options: Partial<ProvisionOptions> = {}, consumers: readonly ConsumerName[] = []): Promise<Rig> {
    return await new Rig(await freshAccount(), options).#provisioned(consumers);
  }

  /** On a server of its own, which may be killed. */
  static async alone(options: Partial<ProvisionOptions> = {}, consumers: readonly ConsumerName[] = []): Promise<Rig> {
    const account = { server: await startTestServer(), name: OPEN_ACCOUNT };
    return await new Rig(account, options).#provisioned(consumers);
  }

  /** In an account of its own with nothing in it. */
  static async empty(options: Partial<ProvisionOptions> = {}): Promise<Rig> {
    const rig = new Rig(await freshAccount(), options);
    await rig.replica();
    return rig;
  }

  async #provisioned(consumers: readonly ConsumerName[]): Promise<this> {
    const { nc } = await this.replica();
    await provision(nc, consumers, this.options, this.lines.logger);
    return this;
  }

  /** The first replica. */
  get first(): Replica {
    return this.#replicas[0]!;
  }

  get nc(): NatsConnection {
    return this.first.nc;
  }

  get effects(): Effects {
    return this.first.effects;
  }

  get publisher(): Publisher {
    return this.first.publisher;
  }

  /** One more replica; `url` leads to the server by another way, `lockTtlMs` is of its locks. */
  async replica(url = this.server.url, lockTtlMs = LOCK_TTL_MS): Promise<Replica> {
    const user = this.#account;
    const nc = await connect({
      servers: url,
      ...(user !== OPEN_ACCOUNT && { user, pass: user }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      reconnectJitter: 50,
    });
    const publisher = new Publisher(nc);
    const effects = jetstreamEffects(nc, publisher, lockTtlMs, (bucket) =>
      restoreBucket(nc, bucket, this.options, this.lines.logger),
    );
    const replica = { nc, publisher, effects };
    this.#replicas.push(replica);
    return replica;
  }

  /** Resolves when the first replica is connected again: the server has answered it. */
  async reconnected(): Promise<void> {
    const answers = (): Promise<boolean> =>
      this.nc.rtt().then(
        () => true,
        () => false,
      );
    await until('an answer of the server', answers);
  }

  /** The answer of the server's own API. */
  async api(path: string, body?: object): Promise<Answer> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    return (await this.nc.request(`$JS.API.${path}`, payload, { timeout: WAIT_LIMIT_MS })).json<Answer>();
  }

  /**
   * Takes from the log what comes after now, as a power cut takes what the server had not synced yet: resolves to a function that
   * kills the server, puts the log back to where it is now, and starts it again. Nothing else goes back, durable consumers neither.
   */
  async cutLater(): Promise<() => Promise<void>> {
    const then = mkdtempSync(join(tmpdir(), 'riposte-log-'));
    const messages = join(this.#streams, COMBAT, 'msgs');
    await this.server.kill();
    cpSync(messages, then, { recursive: true });
    await this.server.restart();
    await this.reconnected();
    return async () => {
      await this.server.kill();
      rmSync(messages, { recursive: true });
      cpSync(then, messages, { recursive: true });
      rmSync(then, { recursive: true });
      await this.server.restart();
      await this.reconnected();
    };
  }

  /** Deletes a stream, as an operator might. Its files go a little later; before that the server can make no other of its name. */
  async drop(stream: string): Promise<void> {
    await (await jetstreamManager(this.nc, PATIENCE)).streams.delete(stream);
    await until('its files to go', () => !existsSync(join(this.#streams, stream)));
  }

  get #streams(): string {
    return join(this.server.storeDir, 'jetstream', this.#account, 'streams');
  }

  async close(): Promise<void> {
    for (const { nc } of this.#replicas) await nc.close();
    if (this.#account === OPEN_ACCOUNT) await this.server.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The parts of the server's answers that are looked at. */
interface Answer {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly state?: { readonly messages: number; readonly last_seq: number };
  readonly error?: { readonly code: number; readonly err_code?: number; readonly description?: string };
}

/** The mark of Riposte, as streams carry it. */
export const MARK = { [OWNER_KEY]: '1' };

let lastSession = 0;

/** A session id that no other test of this file has. */
export function freshSession(): string {
  lastSession += 1;
  return `s${lastSession}`;
}

/** A nudge: a valid signal without moves, told from others by `n`. */
export function nudge(sessionId: string, n: number, pad = ''): Uint8Array {
  return encode({ session_id: sessionId, signal_type: 'check_immediate', n, ...(pad === '' ? {} : { pad }) });
}

/** What is published at once has its answers in time, also on a busy machine. */
const AT_ONCE_BYTES = 2 * 1_024 * 1_024;
const NUDGE_BYTES = 200;

/** Publishes `count` nudges and resolves with their sequences, in order. */
export async function nudges(publisher: Publisher, sessionId: string, count: number, pad = ''): Promise<number[]> {
  const atOnce = Math.max(1, Math.floor(AT_ONCE_BYTES / (pad.length + NUDGE_BYTES)));
  const seqs: number[] = [];
  while (seqs.length < count) {
    const length = Math.min(atOnce, count - seqs.length);
    const stored = Array.from({ length }, (_, n) => storedNudge(publisher, sessionId, seqs.length + n, pad));
    seqs.push(...(await Promise.all(stored)));
  }
  return seqs;
}

let lastNudge = 0;

/** Publishes a nudge until its answer has come. Under its own Msg-Id it is stored once, where it was stored first. */
async function storedNudge(publisher: Publisher, sessionId: string, n: number, pad: string): Promise<number> {
  lastNudge += 1;
  const msgId = `nudge ${process.pid} ${lastNudge}`;
  for (;;) {
    const receipt = await publisher.publish(logSubject('signal', sessionId), nudge(sessionId, n, pad), { msgId });
    if (receipt.kind === 'stored') return receipt.seq;
    if (receipt.kind !== 'unknown') throw new Error(`a nudge was not stored: ${JSON.stringify(receipt)}`);
  }
}

/** Looks again and again until there is something to see, or the limit is reached. */
export async function until<Seen>(
  what: string,
  look: () => Seen | undefined | false | Promise<Seen | undefined | false>,
  limitMs = WAIT_LIMIT_MS,
): Promise<Seen> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Rejects where something that must end does not. */
export async function within<Result>(what: string, work: Promise<Result>, limitMs = WAIT_LIMIT_MS): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A door that holds whoever passes until it is opened. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();

  /** Resolves when somebody stands before it. */
  get reached(): Promise<void> {
    return within('somebody at the gate', this.#reached.promise);
  }

  async pass(): Promise<void> {
    this.#reached.resolve();
    await this.#opened.promise;
  }

  open(): void {
    this.#opened.resolve();
  }
}
