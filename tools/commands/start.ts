// Owns: `npm start`: a server, the three roles, something to watch, and an end that leaves nothing behind.
//
//     preparing --ready--> showing --Ctrl-C, or what cannot be mended--> ending --all stopped--> exit
//
// 1. The end comes in this order: fights of our own are called off, roles drain, the private server goes, the summary.
// 2. It ends with 0 when it was told to end, with 1 when it could not go on, with 2 for a bad option or variable.
// 3. Whatever way this process dies, what it started ends by itself: see role-process.ts and guardian.ts.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { RiposteClient } from '#client/client.ts';
import { type Connection, connect } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';
import { StartError } from '#process/start-error.ts';
import { Account } from '../arena/account.ts';
import { runBotArena } from '../arena/bot-arena.ts';
import { PacedLines } from '../arena/paced-lines.ts';
import { Screen } from '../arena/screen.ts';
import { runScriptedPlayer } from '../arena/scripted-player.ts';
import { serverForCommand } from '../nats-server/server-for-command.ts';
import { oneLine } from '../nats-server/step.ts';
import { Crew } from '../roles/crew.ts';
import { watchServer } from '../roles/server-watch.ts';
import { BadOption } from './options.ts';
import { readStartOptions, type StartParts } from './start-options.ts';
import { startVariableLines } from './variables.ts';

const HELP = `npm start [-- options]: the whole system, and a live account of every fight on its server, until Ctrl-C

  --no-arena    no fights of its own: it tells of those that you open
  --no-roles    no roles of its own: they run elsewhere, on the server that NATS_URL names
  --help        this

Without NATS_URL it runs a nats-server of its own, which is gone when it ends. With NATS_URL it uses that one, with one login for
all that it starts: the login needs the rights of every role and of a game server. On a server that keeps them apart
(docs/security.md) start each role by itself, with its own seed, and this with --no-roles and the seed of the game server.
The other NATS_ variables are about the server that NATS_URL names.

Variables, which go to the roles too. An empty one counts as unset. In brackets: the default.

${startVariableLines()}
`;

/** Said where the roles do not start on the server that NATS_URL names: the variable may be left from another terminal. */
const SOMEBODY_ELSES_SERVER =
  'NATS_URL is set, so this uses the server there. For a server of its own, unset the NATS_ variables. To watch the fights ' +
  'there: npm start -- --no-roles';

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Ctrl-C reaches a whole process group, and a parent in it forwards it: two signals this close are one wish. */
const SAME_WISH_MS = 500;
/** Fights are called off in milliseconds, or not at all. */
const CALL_OFF_LIMIT_MS = 3_000;
/** A run's own fights are told from those of other runs on the same server. */
const RUN_BYTES = 3;
const BOTS = 'arena-';
const PLAYER = 'duel-';

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const parts = readStartOptions(args, process.env);
    if (parts !== 'help') return await run(parts);
    process.stdout.write(HELP);
    return 0;
  } catch (error) {
    process.stderr.write(`start: ${oneLine(error)}\n`);
    if (error instanceof BadOption) return 2;
    return error instanceof StartError ? error.exitCode : 1;
  }
}

async function run(has: StartParts): Promise<number> {
  const screen = new Screen();
  const ending = new AbortController();
  screen.onGone(() => ending.abort('the terminal is gone'));
  listenForSignals(ending, screen);
  const startedMs = performance.now();
  const account = new Account(screen.painter, tagOf);
  try {
    await show(account, screen, ending, has);
  } catch (error) {
    if (!ending.signal.aborted) ending.abort(error);
  }
  const { reason } = ending.signal;
  const hasFailed = reason instanceof Error;
  // A start that fails has nothing to sum up.
  const summary = hasFailed && account.tally.opened === 0 ? [] : account.tally.lines(performance.now() - startedMs);
  for (const line of summary) screen.write(line);
  if (!hasFailed) return 0;
  process.stderr.write(`start: ${oneLine(reason)}\n`);
  return 1;
}

/** Everything between the first line and the last; returns or throws when all that was started has been stopped. */
async function show(account: Account, screen: Screen, ending: AbortController, has: StartParts): Promise<void> {
  const { signal } = ending;
  const fail = (reason: string) => ending.abort(new Error(reason));
  await using parts = new AsyncDisposableStack();
  const server = await serverForCommand();
  parts.defer(() => server.stop());
  if (server.own !== undefined) parts.defer(watchServer(server.own, fail));
  screen.write(server.own === undefined ? `using the nats-server at ${server.url}` : `nats-server: ${server.url}`);
  if (signal.aborted) return;
  if (has.hasRoles) {
    const told = { say: (line: string, level: 'warn' | 'error') => screen.complain(line, level), lost: fail };
    const crew = await Crew.start((role) => server.environmentOf(role), told, signal).catch((error: unknown) => {
      throw server.own === undefined ? new Error(`${oneLine(error)}. ${SOMEBODY_ELSES_SERVER}`) : error;
    });
    parts.defer(() => crew.stop());
  }
  const connection = await connect(readConfig(server.environmentOf('game_server')), {
    name: 'riposte-start',
    user: 'game_server',
    logger: pino({ level: 'silent' }),
    onClosed: (reason) => fail(`the connection to NATS has closed: ${reason}`),
  });
  parts.defer(() => connection.close());
  const roles = has.hasRoles ? 'collector, executor and ai are ready; ' : '';
  screen.write(`${roles}Ctrl-C ends it all. For a game server of your own:`);
  screen.write(`export ${assignments(server.connectionOf('game_server'))}`);
  screen.write('');
  await tell(connection, account, screen, ending, has.hasArena);
  if (!has.hasRoles) return;
  screen.write('');
  screen.write('ending: the roles drain');
}

/** Variables as a shell takes them. */
function assignments(variables: Readonly<Record<string, string>>): string {
  const quoted = (value: string): string =>
    /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quoted(value)}`)
    .join(' ');
}

/** Fights, where there is an arena, and tells of every fight until the end. */
async function tell(
  { nc }: Connection,
  account: Account,
  screen: Screen,
  ending: AbortController,
  hasArena: boolean,
): Promise<void> {
  const { signal } = ending;
  const client = new RiposteClient(nc);
  const lines = new PacedLines((line) => screen.write(line));
  const events = await client.follow(['session', 'action', 'result'], { from: 'now' });
  const telling = (async () => {
    for await (const event of events) {
      // Fights of bots are over before they are told; everybody else is at it now.
      for (const line of account.take(event)) lines.add(line, !event.session_id.startsWith(BOTS));
    }
  })();
  const seed = randomBytes(RUN_BYTES).toString('hex');
  const remark = (sessionId: string, text: string) => lines.add(account.remark(sessionId, text), true);
  const fights = hasArena
    ? [
        runBotArena(client, { name: `${BOTS}${seed}`, seed, backlog: () => lines.backlog, signal }),
        runScriptedPlayer(client, { name: `${PLAYER}${seed}`, seed, remark, signal }),
      ]
    : [];
  for (const part of [telling, ...fights]) part.catch((error) => ending.abort(error));
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  lines.stop();
  // Where the server is away there is nobody to call them off with.
  await Promise.race([Promise.allSettled(fights), pause(CALL_OFF_LIMIT_MS, undefined, { ref: false })]);
  await client.disconnect();
  await Promise.allSettled([telling]);
}

/** `arena-4f2a91-12` is `arena 12` on the screen; other people's sessions keep their names. */
function tagOf(sessionId: string): string {
  const [, kind, count] = /^(arena|duel)-[0-9a-f]{6}-(\d+)$/.exec(sessionId) ?? [];
  return kind === undefined ? sessionId : `${kind} ${count}`;
}

function listenForSignals(ending: AbortController, screen: Screen): void {
  let firstMs: number | undefined;
  for (const signal of ENDING_SIGNALS) {
    process.on(signal, () => {
      const nowMs = performance.now();
      firstMs ??= nowMs;
      ending.abort(signal);
      if (nowMs - firstMs < SAME_WISH_MS) return;
      // The roles and the server notice that we are gone.
      screen.write(`${signal} again: not waiting`);
      process.exit(128 + constants.signals[signal]);
    });
  }
}
