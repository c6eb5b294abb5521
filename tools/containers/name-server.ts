// Owns: the name server of an engine that has no way out. It knows no name, and says so at once: without it whoever asks for a
// container that has gone waits for an answer that never comes.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const DNS_PORT = 53;
const HEADER_BYTES = 12;
/** Of the header's second word: an answer, recursion available, no such name. */
const IS_ANSWER = 0x80;
const NO_SUCH_NAME = 0x83;

/**
 * Answers every question at an address with `no such name`; resolves when it does. Keeps no process alive.
 * @returns ends it
 */
export async function serveNoNames(address: string): Promise<() => void> {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address: asker }) => {
    if (query.length < HEADER_BYTES) return;
    const answer = Buffer.from(query);
    answer[2] = query[2]! | IS_ANSWER;
    answer[3] = NO_SUCH_NAME;
    socket.send(answer, port, asker, () => {});
  });
  socket.bind(DNS_PORT, address);
  await once(socket, 'listening');
  socket.on('error', () => {});
  socket.unref();
  return () => socket.close();
}
