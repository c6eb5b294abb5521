// Proves that no secret is ever written, nor a piece of one: not by a role at its most talkative, when all goes well or when it is
// refused; not on its pages; not by a command, `npm start` among them; and not by the server, which says what it can. Every
// seed, password, key and token there is, is looked for in all of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { createUser } from '@nats-io/nkeys';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditCommand } from '#cli/audit/command.ts';
import { natsConfigCommand } from '#cli/nats-config/command.ts';
import { provisionCommand } from '#cli/provision/command.ts';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { connect } from '#jetstream/connection.ts';
import { readConfig } from '#process/config.ts';
import { bareEnvironment } from '#test/harness/environment.ts';
import { type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { startTestServer } from '#test/harness/server.ts';
import { runHere } from '#test/integration/cli/in-process.ts';
import { start } from '#test/integration/cli/riposte.ts';
import { fight, STAGE_LIMIT_MS } from '#test/integration/client/stage.ts';
import { ROOT } from '#tools/commands/child.ts';

const PASSWORD = 'correct-horse-battery-staple';
const TOKEN_IN_URL = 'another-horse-in-the-address';
/** A piece of a secret that is long enough to be nothing else: ten bytes of a seed, twelve of a key. */
const PIECE_CHARS = 16;

let secured: SecuredServer;
let directory: string;
let strangersSeed: string;
const secrets: string[] = [];
/** Everything that anybody has written, by who it was. */
const written: { readonly who: string; text: string }[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  secured = await startSecuredServer();
  const { logFile } = secured.server;
  appendFileSync(join(dirname(logFile), 'nats-server.conf'), '\ndebug: true\n');
  await secured.server.kill('SIGHUP');
  while (!readFileSync(logFile, 'utf8').includes('Reloaded: debug = true')) await pause(20);
  directory = mkdtempSync(join(tmpdir(), 'riposte-secrets-'));
  strangersSeed = new TextDecoder().decode(createUser().getSeed());
}, STAGE_LIMIT_MS);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await secured?.server.stop();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}, STAGE_LIMIT_MS);

/** Starts a role at its most talkative. */
const role = (name: string, env: NodeJS.ProcessEnv) =>
  program(name, ['--import', './tools/setup/lifeline.mjs', `services/${name}/main.ts`], {
    LOG_LEVEL: 'trace',
    HTTP_PORT: '0',
    ACK_WAIT_MS: '2000',
    ...env,
  });

/** Starts a program; all it writes is kept. */
function program(name: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...bareEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const record = { who: name, text: '' };
  written.push(record);
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (record.text += text));
  const ended = once(child, 'close');
  return {
    child,
    ended,
    async says(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const found = pattern.exec(record.text);
        if (found !== null) return found;
        if (child.exitCode !== null) throw new Error(`${name} ended without ${pattern}:\n${record.text}`);
        await pause(20);
      }
    },
  };
}

function fileWith(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const READY = /"httpPort":(\d+).*"msg":"ready"/;
const limit = { timeout: STAGE_LIMIT_MS };

test('a run in which all goes well, with its pages', limit, async () => {
  const names = ['collector', 'executor', 'ai'] as const;
  const roles = names.map((name) => role(name, { ...secured.environmentOf(name), PROVISION: 'off' }));
  const ports = await Promise.all(roles.map(async ({ says }) => (await says(READY))[1]));
  const client = await RiposteClient.connect(connectionFrom(secured.environmentOf('game_server')));
  const session = fight({ red: ['a'], blue: ['x'] }, { a: 'ai', x: 'ai' });
  const life = await client.follow(['session'], { from: 'now' });
  await client.open(session);
  for await (const { body } of life) if (body.type === 'closed') break;
  await client.disconnect();
  for (const port of ports) {
    for (const page of ['healthz', 'readyz', 'metrics']) {
      written.push({ who: page, text: await (await fetch(`http://127.0.0.1:${port}/${page}`)).text() });
    }
  }
  for (const { child } of roles) child.kill('SIGTERM');
  await Promise.all(roles.map(({ ended }) => ended));
});

test('a role that is let in by a password', limit, async () => {
  const config = `debug: true, authorization { user: ann, password: ${PASSWORD} }`;
  await using server = await startTestServer({ config });
  const env = { NATS_URL: server.url, NATS_USER: 'ann', NATS_PASSWORD: PASSWORD };
  const { child, ended, says } = role('collector', env);
  const [, port] = await says(READY);
  written.push({ who: 'metrics', text: await (await fetch(`http://127.0.0.1:${port}/metrics`)).text() });
  await server.restart({ config }); // it is let in again
  await says(/"msg":"reconnected to NATS"/);
  child.kill('SIGTERM');
  await ended;
  written.push({ who: 'nats-server', text: readFileSync(server.logFile, 'utf8') });
});

test('npm start, with what it prints for a game server', limit, async () => {
  const { child, ended, says } = program('npm start', ['tools/commands/start.ts', '--no-arena'], {});
  const [, seedFile] = await says(/NATS_NKEY_SEED_FILE=(\S+)/);
  // They are gone with its server.
  secrets.push(...secretsIn(dirname(dirname(seedFile!))));
  child.kill('SIGTERM');
  await ended;
});

test(
  'roles that are refused: by a stranger’s seed, another’s, a password, credentials, and files that hold something else',
  limit,
  async () => {
    const own = secured.environmentOf('collector');
    const { NATS_NKEY_SEED_FILE: seedFile, ...bare } = own;
    const pem = readFileSync(join(dirname(own.NATS_TLS_CA!), 'ca-key.pem'), 'utf8');
    const seed = readFileSync(seedFile!, 'utf8').trim();
    const tokens = `nats://collector:${TOKEN_IN_URL},${TOKEN_IN_URL}@127.0.0.1:${secured.server.port}`;
    const asPrograms: NodeJS.ProcessEnv[] = [
      { ...own, NATS_NKEY_SEED_FILE: fileWith('stranger.nk', `${strangersSeed}\n`) },
      { ...own, NATS_NKEY_SEED_FILE: fileWith('key-for-seed.nk', pem) },
      { ...bare, NATS_USER: 'collector', NATS_PASSWORD: PASSWORD },
      { ...own, NATS_URL: tokens },
    ];
    const more: NodeJS.ProcessEnv[] = [
      { ...own, NATS_NKEY_SEED_FILE: fileWith('cut-short.nk', seed.slice(0, -1)) },
      { ...own, NATS_TLS_CA: fileWith('seed-for-ca.pem', seed) },
      { ...own, NATS_TLS_CERT: own.NATS_TLS_CA, NATS_TLS_KEY: fileWith('seed-for-key.pem', seed) },
      { ...bare, NATS_PASSWORD: PASSWORD },
      { ...bare, NATS_USER: 'collector', NATS_PASSWORD: PASSWORD, NATS_CREDS_FILE: seedFile },
      { ...bare, NATS_CREDS_FILE: seedFile },
      // What belongs into the file, in place of its name.
      { ...own, NATS_NKEY_SEED_FILE: seed },
      { ...bare, NATS_CREDS_FILE: seed },
      { ...own, NATS_TLS_CA: pem },
      { ...own, NATS_TLS_CERT: pem, NATS_TLS_KEY: pem },
      { ...own, NATS_URL: `nats://collector:${TOKEN_IN_URL}@127.0.0.1:${secured.server.port}` },
    ];
    const roles = asPrograms.map((env) => role('collector', env));
    const codes = await Promise.all(roles.map(async ({ ended }) => (await ended)[0]));
    expect(codes.filter((code) => code === 0)).toEqual([]);
    for (const env of more) written.push({ who: 'a refused role', text: await refusalOf(env) });
  },
);

/** All that a role could write when it is refused: its log at its most talkative, and the error with its stack. */
async function refusalOf(env: NodeJS.ProcessEnv): Promise<string> {
  const lines: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  try {
    await connect(readConfig(env), { name: 'refused', user: 'collector', logger, onClosed: () => {} });
  } catch (error) {
    return [...lines, inspect(error, { depth: 5 })].join('\n');
  }
  throw new Error(`nothing was refused: ${Object.keys(env)}`);
}

test('roles that lack a right: they start with another’s seed, or are refused while they run', limit, async () => {
  // With the collector's inboxes its seed is let in, and may not do an executor's work.
  const other = { ...secured.environmentOf('collector'), NATS_INBOX_PREFIX: '_INBOX_collector', PROVISION: 'off' };
  const executor = role('executor', other);
  const [code] = await executor.ended;
  expect(code).not.toBe(0);
  // An operator finds and makes all there is, and may not publish actions: whatever the collector does is refused.
  const mistaken = role('collector', { ...secured.environmentOf('operator'), NATS_INBOX_PREFIX: '_INBOX_operator' });
  await mistaken.says(/Permissions Violation/);
  mistaken.child.kill('SIGTERM');
  await mistaken.ended;
});

test('the commands, refused and not', limit, async () => {
  const stranger = { ...secured.environmentOf('operator'), NATS_NKEY_SEED_FILE: join(directory, 'stranger.nk') };
  const asked = [
    start(['provision'], stranger).answer,
    start(['audit', '--all'], { ...secured.environmentOf('observer'), NATS_URL: `nats://x:${TOKEN_IN_URL}@h` }).answer,
    start(['nats-config', directory], {}).answer,
    runHere(provisionCommand, [], secured.environmentOf('operator')),
    runHere(provisionCommand, [], secured.environmentOf('ai')),
    runHere(auditCommand, ['--all'], secured.environmentOf('observer')),
  ];
  const answers = await Promise.all(asked);
  answers.push(await runHere(natsConfigCommand, [directory]));
  for (const { out, said } of answers) written.push({ who: 'riposte', text: [...out, ...said].join('\n') });
});

test('nowhere in all of it is a secret, nor a piece of one', limit, () => {
  written.push({ who: 'nats-server', text: readFileSync(secured.server.logFile, 'utf8') });
  secrets.push(PASSWORD, TOKEN_IN_URL, strangersSeed);
  for (const place of [dirname(secured.server.logFile), directory]) secrets.push(...secretsIn(place));
  expect(secrets.length).toBeGreaterThan(30);
  expect(written.length).toBeGreaterThan(35);
  const pieces = new Map(secrets.flatMap((secret) => piecesOf(secret).map((piece) => [piece, secret] as const)));
  for (const { who, text } of written) {
    expect([who, text.length > 0]).toEqual([who, true]);
    const found = new Set(piecesOf(text).flatMap((piece) => pieces.get(piece)?.slice(0, 4) ?? []));
    expect([who, ...found]).toEqual([who]);
  }
});

/** Every run of so many characters. */
const piecesOf = (text: string): string[] =>
  Array.from({ length: Math.max(0, text.length - PIECE_CHARS + 1) }, (_, at) => text.slice(at, at + PIECE_CHARS));

/** The lines of all seeds and keys in a directory. */
function secretsIn(place: string): string[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.nk$|-key\.pem$/.test(entry.name))
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
    .filter((line) => line.length >= PIECE_CHARS && !line.startsWith('-----'));
}
