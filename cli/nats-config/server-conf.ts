/**
 * Owns the text of a server's configuration: rights.ts in the server's own words. Pure.
 *
 * 1. A user at home has its rights as they are. A guest has an account of its own, and every right of it is an export of the
 *    home account to that account, an import, and a permission: what lacks one of the three does not work.
 * 2. A guest's JetStream requests are mapped to the imported ones. Its own account has no JetStream, and would say so.
 */
import { AT_HOME, type Rights, rightsOf, USERS, type User } from '#contracts/rights.ts';
import { apiSubject, covers, JETSTREAM_API } from '#contracts/subjects.ts';
import { hostAndPort } from './address.ts';
import type { Plan, ServerPlan } from './plan.ts';

/** The user of the account `$SYS`: it sees servers and connections, and none of the streams. */
export const SYSTEM_USER = 'system';

/**
 * What every account asks of JetStream passes through this one, and so does what is answered: stored messages, and the seal of the
 * collector's consumer. So it listens to the servers' own subjects, and to answers under the inboxes that clients have by default.
 */
const SYSTEM_RIGHTS: Rights = { publish: ['$SYS.REQ.>'], subscribe: ['$SYS.>', '_INBOX.>'] };

const HOME = 'RIPOSTE';
const SYSTEM = 'SYS';
const accountOf = (user: User): string => (AT_HOME.includes(user) ? HOME : user.toUpperCase());

/** A guest's name for the JetStream of the home account. */
const LENT = 'lent.';
/** Requests that are answered with more than one message. */
const ANSWERED_OFTEN = [apiSubject('DIRECT.GET.'), apiSubject('CONSUMER.MSG.NEXT.')];

/** Public keys by user, the system's among them. */
export type PublicKeys = Readonly<Record<User | typeof SYSTEM_USER, string>>;

/** Names of the files of a plan, relative to its directory. */
export const FILES = {
  ca: 'ca.pem',
  caKey: 'ca-key.pem',
  conf: (server: string) => `${server}.conf`,
  certificate: (server: string) => `${server}.pem`,
  key: (server: string) => `${server}-key.pem`,
  seed: (user: string) => `seeds/${user}.nk`,
} as const;

/** The whole configuration of one server. */
export function serverConf(plan: Plan, server: ServerPlan, keys: PublicKeys): string {
  return [
    HEAD,
    `server_name: ${quoted(server.name)}`,
    `listen: ${quoted(hostAndPort(plan.listen, server.port))}`,
    ...(server.monitorPort === null
      ? []
      : ['# For the machine itself: it asks for no login.', `http: "127.0.0.1:${server.monitorPort}"`]),
    '',
    ...storeConf(plan, server),
    '',
    tlsConf(plan.seenAs, server.name),
    '',
    ...clusterConf(plan, server),
    accountsConf(rightsOf(plan.resultConsumers), keys),
  ].join('\n');
}

const HEAD = '# Written by `riposte nats-config`, which writes it anew: changes made here are lost.\n';

/** TLS towards clients: the server shows its certificate, and a client its nkey. */
export const tlsConf = (directory: string, server: string): string => `tls {\n${tlsFiles(directory, server)}\n}`;

function tlsFiles(directory: string, server: string, indent = '  '): string {
  const files = { cert_file: FILES.certificate(server), key_file: FILES.key(server), ca_file: FILES.ca };
  return Object.entries(files)
    .map(([setting, file]) => `${indent}${setting}: ${quoted(`${directory}/${file}`)}`)
    .join('\n');
}

function storeConf({ store, seenAs, syncInterval }: Plan, { name }: ServerPlan): string[] {
  const sync =
    syncInterval === null
      ? [
          "  # How soon what was acknowledged is safe from a power cut. The server's default is two minutes; `always` syncs before",
          '  # it acknowledges, and costs most of the throughput (docs/reliability.md).',
          '  # sync_interval: always',
        ]
      : [`  sync_interval: ${syncInterval}`];
  return ['jetstream {', `  store_dir: ${quoted(store ?? `${seenAs}/store/${name}`)}`, ...sync, '}'];
}

function clusterConf({ servers, listen, seenAs }: Plan, server: ServerPlan): string[] {
  if (servers.length === 1) return [];
  const routes = servers.map(({ host, routePort }) => `    ${quoted(`nats-route://${hostAndPort(host, routePort)}`)}`);
  return [
    'cluster {',
    '  name: "riposte"',
    `  listen: ${quoted(hostAndPort(listen, server.routePort))}`,
    '  # Clients are not told the addresses of the others: the certificates have names, and by address nobody gets in.',
    '  no_advertise: true',
    '  # A route is made with whoever shows a certificate of this authority.',
    '  tls {',
    tlsFiles(seenAs, server.name, '    '),
    '    verify: true',
    '  }',
    '  routes: [',
    ...routes,
    '  ]',
    '}',
    '',
  ];
}

/** The accounts and users, and what each may do. */
export function accountsConf(rights: Readonly<Record<User, Rights>>, keys: PublicKeys): string {
  const guests = USERS.filter((user) => !AT_HOME.includes(user));
  const lent = guests.map((user) => [user, heardFromHome(rights, user)] as const);
  return [
    'accounts {',
    `  ${HOME} {`,
    '    jetstream: enabled',
    '    users: [',
    ...AT_HOME.map((user) => userConf(keys[user], user, rights[user])),
    '    ]',
    '    exports: [',
    ...exportsTo(guests.map((user) => [user, rights[user].publish])).map(serviceExport),
    ...exportsTo(lent).map(streamExport),
    '    ]',
    '  }',
    ...lent.flatMap(([user, subjects]) => guestConf(user, keys[user], rights[user], subjects)),
    `  ${SYSTEM} {`,
    '    users: [',
    userConf(keys[SYSTEM_USER], SYSTEM_USER, SYSTEM_RIGHTS),
    '    ]',
    '  }',
    '}',
    `system_account: ${SYSTEM}`,
    '',
  ].join('\n');
}

/** What a guest hears of the home account: what somebody at home may publish. Its other inboxes are for answers to itself. */
function heardFromHome(rights: Readonly<Record<User, Rights>>, guest: User): string[] {
  const said = AT_HOME.flatMap((user) => rights[user].publish);
  return rights[guest].subscribe.filter((subject) => said.some((each) => covers(subject, each)));
}

function guestConf(user: User, key: string, rights: Rights, heard: readonly string[]): string[] {
  const publish = rights.publish.filter((subject) => !subject.startsWith(JETSTREAM_API));
  // What is not imported goes nowhere; whoever asks for it is told at once that nobody answers.
  if (publish.length < rights.publish.length) publish.push(`${LENT}>`);
  return [
    `  ${accountOf(user)} {`,
    `    mappings: { ${quoted(apiSubject('>'))}: ${quoted(`${LENT}>`)} }`,
    '    users: [',
    userConf(key, user, { publish, subscribe: rights.subscribe }),
    '    ]',
    '    imports: [',
    ...rights.publish.map(serviceImport),
    ...heard.map((subject) => `      { stream: { account: ${HOME}, subject: ${quoted(subject)} } }`),
    '    ]',
    '  }',
  ];
}

function userConf(key: string, name: string, { publish, subscribe }: Rights): string {
  const list = (subjects: readonly string[]) => subjects.map((subject) => `          ${quoted(subject)}`).join('\n');
  return `      { nkey: ${key}, permissions: { # ${name}
        publish: [
${list(publish)}
        ]
        subscribe: [
${list(subscribe)}
        ]
      } }`;
}

type Export = readonly [subject: string, users: readonly User[]];

/** Every subject once, with all it is exported to. */
function exportsTo(asked: readonly (readonly [user: User, subjects: readonly string[]])[]): Export[] {
  const users = new Map<string, User[]>();
  for (const [user, subjects] of asked) {
    for (const subject of subjects) users.set(subject, [...(users.get(subject) ?? []), user]);
  }
  return [...users];
}

function serviceExport([subject, users]: Export): string {
  const often = ANSWERED_OFTEN.some((prefix) => subject.startsWith(prefix)) ? ', response_type: stream' : '';
  return `      { service: ${quoted(subject)}, accounts: [${users.map(accountOf).join(', ')}]${often} }`;
}

const streamExport = ([subject, users]: Export): string =>
  `      { stream: ${quoted(subject)}, accounts: [${users.map(accountOf).join(', ')}] }`;

function serviceImport(subject: string): string {
  const service = `service: { account: ${HOME}, subject: ${quoted(subject)} }`;
  if (!subject.startsWith(JETSTREAM_API)) return `      { ${service} }`;
  return `      { ${service}, to: ${quoted(LENT + subject.slice(JETSTREAM_API.length))} }`;
}

/** JSON's string escapes are those of the server's own syntax. */
const quoted = (text: string): string => JSON.stringify(text);
