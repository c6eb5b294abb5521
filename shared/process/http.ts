/**
 * Owns the three pages of a process: `/healthz`, `/readyz`, `/metrics`. For orchestrators and Prometheus, not for the
 * world: no bodies are read, and every wait and count is bounded.
 *
 * Left to the parts of a role: what readiness means; each gives a named check.
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf } from '#contracts/decode.ts';
import { StartError } from './start-error.ts';

/** Says why something is not ready, or null. Called on every request: no I/O, no waiting. */
export type ReadinessCheck = () => string | null;
/** By name, as `/readyz` shows them. */
export type ReadinessChecks = Readonly<Record<string, ReadinessCheck>>;

/** What the pages show. */
export interface HttpPages {
  /** Asked anew on every request: a process has more to be ready for once it has started. */
  checks(): ReadinessChecks;
  /** The whole Prometheus page, and its content type. */
  metrics(): Promise<{ readonly type: string; readonly text: string }>;
}

/** The running server. */
export interface HttpServer {
  /** The port it got, where any was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** A scraper sends its few headers in one packet; who takes longer is not one. */
const REQUEST_LIMIT_MS = 5_000;
/** Longer than the usual 15 s between scrapes, so that a scraper keeps its connection. */
const KEEP_ALIVE_MS = 20_000;
const HEADERS_MAX_BYTES = 8 * 1024;
/** Orchestrator, Prometheus, somebody with curl: a few each. */
const CONNECTIONS_MAX = 64;

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Starts the pages on all interfaces.
 * @param port 0 for any free one
 * @throws StartError where the port cannot be had
 */
export async function startHttp(port: number, pages: HttpPages): Promise<HttpServer> {
  const server = createServer(
    { headersTimeout: REQUEST_LIMIT_MS, requestTimeout: REQUEST_LIMIT_MS, maxHeaderSize: HEADERS_MAX_BYTES },
    (request, response) => void answer(request, response, pages),
  );
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.maxConnections = CONNECTIONS_MAX;
  await listening(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
      reject(new StartError(`HTTP_PORT: cannot listen on port ${port}: ${why}`));
    });
    server.listen(port, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, pages: HttpPages): Promise<void> {
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return refuse(response, 405, 'method not allowed');
    }
    if (hasBody(request)) return refuse(response, 413, 'no body is read here');
    switch (request.url!.split('?', 1)[0]) {
      case '/healthz':
        return sendJson(response, 200, { ok: true });
      case '/readyz':
        return sendReadiness(response, pages.checks());
      case '/metrics': {
        const { type, text } = await pages.metrics();
        return send(response, 200, type, text);
      }
      default:
        return refuse(response, 404, 'not found');
    }
  } catch (error) {
    if (!response.headersSent) refuse(response, 500, messageOf(error));
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
}

function sendReadiness(response: ServerResponse, checks: ReadinessChecks): void {
  const reasons: [string, string][] = [];
  for (const [name, check] of Object.entries(checks)) {
    const reason = reasonOf(check);
    if (reason !== null) reasons.push([name, reason]);
  }
  if (reasons.length === 0) sendJson(response, 200, { ready: true });
  else sendJson(response, 503, { ready: false, reasons: Object.fromEntries(reasons) });
}

function reasonOf(check: ReadinessCheck): string | null {
  try {
    return check();
  } catch (error) {
    return `the check failed: ${messageOf(error)}`;
  }
}

/** What is refused also ends the connection: an unread body would stand before the next request. */
function refuse(response: ServerResponse, status: number, error: string): void {
  response.setHeader('connection', 'close');
  sendJson(response, status, { error });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, JSON_TYPE, `${JSON.stringify(body)}\n`);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  });
  response.end(text);
}
