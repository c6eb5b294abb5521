// Owns: a TCP link between a client and its server that can lose what the server says, so that something is stored and its
// acknowledgement never arrives; or carry it slowly, as links to other places do.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A link to a server on this machine. */
export class Link {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #deaf = false;
  #bytesPerMs = Number.POSITIVE_INFINITY;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async to(port: number): Promise<Link> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const link = new Link(server, `nats://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('connection', (client) => link.#join(client, connect(port, '127.0.0.1')));
    return link;
  }

  /** From now on nothing that the server says arrives; what the client says still does. */
  deafen(): void {
    this.#deaf = true;
  }

  /** From now on what the server says arrives no faster than this. */
  slow(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
  }

  /** Cuts what is there, which the client finds out, and lets everything through again. */
  mend(): void {
    this.#deaf = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.mend();
    this.#server.close();
  }

  #join(client: Socket, upstream: Socket): void {
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => void upstream.write(data));
    upstream.on('data', (data) => {
      if (!this.#deaf) client.write(data);
      if (this.#bytesPerMs === Number.POSITIVE_INFINITY) return;
      upstream.pause();
      setTimeout(() => upstream.resume(), data.length / this.#bytesPerMs);
    });
  }
}
