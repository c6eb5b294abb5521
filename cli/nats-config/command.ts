/**
 * Owns `riposte nats-config`: what it is asked, and how its answer is told.
 */
import { resolve } from 'node:path';
import { readId } from '#contracts/ids.ts';
import { RESULT_CONSUMERS } from '#contracts/rights.ts';
import { CONSUMERS } from '#contracts/streams.ts';
import { BadUsage, type Command, EXIT, readArguments } from '../command.ts';
import { Trouble } from '../trouble.ts';
import { writeDirectory } from './directory.ts';
import type { Plan, ServerPlan } from './plan.ts';
import { FILES } from './server-conf.ts';

const HELP = `usage: riposte nats-config <directory> [--server <name>[=<host>[:<port>[:<route port>[:<monitor port>]]]]]... [options]

Writes into a directory all that a nats-server needs to let each role do its own work and nothing else: a configuration,
certificates, and a seed for each user: game_server, collector, executor, ai, observer, operator, and system for the
account $SYS. To give it again is safe: seeds, keys and good certificates are kept, configurations are written anew.

  --server          a server, by its name; once (default: nats), or three times for a cluster. Host: under which it is reached,
                    by default its name. Ports: by default 4222, 6222 between servers, 8222 for monitoring on loopback (0: none)
  --also <names>    more names and addresses that the certificates are to hold, comma-separated; localhost is among them
  --listen <addr>   where clients and routes are listened to; default 0.0.0.0
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
      // Not to be allowed to write, or no room: whoever typed it can put that right.
      if (error instanceof Error && 'syscall' in error) throw new Trouble(error.message);
      throw error;
    }
    say(`${plan.servers.length === 1 ? 'one server' : `a cluster of ${plan.servers.length}`} in ${resolve(directory)}`);
    return EXIT.ok;
  },
};

type Values = { readonly [Name in keyof typeof OPTIONS]?: string | string[] | undefined } & {
  readonly server?: string[] | undefined;
};

function planOf(directory: string, values: Values): Plan {
  const also = names(values.also, '--also', (name) => /^[A-Za-z0-9.:_-]+$/.test(name));
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
    listen: text(values.listen) ?? EVERYWHERE,
    seenAs: text(values.as) ?? directory,
    store: text(values.store) ?? null,
    syncInterval: readSync(text(values['sync-interval']), servers.length > 1),
    resultConsumers: readResults(values.results),
  };
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

function names(value: string | string[] | undefined, option: string, isOne: (name: string) => boolean): string[] {
  if (value === undefined) return [];
  const found = String(value)
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  for (const name of found) if (!isOne(name)) throw new BadUsage(`${option}: ${JSON.stringify(name)} cannot be used`);
  return found;
}

function readServer(text: string, alsoCalled: readonly string[]): ServerPlan {
  const [, name, host, port, routePort, monitorPort] =
    /^([A-Za-z0-9_-]{1,64})(?:=([A-Za-z0-9._-]+)(?::(\d{1,5}))?(?::(\d{1,5}))?(?::(\d{1,5}))?)?$/.exec(text) ?? [];
  if (name === undefined) {
    throw new BadUsage(
      `--server is ${JSON.stringify(text)}, expected <name>[=<host>[:<port>[:<route port>[:<monitor port>]]]]`,
    );
  }
  const monitor = readPort(monitorPort, MONITOR_PORT, 0);
  return {
    name,
    host: host ?? name,
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
  const isFree = (name: string): boolean => readId(name) === name && !Object.hasOwn(CONSUMERS, name);
  return [...new Set(names(value, '--results', isFree))];
}
