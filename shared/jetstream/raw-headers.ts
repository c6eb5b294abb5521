/**
 * Owns reading a message's headers as the text they came as. The client's own reading of them throws at a name that it does
 * not like, in the middle of reading from the connection, which ends that for good; and names are chosen by whoever publishes
 * (docs/adr/0009-headers-are-anybodys.md).
 */
import type { Msg } from '@nats-io/transport-node';

const PROTOCOL = 'NATS/1.0';
const EOL = '\r\n';

/** The headers of a message, protocol line first; empty where it has none. */
export function headerBlock(msg: Msg): string {
  const { _msg, _rdata } = msg as unknown as { readonly _msg: { readonly hdr: number }; readonly _rdata: Uint8Array };
  return _msg.hdr > 0 ? Buffer.from(_rdata.buffer, _rdata.byteOffset, _msg.hdr).toString('utf8') : '';
}

/** The value of a header's last line: the server adds its own after those of the publisher. Empty where there is none. */
export function lastLine(block: string, name: string): string {
  const start = block.lastIndexOf(`${EOL}${name}: `);
  if (start === -1) return '';
  const value = start + EOL.length + name.length + 2;
  return block.slice(value, block.indexOf(EOL, value));
}

/** What the protocol line says after the protocol's name: `404 No Messages`. */
export function statusOf(block: string): string {
  return block.slice(PROTOCOL.length, block.indexOf(EOL)).trim();
}
