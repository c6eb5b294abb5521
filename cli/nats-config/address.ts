/**
 * Owns addresses as a person writes them and as a URL or a server's configuration has them: names, IPv4, and IPv6, which has
 * brackets wherever a port may follow. Pure.
 */
import { isIPv6 } from 'node:net';

const NAME = /^[A-Za-z0-9._-]+$/;
/** A host, brackets around one that may have colons, and what follows a colon after it. */
const HOST_AND_REST = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/;

/** Reads a host without a port: a name, an IPv4 address, or an IPv6 address with or without brackets; null for anything else. */
export function readHost(text: string): string | null {
  const [, inBrackets] = /^\[(.*)\]$/.exec(text) ?? [];
  if (isIPv6(inBrackets ?? text)) return inBrackets ?? text;
  return inBrackets === undefined && NAME.test(text) ? text : null;
}

/** Takes `host:rest` apart: an IPv6 address with a rest is in brackets, and one without brackets has none. Null for no host. */
export function splitHost(text: string): readonly [host: string, rest: string | undefined] | null {
  if (isIPv6(text)) return [text, undefined];
  const [, inBrackets, plain = '', rest] = HOST_AND_REST.exec(text) ?? [];
  const host = readHost(inBrackets === undefined ? plain : `[${inBrackets}]`);
  return host === null ? null : [host, rest];
}

/** Whether an address is of one machine's own network cards (`fe80::1%eth0`): elsewhere it names nobody. */
export const hasZone = (host: string): boolean => host.includes('%');

/** Host and port as URLs and the server's configuration have them. */
export const hostAndPort = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
