// Owns: `npm run demo`: battles of bots, fought to the end on a private server, and counted.
//
// 1. With --json nothing but the last line goes to stdout, and that line is the contract's.
// 2. It ends: with 0 when every battle was fought to its end, with 1 when one was not or the time is up, with 2 for a
//    bad option, and never without having stopped what it started.

import { constants } from 'node:os';
import { RiposteClient } from '#client/client.ts';
import { botBattle } from '../arena/bot-battle.ts';
import { fightAll, type Standing } from '../arena/tournament.ts';
import { startPrivateServer } from '../nats-server/private-server.ts';
import { oneLine } from '../nats-server/step.ts';
import { Crew } from '../roles/crew.ts';
import { roleEnvironment } from '../roles/environment.ts';
import { watchServer } from '../roles/server-watch.ts';
import { BATTLES_MAX, type DemoOptions, readDemoOptions } from './demo-options.ts';
import { BadOption } from './options.ts';

const TEAM_SIZE = 2;

const HELP = `npm run demo -- [options]: battles of bots, two against two, fought to the end on a private server

  --battles N   how many, 1 to ${BATTLES_MAX} (default 100)
  --seed S      who fights and how the dice fall: 1 to 32 of A-Z a-z 0-9 _ - (default riposte)
  --json        progress goes to stderr, and stdout ends in {"battles":N,"finished":N,"exchanges":...,"ms":...}
  --help        this

The same seed gives the same sessions, fighters and dice. In which order their moves meet is up to the machine, as among
players, and so the number of exchanges differs a little from run to run. "ms" is from the first battle's opening to the
last one's end.
`;

/** A battle takes milliseconds; a machine that is busy with much else gets its time. */
const LIMIT_FIRST_MS = 120_000;
const LIMIT_PER_BATTLE_MS = 500;
/** Progress is for eyes. */
const PROGRESS_EVERY_MS = 1_000;

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_UNFINISHED = 1;
const EXIT_BAD_OPTION = 2;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readDemoOptions(args);
    if (options !== 'help') return await run(options);
    process.stdout.write(HELP);
    return 0;
  } catch (error) {
    process.stderr.write(`demo: ${oneLine(error)}\n`);
    return error instanceof BadOption ? EXIT_BAD_OPTION : EXIT_UNFINISHED;
  }
}

async function run({ battles, seed, json }: DemoOptions): Promise<number> {
  const progress = json ? process.stderr : process.stdout;
  const say = (line: string): void => void progress.write(`${line}\n`);
  const limitMs = LIMIT_FIRST_MS + battles * LIMIT_PER_BATTLE_MS;
  const ending = new AbortController();
  const end = (signal: NodeJS.Signals) => ending.abort(signal);
  for (const signal of ENDING_SIGNALS) process.on(signal, end);
  const limit = setTimeout(() => ending.abort(new Error(`not done within ${Math.round(limitMs / 1000)} s`)), limitMs);
  try {
    say(`${battles} battles of bots, two against two, seed ${seed}`);
    const sessions = Array.from({ length: battles }, (_, index) => botBattle(`demo-${seed}-${index}`, seed, TEAM_SIZE));
    const standing = await fightOnPrivateServer(sessions, say, ending);
    return conclude(standing, json, ending.signal, say);
  } finally {
    clearTimeout(limit);
    for (const signal of ENDING_SIGNALS) process.off(signal, end);
  }
}

type Sessions = readonly ReturnType<typeof botBattle>[];

async function fightOnPrivateServer(
  sessions: Sessions,
  say: (line: string) => void,
  ending: AbortController,
): Promise<Standing> {
  await using parts = new AsyncDisposableStack();
  const fail = (reason: string) => ending.abort(new Error(reason));
  const server = parts.use(await startPrivateServer());
  parts.defer(watchServer(server, fail));
  const told = { say, lost: fail };
  const env = roleEnvironment({ NATS_URL: server.url });
  const crew = await Crew.start(() => env, told, ending.signal);
  parts.defer(() => crew.stop());
  const client = parts.use(await RiposteClient.connect({ servers: server.url, name: 'riposte-demo' }));

  let saidMs = performance.now();
  const onProgress = (standing: Standing): void => {
    const nowMs = performance.now();
    if (nowMs - saidMs < PROGRESS_EVERY_MS) return;
    saidMs = nowMs;
    say(`${standing.finished} of ${standing.battles} battles, ${rate(standing)}`);
  };
  return await fightAll(client, sessions, onProgress, ending.signal);
}

function rate({ exchanges, ms }: Standing): string {
  return `${exchanges} exchanges, ${Math.round((exchanges * 1000) / Math.max(1, ms))} a second`;
}

function conclude(standing: Standing, json: boolean, ending: AbortSignal, say: (line: string) => void): number {
  const { battles, finished, spoilt, exchanges, winners, ms } = standing;
  if (!json || finished < battles) {
    const won = [...winners].map(([team, count]) => `${count} ${team === null ? 'drawn' : `won by ${team}`}`).sort();
    say(`${finished} of ${battles} battles were fought to the end in ${(ms / 1000).toFixed(1)} s: ${rate(standing)}`);
    if (won.length > 0) say(won.join(', '));
    if (spoilt > 0) say(`${spoilt} battles ended for a reason no battle of bots should have`);
  }
  if (ending.aborted && ending.reason instanceof Error) say(`demo: ${oneLine(ending.reason)}`);
  if (json) process.stdout.write(`${JSON.stringify({ battles, finished, exchanges, ms })}\n`);
  if (finished === battles) return 0;
  const signal = ENDING_SIGNALS.find((name) => name === ending.reason);
  return signal === undefined ? EXIT_UNFINISHED : 128 + constants.signals[signal];
}
