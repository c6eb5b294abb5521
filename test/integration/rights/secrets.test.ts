// Proves that no secret is ever written: not by a role at its most talkative, when all goes well or when it is refused; not on its
// pages; not by a command; and not by the server. Every seed, password, key and token there is, is looked for in all of it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createUser } from '@nats-io/nkeys';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { connectionFrom } from '#client/environment.ts';
import { type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';
import { start } from '#test/integration/cli/riposte.ts';
import { fight, STAGE_LIMIT_MS } from '#test/integration/client/stage.ts';
import { ROOT } from '#tools/commands/child.ts';

const PASSWORD = 'correct-horse-battery-staple';
const TOKEN_IN_URL = 'another-horse-in-the-address';
/** Any line of a key or token that is long enough to be nothing else. */
const SECRET_CHARS_MIN = 20;

let secured: SecuredServer;
let directory: string;
let strangersSeed: string;
/** Everything that anybody has written, by who it was. */
const written: { readonly who: string; text: string }[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  secured = await startSecuredServer();
  directory = mkdtempSync(join(tmpdir(), 'riposte-secrets-'));
  strangersSeed = new TextDecoder().decode(createUser().getSeed());
}, STAGE_LIMIT_MS);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await secured?.server.stop();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}, STAGE_LIMIT_MS);

/** Starts a role at its most talkative; all it writes is kept. */
function role(name: string, env: NodeJS.ProcessEnv) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, ['--import', './tools/setup/lifeline.mjs', `services/${name}/main.ts`], {
    cwd: ROOT,
    env: { PATH, HOME, LOG_LEVEL: 'trace', HTTP_PORT: '0', ACK_WAIT_MS: '2000', ...env },
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
        if (child.exitCode !== null) throw new Error(`the ${name} ended without ${pattern}:\n${record.text}`);
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

test(
  'roles that are refused: by a stranger’s seed, another’s, a password, credentials, and files that hold something else',
  limit,
  async () => {
    const own = secured.environmentOf('collector');
    const { NATS_NKEY_SEED_FILE: seedFile, ...bare } = own;
    const pem = readFileSync(join(dirname(own.NATS_TLS_CA!), 'ca-key.pem'), 'utf8');
    const seed = readFileSync(seedFile!, 'utf8').trim();
    const refused: NodeJS.ProcessEnv[] = [
      { ...own, NATS_NKEY_SEED_FILE: fileWith('stranger.nk', `${strangersSeed}\n`) },
      { ...own, NATS_NKEY_SEED_FILE: fileWith('cut-short.nk', seed.slice(0, -1)) },
      { ...own, NATS_NKEY_SEED_FILE: fileWith('key-for-seed.nk', pem) },
      { ...own, NATS_TLS_CA: fileWith('seed-for-ca.pem', seed) },
      { ...own, NATS_TLS_CERT: own.NATS_TLS_CA, NATS_TLS_KEY: fileWith('seed-for-key.pem', seed) },
      { ...bare, NATS_USER: 'collector', NATS_PASSWORD: PASSWORD },
      { ...bare, NATS_PASSWORD: PASSWORD },
      { ...bare, NATS_USER: 'collector', NATS_PASSWORD: PASSWORD, NATS_CREDS_FILE: seedFile },
      { ...bare, NATS_CREDS_FILE: seedFile },
      { ...own, NATS_URL: `nats://collector:${TOKEN_IN_URL}@127.0.0.1:${secured.server.port}` },
    ];
    const roles = refused.map((env) => role('collector', env));
    const codes = await Promise.all(roles.map(async ({ ended }) => (await ended)[0]));
    expect(codes.filter((code) => code === 0)).toEqual([]);
  },
);

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
    start(['provision'], secured.environmentOf('operator')),
    start(['provision'], secured.environmentOf('ai')),
    start(['provision'], stranger),
    start(['audit', '--all'], secured.environmentOf('observer')),
    start(['audit', '--all'], { ...secured.environmentOf('observer'), NATS_URL: `nats://x:${TOKEN_IN_URL}@h` }),
    start(['nats-config', directory], {}),
    start(['nats-config', directory], {}),
  ];
  for (const { answer } of asked) {
    const { out, said } = await answer;
    written.push({ who: 'riposte', text: [...out, ...said].join('\n') });
  }
});

test('nowhere in all of it is a secret', () => {
  written.push({ who: 'nats-server', text: readFileSync(secured.server.logFile, 'utf8') });
  const files = (root: string): string[] =>
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.nk$|-key\.pem$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name));
  const secrets = [PASSWORD, TOKEN_IN_URL, strangersSeed];
  for (const path of [...files(dirname(secured.server.logFile)), ...files(directory)]) {
    const lines = readFileSync(path, 'utf8').split('\n');
    secrets.push(...lines.filter((line) => line.length >= SECRET_CHARS_MIN && !line.startsWith('-----')));
  }
  expect(secrets.length).toBeGreaterThan(15);
  expect(written.length).toBeGreaterThan(25);
  const found = written.flatMap(({ who, text }) => {
    expect([who, text.length > 0]).toEqual([who, true]);
    return secrets.filter((secret) => text.includes(secret)).map((secret) => `${who} writes ${secret.slice(0, 4)}...`);
  });
  expect(found).toEqual([]);
});
