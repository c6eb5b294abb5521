// Owns: a TCP proxy between a client and a nats-server that understands enough of the NATS protocol to spoil it message by
// message: to drop the acknowledgement of one publish and nothing else, to cut a connection in the middle of a message, to
// let whole messages vanish, to delay, to stop reading.
//
// 1. Nobody sees half a message but at a cut: what passes, passes in order and byte for byte.
// 2. What was done to a connection is counted, so that a test can prove that it was.
// 3. A proxy holds no more than the sockets do: where one side does not read, the other is not read from.

import { once } from 'node:events';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/** One protocol operation on its way. */
export interface Frame {
  readonly from: 'client' | 'server';
  /** `PUB`, `HPUB`, `MSG`, `HMSG`, `PING`, ... */
  readonly verb: string;
  /** Of a message; empty for every other operation. */
  readonly subject: string;
  /** Of a message from the server: the subject that the client published and this is the reply to; empty where it is none. */
  readonly answers: string;
  /** The whole operation, payload and line ends included. */
  readonly bytes: Buffer;
}

/** What becomes of an operation: `cut` sends its first half and ends the connection on both sides. */
export type Fate = 'pass' | 'drop' | 'cut';

/** What the proxy has done. */
export interface ProxyCounts {
  connections: number;
  passed: number;
  dropped: number;
  cut: number;
}

/** Publishes whose reply has not come yet, of one connection: more than a client has in flight. */
const AWAITED_MAX = 100_000;
/** Bytes that may wait for a slow side before the other is not read any more. */
const WAITING_MAX_BYTES = 64 * 1024;

const EOL = Buffer.from('\r\n');
const MESSAGES = new Set(['PUB', 'HPUB', 'MSG', 'HMSG']);

/** A proxy in front of one nats-server, for any number of clients. */
export class TcpProxy {
  readonly counts: ProxyCounts = { connections: 0, passed: 0, dropped: 0, cut: 0 };
  /** Decides about every operation; lets everything pass until a test says otherwise. */
  judge: (frame: Frame) => Fate = () => 'pass';
  /** Every operation arrives so much later, in each direction. */
  delayMs = 0;
  readonly #server: Server;
  readonly #upstreamPort: number;
  readonly #pairs = new Set<Pair>();
  #reading = true;

  private constructor(server: Server, upstreamPort: number) {
    this.#server = server;
    this.#upstreamPort = upstreamPort;
  }

  /** Opens a proxy on a loopback port of its own. */
  static async open(upstreamPort: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, upstreamPort);
    server.on('connection', (client) => proxy.#accept(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** For NATS_URL. */
  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** Stops reading what the server sends, or goes on: to the server the client is one that does not read. */
  readServer(reading: boolean): void {
    this.#reading = reading;
    for (const pair of this.#pairs) pair.readServer(reading);
  }

  /** Ends every connection, and the proxy. */
  async close(): Promise<void> {
    for (const pair of this.#pairs) pair.end();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #accept(client: Socket): void {
    this.counts.connections += 1;
    const upstream = dial(this.#upstreamPort, '127.0.0.1');
    const pair = new Pair(client, upstream, this);
    this.#pairs.add(pair);
    pair.readServer(this.#reading);
    const over = (): void => {
      pair.end();
      this.#pairs.delete(pair);
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', over);
      socket.on('close', over);
    }
  }
}

/** One client's connection and its counterpart to the server. */
class Pair {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #proxy: TcpProxy;
  /** Subjects of publishes by the inbox that their reply goes to. */
  readonly #awaited = new Map<string, string>();
  #reading = true;

  constructor(client: Socket, upstream: Socket, proxy: TcpProxy) {
    this.#client = client;
    this.#upstream = upstream;
    this.#proxy = proxy;
    this.#join(client, upstream, 'client');
    this.#join(upstream, client, 'server');
  }

  readServer(reading: boolean): void {
    this.#reading = reading;
    if (reading) this.#upstream.resume();
    else this.#upstream.pause();
  }

  end(): void {
    this.#client.destroy();
    this.#upstream.destroy();
  }

  #join(source: Socket, target: Socket, from: Frame['from']): void {
    const line = new DelayLine(target, (waiting) => {
      if (waiting > WAITING_MAX_BYTES) source.pause();
      else if (from === 'client' || this.#reading) source.resume();
    });
    const frames = new FrameReader();
    source.on('data', (chunk) => {
      for (const bytes of frames.read(chunk)) this.#pass(this.#frameOf(from, bytes), line);
    });
  }

  #pass(frame: Frame, line: DelayLine): void {
    const { counts, delayMs } = this.#proxy;
    const fate = this.#proxy.judge(frame);
    switch (fate) {
      case 'pass':
        counts.passed += 1;
        line.send(frame.bytes, delayMs);
        return;
      case 'drop':
        counts.dropped += 1;
        return;
      case 'cut':
        counts.cut += 1;
        line.sendLast(frame.bytes.subarray(0, frame.bytes.length >> 1), () => this.end());
        return;
      default:
        fate satisfies never;
    }
  }

  #frameOf(from: Frame['from'], bytes: Buffer): Frame {
    const words = bytes.toString('latin1', 0, bytes.indexOf(EOL)).split(/[ \t]+/);
    const verb = words[0]!.toUpperCase();
    if (!MESSAGES.has(verb)) return { from, verb, subject: '', answers: '', bytes };
    const subject = words[1]!;
    if (from === 'server') {
      const answers = this.#awaited.get(subject) ?? '';
      this.#awaited.delete(subject);
      return { from, verb, subject, answers, bytes };
    }
    // `PUB subject [reply] size`, `HPUB subject [reply] header-size size`
    const hasReply = words.length === (verb === 'PUB' ? 4 : 5);
    if (hasReply && this.#awaited.size < AWAITED_MAX) this.#awaited.set(words[2]!, subject);
    return { from, verb, subject, answers: '', bytes };
  }
}

/** Cuts a stream of bytes into operations. */
class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<Buffer> {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const length = lengthOfFirst(rest);
      if (length === null || length > rest.length) break;
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
    this.#rest = rest;
  }
}

/** The length in bytes of the first operation; null where not even its line is complete. */
function lengthOfFirst(bytes: Buffer): number | null {
  const end = bytes.indexOf(EOL);
  if (end === -1) return null;
  const words = bytes.toString('latin1', 0, end).split(/[ \t]+/);
  const line = end + EOL.length;
  return MESSAGES.has(words[0]!.toUpperCase()) ? line + Number(words.at(-1)) + EOL.length : line;
}

/** Sends in order, each not before its time. */
class DelayLine {
  readonly #target: Socket;
  readonly #waiting: { readonly bytes: Buffer; readonly dueAt: number }[] = [];
  readonly #fill: (waitingBytes: number) => void;
  #timer: NodeJS.Timeout | null = null;
  #cut = false;

  constructor(target: Socket, fill: (waitingBytes: number) => void) {
    this.#target = target;
    this.#fill = fill;
    target.on('drain', () => fill(0));
  }

  send(bytes: Buffer, delayMs: number): void {
    if (this.#cut) return;
    if (delayMs === 0 && this.#waiting.length === 0) {
      this.#write(bytes);
      return;
    }
    this.#waiting.push({ bytes, dueAt: performance.now() + delayMs });
    this.#timer ??= setTimeout(() => this.#flush(), delayMs);
  }

  /** Sends these bytes behind everything that waits, and nothing after them. */
  sendLast(bytes: Buffer, then: () => void): void {
    if (this.#cut) return;
    for (const waiting of this.#waiting.splice(0)) this.#write(waiting.bytes);
    this.#cut = true;
    this.#target.write(bytes, then);
  }

  #write(bytes: Buffer): void {
    if (this.#target.destroyed) return;
    this.#target.write(bytes);
    this.#fill(this.#target.writableLength);
  }

  #flush(): void {
    this.#timer = null;
    const now = performance.now();
    while (this.#waiting.length > 0 && this.#waiting[0]!.dueAt <= now) this.#write(this.#waiting.shift()!.bytes);
    const next = this.#waiting[0];
    if (next !== undefined) this.#timer = setTimeout(() => this.#flush(), Math.ceil(next.dueAt - now));
  }
}
