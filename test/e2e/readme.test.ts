// Proves that what the README shows is what is there, and that it works: the quoted files, the TypeScript example, the rule
// set, and the commands of the quick start in any language, which are sent by an independent client.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect, headers, type NatsConnection, nkeyAuthenticator, StringCodec } from 'nats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PATIENCE } from '#test/harness/patience.ts';
import { TestRoles } from '#test/harness/roles.ts';
import { type SecuredServer, startSecuredServer } from '#test/harness/secured.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STAGE_LIMIT_MS = 120_000;
const EXAMPLE_LIMIT_MS = 120_000;

const readme = readFileSync(`${ROOT}README.md`, 'utf8');
/** Code blocks of a language, in their order. */
const blocks = (language: string): string[] =>
  Array.from(readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), (match) => ({ language: match[1], text: match[2]! }))
    .filter((block) => block.language === language)
    .map(({ text }) => text);
const fileText = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

const run = promisify(execFile);
const text = StringCodec();

let secured: SecuredServer;
let roles: TestRoles;
let nc: NatsConnection;

beforeAll(async () => {
  secured = await startSecuredServer(); // as `npm start` does
  const [, rulesModules] = /^RULES_MODULES=(\S+) npm start$/m.exec(readme) ?? [];
  const env = { RULES_MODULES: rulesModules, PROVISION: 'off' };
  roles = await TestRoles.start({ url: secured.server.url, env, envOf: (role) => secured.environmentOf(role) });
  const { NATS_URL, NATS_NKEY_SEED_FILE, NATS_TLS_CA } = secured.environmentOf('game_server');
  nc = await connect({
    servers: NATS_URL!,
    authenticator: nkeyAuthenticator(text.encode(readFileSync(NATS_NKEY_SEED_FILE!, 'utf8').trim())),
    tls: { caFile: NATS_TLS_CA! },
    inboxPrefix: '_INBOX_game_server',
  });
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await nc?.close();
  await roles?.stop();
  await secured?.server.stop();
}, STAGE_LIMIT_MS);

test('the code blocks are the files they are said to be', () => {
  expect(blocks('ts')).toEqual([fileText('examples/duel.ts'), fileText('examples/rules/first-blood.ts')]);
});

test('every file it links to is there', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) expect(() => readFileSync(`${ROOT}${link}`)).not.toThrow(/ENOENT/);
});

describe('the quick starts', { timeout: 2 * EXAMPLE_LIMIT_MS }, () => {
  test('in TypeScript: the example fights a duel to its end, and again', async () => {
    for (let time = 0; time < 2; time++) {
      const { stdout, stderr } = await run(process.execPath, ['examples/duel.ts'], {
        cwd: ROOT,
        env: { ...process.env, ...secured.environmentOf('game_server') },
        timeout: EXAMPLE_LIMIT_MS,
      });
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^(101 strikes -7|-7 strikes 101): /);
      expect(stdout).toMatch(/duel-\d+ is over: [\s\S]*dead: true/);
    }
  });

  test('in any language: the commands open a fight, are told that the move is accepted, and the result comes', async () => {
    const commands = blocks('sh')
      .flatMap((block) => block.split('\n'))
      .flatMap((line) => readCommand(line));
    expect(commands.map(({ verb }) => verb)).toEqual(['sub', 'sub', 'pub', 'pub', 'req']);
    const heard = new Map<string, Promise<unknown>>();
    for (const command of commands) {
      const { verb, subject, body, header } = command;
      if (verb === 'sub') heard.set(subject, firstMessage(subject));
      else if (verb === 'pub') nc.publish(subject, text.encode(body), header === null ? {} : { headers: header });
      else
        expect(JSON.parse(text.decode((await nc.request(subject, text.encode(body), PATIENCE)).data))).toMatchObject({
          status: 'open',
        });
      await nc.flush();
    }
    expect(await heard.get('_INBOX_game_server.me')).toMatchObject({ move_id: 'm1', accepted: true });
    expect(await heard.get('combat.result.*')).toMatchObject({ session_id: 'duel-1', executed: 1 });
  });

  test('rules of your own: a session that names them is fought by them', async () => {
    const actor = { kind: 'ai', stats: { hp: 3, strength: 5 } };
    const opened = {
      type: 'opened',
      session_id: 'first-blood-1',
      teams: { red: ['1'], blue: ['2'] },
      actors: { 1: actor, 2: actor },
      rules: { name: 'first-blood', version: 1 },
    };
    const sub = nc.subscribe('combat.*.first-blood-1');
    nc.publish('combat.session.first-blood-1', text.encode(JSON.stringify(opened)));
    const damages: number[] = [];
    for await (const { data } of sub) {
      const body = JSON.parse(text.decode(data));
      for (const { status, hits } of body.results ?? []) {
        expect(status).toBe('done');
        damages.push(...hits.map((hit: { damage: number }) => hit.damage));
      }
      if (body.type !== 'closed') continue;
      expect(body.reason).toBe('victory');
      break;
    }
    expect(damages.length).toBeGreaterThanOrEqual(3);
    expect(new Set(damages)).toEqual(new Set([1]));
  });
});

/** A line of the shell block that is a command of the `nats` command line. */
function readCommand(line: string) {
  const found =
    /^nats (?:--inbox-prefix=_INBOX_game_server )?(sub|pub|req) '?([^\s']+)'?(?: -H ([\w-]+):(\S+))?(?: '(.*)')?(?: &)?$/.exec(
      line,
    );
  if (found === null) {
    expect(line).not.toMatch(/^nats /);
    return [];
  }
  const [, verb, subject = '', name, value = '', body = ''] = found;
  const header = name === undefined ? null : headers();
  header?.set(name!, value);
  return [{ verb, subject, body, header }];
}

async function firstMessage(subject: string): Promise<unknown> {
  for await (const { data } of nc.subscribe(subject, { max: 1 })) return JSON.parse(text.decode(data));
}
