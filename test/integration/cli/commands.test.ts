// Proves what `riposte` answers where there is nothing to answer: bad usage, no server, no streams, no such session; that its
// help says what there is; and that it runs by `npx` in the checkout under whatever Node.js the machine has.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { variableHelp } from '#process/config.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { ask } from '#test/unit/cli/desk.ts';
import { provisionForTest } from './provisioned.ts';
import { answerOf, riposte, start } from './riposte.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BARE = 'nats://127.0.0.1:1';

describe('usage', () => {
  test.each([
    [[], 'riposte: which command?'],
    [['fold'], 'riposte: there is no command fold'],
    [['audit'], 'riposte audit: expected a session, or --all; --help tells more'],
    [['provision', 'now'], 'riposte provision: provision takes options only, got now; --help tells more'],
  ])('%j is answered on stderr, with 2', async (args, line) => {
    const { code, out, said } = await riposte(BARE, ...args);
    expect({ code, out }).toEqual({ code: 2, out: [] });
    expect(said.join('\n')).toContain(line);
  });

  test('S2 a name that every object inherits is no command', async () => {
    const asked = [['constructor'], ['toString'], ['__proto__'], ['hasOwnProperty', '--help']];
    const answers = await Promise.all(asked.map((args) => riposte(BARE, ...args)));
    for (const [at, { code, out, said }] of answers.entries()) {
      expect([code, out, said[0]]).toEqual([2, [], `riposte: there is no command ${asked[at]![0]}`]);
      expect(said.join('\n')).not.toMatch(/\bat .*:\d+:\d+/);
    }
  });

  test('a bad variable is named', async () => {
    const { code, said } = await start(['audit', '--all'], { NATS_URL: 'http://x' }).answer;
    expect(code).toBe(2);
    expect(said.join('\n')).toMatch(/^riposte audit: NATS_URL: /);
  });

  test('help is an answer, and names every option there is', async () => {
    const all = await riposte(BARE, '--help');
    expect(all.code).toBe(0);
    expect(all.out.join('\n')).toMatch(/ audit .*\n.* dead /);
    const variables = variableHelp().filter(({ name }) =>
      /^(NATS|LOG_MAX)_|^(REPLICAS|ACK_WAIT_MS|RULES_MODULES)$/.test(name),
    );
    expect(variables.length).toBe(14);
    for (const { name, unset } of variables)
      expect(all.out).toContainEqual(expect.stringMatching(`^ +${name} .*\\(${unset}\\)$`));
    for (const [command, options] of Object.entries(OPTIONS)) {
      const { code, out, said } = await riposte(BARE, command, '--help');
      expect({ code, said }).toEqual({ code: 0, said: [] });
      for (const option of options) expect(out.join('\n')).toContain(option);
      const guide = readFileSync(join(ROOT, 'docs/guide-cli.md'), 'utf8');
      for (const option of options) expect(guide).toContain(option);
    }
  });
});

const OPTIONS = {
  audit: ['--session', '--all', '--rest', '--json'],
  dead: ['list', 'show', 'retry', '--reason', '--subject', '--session', '--limit', '--all', '--json'],
  provision: ['--json'],
  'nats-config': ['--server', '--also', '--listen', '--as', '--store', '--sync-interval', '--results'],
};

describe('without an answer', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });

  afterAll(async () => {
    await server?.stop();
  });

  test('a server that is not there is named', async () => {
    const { code, out, said } = await riposte(BARE, 'audit', '--all');
    expect({ code, out }).toEqual({ code: 2, out: [] });
    expect(said).toEqual([expect.stringMatching(/^riposte audit: no NATS server at 127\.0\.0\.1:1 in 5 s: /)]);
  });

  test.each([
    ['COMBAT', ['audit', '--all']],
    ['DEAD', ['dead', 'list']],
  ])('a server without the stream %s is told apart', async (stream, args) => {
    const { code, said } = await riposte(server.url, ...args);
    expect(code).toBe(2);
    expect(said).toEqual([`riposte ${args[0]}: this server has no stream ${stream}: has Riposte ever run on it?`]);
  });

  test('a server without JetStream, too', async () => {
    await using plain = await startTestServer({ jetstream: false });
    const { code, said } = await riposte(plain.url, 'audit', '--all');
    expect(code).toBe(2);
    expect(said.join()).toContain('runs without JetStream');
  });

  test('a session that is not in the log is refused; a log without a message has no breach', async () => {
    await provisionForTest(server.url);
    expect(await riposte(server.url, 'audit', 's1')).toEqual({
      code: 2,
      out: [],
      said: ['riposte audit: the log has no session s1'],
    });
    const nc = await connect({ servers: server.url });
    try {
      expect(await ask(nc, 'audit', '--all', '--rest')).toMatchObject({ code: 0, out: [] });
      expect(await ask(nc, 'dead', 'list')).toEqual({ code: 0, out: [], said: ['0 letters'] });
      await expect(ask(nc, 'dead', 'show', '1')).rejects.toThrow('there is no letter DEAD:1');
      expect((await (await jetstreamManager(nc)).streams.info('COMBAT')).state.messages).toBe(0);
    } finally {
      await nc.close();
    }
  });
});

describe('npx riposte', () => {
  test('runs in the checkout, and its exit code is the command’s', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'riposte-npx-'));
    onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
    const npx = (...args: string[]) => {
      const env = {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        npm_config_cache: cache,
        npm_config_offline: 'true',
      };
      return answerOf(spawn('npx', ['riposte', ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] }));
    };
    const help = await npx('audit', '--help');
    expect(help.code).toBe(0);
    expect(help.out[0]).toBe('usage: riposte audit <session> | --session=<session> | --all  [--rest] [--json]');
    expect((await npx('audit')).code).toBe(2);
  });
});
