/**
 * Owns what a test of a connection stands on: servers and connections that end with the test, and a witness of what a
 * connection logs and is told.
 */
import { pino } from 'pino';
import { expect, type TestContext } from 'vitest';
import { type Connection, type ConnectOptions, connect } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';
import { StartError } from '#process/start-error.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';

/** For `authorization` and `tls` of a server: how long it waits for a login. A busy machine is no stranger. */
export const PATIENT = 'timeout: 60';

/** A server that ends with the test. */
export async function serve(
  { onTestFinished }: TestContext,
  ...args: Parameters<typeof startTestServer>
): Promise<TestServer> {
  const server = await startTestServer(...args);
  onTestFinished(() => server.stop());
  return server;
}

/** A connection that ends with the test. */
export async function open(
  { onTestFinished }: TestContext,
  env: NodeJS.ProcessEnv,
  witness = new Witness(),
): Promise<Connection> {
  const connection = await connect(readConfig(env), witness.options);
  onTestFinished(() => connection.close());
  return connection;
}

/** Why a connection is refused: one line for a person. */
export async function refusalOf(context: TestContext, env: NodeJS.ProcessEnv, witness = new Witness()): Promise<Error> {
  const error = await open(context, env, witness).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StartError);
  expect((error as Error).message).not.toContain('\n');
  return error as Error;
}

/** What the connection logged and was told, and the means to wait for it. */
export class Witness {
  readonly lines: { level: string; msg: string; reason?: string; suppressed?: number }[] = [];
  readonly closed: string[] = [];
  readonly options: ConnectOptions;
  #waiting = new Set<() => void>();

  constructor(waitMs?: number) {
    const logger = pino(
      { level: 'debug', formatters: { level: (level) => ({ level }) } },
      {
        write: (line: string) => {
          this.lines.push(JSON.parse(line));
          this.#tell();
        },
      },
    );
    const onClosed = (reason: string): void => {
      this.closed.push(reason);
      this.#tell();
    };
    this.options = { name: 'witness', user: 'observer', logger, onClosed, ...(waitMs !== undefined && { waitMs }) };
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  logged(msg: string): Promise<void> {
    return this.until(() => this.lines.some((line) => line.msg === msg));
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
