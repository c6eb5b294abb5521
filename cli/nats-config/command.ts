/**
 * Owns `riposte nats-config`: what it is asked, and how its answer is told.
 */
import { resolve } from 'node:path';
import { isId } from '#contracts/ids.ts';
import { RESULT_CONSUMERS } from '#contracts/rights.ts';
import { CONSUMERS } from '#contracts/streams.ts';
import { BadUsage, type Command, EXIT, readArguments } from '../command.ts';
import { Trouble } from '../trouble.ts';
import { hasZone, readHost, splitHost } from './address.ts';
import { writeDirectory } from './directory.ts';
import type { Plan, ServerPlan } from './plan.ts';
import { FILES } from './server-conf.ts';

const HELP = `usage: riposte nats-config <directory> [--server <name>[=<host>[:<port>[:<route port>[:<monitor port>]]]]]... [options]

Writes into a directory all that a nats-server needs to let each role do its own work and nothing else: a configuration,
certificates, and a seed for each user: game_server, collector, executor, ai, observer, operator, and system for the
account $SYS. To give it again is safe: seeds, keys and good certificates are kept, configurations are written anew.

  --server          a server, by its name; once (default: nats), or three times for a cluster. Host: under which it is reached,
                    by default its name. Ports: by default 4222, 6222 between servers, 8222 for monitoring on loopback (0: none).
                    With ports, an IPv6 address has brackets: n1=[2001:db8::1]:4222
  --also <names>    more names and addresses that the certificates are to hold, comma-separated; localhost is among them
  --listen <addr>   the address where clients and routes are listened to; default 0.0.0.0, which is every address, IPv6 too
  --as <path>       the directory as the servers see it, where it is mounted elsewhere; default: its own absolute path
  --store <path>    where a server keeps its streams, as it sees it; default: store/<name> in the directory
  --sync-interval   how soon what was written is synced: default (the server's own: two minutes), always, or a duration (1s, 500ms).
                    Left out: default for one server, always for a cluster
  --results <names> the durable consumers that game servers may have, comma-separated; default: ${RESULT_CONSUMERS.join(',')}

A role gets its seed by NATS_NKEY_SEED_FILE=<directory>/seeds/<role>.nk, and the authority by NATS_TLS_CA=<directory>/ca.pem.
ca-key.pem is for this command alone: keep it off the servers. Exit code: 0 written, 2 no answer.
`;

const OPTIONS = {
  server: { type: 'string', multiple: true },
  also: { type: 'string' },
  listen: { type: 'string' },
  as: { type: 'string' },
  store: { type: 'string' },
  'sync-interval': { type: 'string' },
  results: { type: 'string' },
} as const;

const DEFAULT_SERVER = 'nats';
const PORT = 4222;
const ROUTE_PORT = 6222;
const MONITOR_PORT = 8222;
const EVERYWHERE = '0.0.0.0';
/** Raft groups are of odd size, and REPLICAS knows no more than five. */
const CLUSTER_SIZES = [3, 5];
/** A cluster is there for what must not be lost. */
const SAFE_SYNC = 'always';
const SERVERS_DEFAULT_SYNC = 'default';

export const natsConfigCommand: Command = {
  summary: 'writes the configuration of nats-servers that let each role do its own work',
  help: HELP,
  async run(args, { out, say }) {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [directory, ...more] = positionals;
    if (directory === undefined || more.length > 0) throw new BadUsage('expected one directory');
    const plan = planOf(resolve(directory), values);
    try {
      for (const { file, how } of await writeDirectory(resolve(directory), plan)) out(`${file} ${how}\n`);
    } catch (error) {
      // No right to write, or no room.
      if (!(error instanceof Error) || !('syscall' in error)) throw error;
      throw new Trouble(`${error.message}; give a directory that you may read and write`);
    }
    say(`${plan.servers.length === 1 ? 'one server' : `a cluster of ${plan.servers.length}`} in ${resolve(directory)}`);
    return EXIT.ok;
  },
};

type Values = { readonly [Name in keyof typeof OPTIONS]?: string | string[] | undefined } & {
  readonly server?: string[] | undefined;
};

function planOf(directory: string, values: Values): Plan {
  const also = listed(values.also, '--also', 'names and addresses without ports', readCertifiable);
  const servers = (values.server ?? [DEFAULT_SERVER]).map((text) => readServer(text, also));
  if (servers.length > 1 && !CLUSTER_SIZES.includes(servers.length)) {
    throw new BadUsage(`${servers.length} servers: expected one, or ${CLUSTER_SIZES.join(' or ')} for a cluster`);
  }
  if (new Set(servers.map(({ name }) => name)).size < servers.length) {
    throw new BadUsage('two servers of one name');
  }
  requireOwnFiles(servers);
  return {
    servers,
    listen: readListen(text(values.listen) ?? EVERYWHERE),
    seenAs: text(values.as) ?? directory,
    store: text(values.store) ?? null,
    syncInterval: readSync(text(values['sync-interval']), servers.length > 1),
    resultConsumers: readResults(values.results),
  };
}

function readListen(text: string): string {
  const host = readHost(text);
  if (host !== null) return host;
  throw new BadUsage(
    `--listen is ${JSON.stringify(text)}, expected a name or an address without a port: ports go with --server`,
  );
}

/** A host that a certificate can hold. */
function readCertifiable(text: string): string | null {
  const host = readHost(text);
  return host === null || hasZone(host) ? null : host;
}

/** A server's files are called after it, and must not be those of the authority or of another server: one would be written over. */
function requireOwnFiles(servers: readonly ServerPlan[]): void {
  const owners = new Map<string, string>([FILES.ca, FILES.caKey].map((file) => [file, 'the authority']));
  for (const { name } of servers) {
    for (const file of [FILES.conf(name), FILES.certificate(name), FILES.key(name)]) {
      // To some file systems a capital letter is no other letter.
      const owner = owners.get(file.toLowerCase());
      if (owner !== undefined) throw new BadUsage(`--server ${name}: its file ${file} would be that of ${owner}`);
      owners.set(file.toLowerCase(), name);
    }
  }
}

const text = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Reads a comma-separated list, each item of it by `read`, which gives null for one that cannot be used. */
function listed(
  value: string | string[] | undefined,
  option: string,
  expected: string,
  read: (item: string) => string | null,
): string[] {
  const items = String(value ?? '').split(',');
  const found = items.map((item) => item.trim()).filter((item) => item !== '');
  return found.map((item) => {
    const known = read(item);
    if (known === null) throw new BadUsage(`${option}: ${JSON.stringify(item)} cannot be used, expected ${expected}`);
    return known;
  });
}

const SERVER_EXPECTED =
  '<name>[=<host>[:<port>[:<route port>[:<monitor port>]]]], with brackets around an IPv6 address that has ports';

function readServer(text: string, alsoCalled: readonly string[]): ServerPlan {
  const [, name, where] = /^([A-Za-z0-9_-]{1,64})(?:=(.+))?$/.exec(text) ?? [];
  const [host, rest] = (where === undefined ? [name] : splitHost(where)) ?? [];
  const [, port, routePort, monitorPort] = /^(?:(\d{1,5})(?::(\d{1,5}))?(?::(\d{1,5}))?)?$/.exec(rest ?? '') ?? [];
  if (name === undefined || host === undefined || (rest !== undefined && port === undefined)) {
    throw new BadUsage(`--server is ${JSON.stringify(text)}, expected ${SERVER_EXPECTED}`);
  }
  if (hasZone(host)) {
    throw new BadUsage(
      `--server is ${JSON.stringify(text)}, expected an address without a zone, that others can use too`,
    );
  }
  const monitor = readPort(monitorPort, MONITOR_PORT, 0);
  return {
    name,
    host,
    alsoCalled,
    port: readPort(port, PORT, 1),
    routePort: readPort(routePort, ROUTE_PORT, 1),
    monitorPort: monitor === 0 ? null : monitor,
  };
}

function readPort(text: string | undefined, unset: number, least: number): number {
  const port = text === undefined ? unset : Number(text);
  if (port < least || port > 65_535) throw new BadUsage(`${text} is no port`);
  return port;
}

function readSync(text: string | undefined, isCluster: boolean): string | null {
  if (text === undefined) return isCluster ? SAFE_SYNC : null;
  if (text === SERVERS_DEFAULT_SYNC) return null;
  if (text === SAFE_SYNC || /^[1-9]\d{0,8}(ms|s|m|h)$/.test(text)) return text;
  throw new BadUsage(`--sync-interval is ${JSON.stringify(text)}, expected default, always, or a duration such as 1s`);
}

function readResults(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return RESULT_CONSUMERS;
  const isFree = (name: string): boolean => isId(name) && !Object.hasOwn(CONSUMERS, name);
  const read = (name: string): string | null => (isFree(name) ? name : null);
  return [...new Set(listed(value, '--results', "names that are not Riposte's own consumers'", read))];
}
