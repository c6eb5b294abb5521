// Owns: the variables that `npm start` reads, for its help: those of shared/process/config.ts, which the roles read too, and those
// of finding a nats-server, keeping it and showing fights. A test compares the list with what the sources read.

import { variableHelp } from '#process/config.ts';
import { type VariableHelp, variableLines } from '#process/variable.ts';

/** What a variable of the roles is to `npm start`, where that is something else. */
const HERE: ReadonlyMap<string, Partial<VariableHelp>> = new Map<string, Partial<VariableHelp>>([
  ['NATS_URL', { unset: 'a nats-server of its own' }],
  ['HTTP_PORT', { about: 'not taken: three roles cannot have one port', unset: 'no HTTP' }],
  ['LOG_LEVEL', { about: 'not taken: what the roles log is read here', unset: 'info' }],
]);

const OF_START: readonly VariableHelp[] = [
  { name: 'PATH', unset: 'as it is', about: 'a nats-server that is new enough is taken from it; so are npm and tar' },
  {
    name: 'RIPOSTE_CACHE',
    unset: '.cache',
    about: 'the folder that keeps what was fetched; a relative one begins at the checkout',
  },
  {
    name: 'RIPOSTE_NATS_RELEASE_URL',
    unset: "its makers' releases",
    about: 'where nats-server is fetched from, the address up to /v2.15.1/: a mirror',
  },
  { name: 'HTTPS_PROXY', unset: 'none', about: 'the proxy for what is fetched by https; also in small letters' },
  { name: 'HTTP_PROXY', unset: 'none', about: 'the proxy for what is fetched by http; also in small letters' },
  { name: 'NO_PROXY', unset: 'none', about: 'hosts that are reached without a proxy; also in small letters' },
  { name: 'TMPDIR', unset: "the system's", about: 'the folder that takes the store of a nats-server of its own' },
  { name: 'NO_COLOR', unset: 'unset', about: 'anything: no colours on a terminal either' },
  { name: 'NODE_OPTIONS', unset: 'unset', about: 'for the command itself; the roles do not get it' },
];

/** Every variable that `npm start` reads. */
export const startVariables = (): VariableHelp[] => [
  ...variableHelp().map((variable) => ({ ...variable, ...HERE.get(variable.name) })),
  ...OF_START,
];

/** The same as lines of help. */
export const startVariableLines = (): string => variableLines(startVariables());
