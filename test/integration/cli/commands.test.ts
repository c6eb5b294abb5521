// Proves what `riposte` answers where there is nothing to answer: bad usage, no server, no streams, no such session; that its
// help says what there is; and that it runs by `npx` in the checkout under whatever Node.js the machine has.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { auditCommand } from '#cli/audit/command.ts';
import { deadCommand } from '#cli/dead/command.ts';
import { natsConfigCommand } from '#cli/nats-config/command.ts';
import { provisionCommand } from '#cli/provision/command.ts';
import { runCommand } from '#cli/run/command.ts';
import { encode } from '#contracts/decode.ts';
import { logSubject, timerDueSubject } from '#contracts/subjects.ts';
import { variableHelp } from '#process/config.ts';
import { bareEnvironment } from '#test/harness/environment.ts';
import { PATIENCE } from '#test/harness/patience.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';
import { ask, linesOf } from '#test/unit/cli/desk.ts';
import { runHere } from './in-process.ts';
import { provisionForTest } from './provisioned.ts';
import { answerOf, riposte, start } from './riposte.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const BARE = 'nats://127.0.0.1:1';

describe('usage', () => {
  // What else is refused: test/unit/cli/usage.test.ts.
  test.concurrent.each([
    [[], 'riposte: which command?'],
    [['fold'], 'riposte: there is no command fold'],
    [['audit'], 'riposte audit: expected a session, or --all; --help tells more'],
  ])('%j is answered on stderr, with 2', async (args, line) => {
    const { code, out, said } = await riposte(BARE, ...args);
    expect({ code, out }).toEqual({ code: 2, out: [] });
    expect(said.join('\n')).toContain(line);
  });

  test('provision takes no arguments', async () => {
    const { code, said } = await runHere(provisionCommand, ['now']);
    expect({ code, said }).toEqual({ code: 2, said: ['provision takes options only, got now'] });
  });

  test('a bad variable is named', async () => {
    const { code, said } = await start(['audit', '--all'], { NATS_URL: 'http://x' }).answer;
    expect(code).toBe(2);
    expect(said.join('\n')).toMatch(/^riposte audit: NATS_URL: /);
  });

  test('help is an answer', async () => {
    const all = await riposte(BARE, '--help');
    expect(all.code).toBe(0);
    expect(all.out.join('\n')).toMatch(/ audit .*\n.* dead /);
    const variables = variableHelp().filter(({ name }) =>
      /^(NATS|LOG_MAX)_|^(REPLICAS|ACK_WAIT_MS|RULES_MODULES)$/.test(name),
    );
    expect(variables.length).toBe(14);
    for (const { name, unset } of variables)
      expect(all.out).toContainEqual(expect.stringMatching(`^ +${name} .*\\(${unset}\\)$`));
    const one = await riposte(BARE, 'audit', '--help');
    expect(one).toEqual({ code: 0, out: linesOf(auditCommand.help), said: [] });
  });

  test.each([
    [runCommand, ['collector', 'executor', 'ai']],
    [auditCommand, ['--session', '--all', '--rest', '--json']],
    [deadCommand, ['list', 'show', 'retry', '--reason', '--subject', '--session', '--limit', '--all', '--json']],
    [provisionCommand, ['--json']],
    [natsConfigCommand, ['--server', '--also', '--listen', '--as', '--store', '--sync-interval', '--results']],
  ])('the help and the guide of a command name every option: %#', ({ help }, options) => {
    const guide = readFileSync(join(ROOT, 'docs/guide-cli.md'), 'utf8');
    for (const option of options) {
      expect(help).toContain(option);
      expect(guide).toContain(option);
    }
  });
});

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
    expect(said).toEqual([expect.stringMatching(/^riposte audit: no NATS server at 127\.0\.0\.1:1 in \d+ s: /)]);
  });

  test('a server without the streams is told apart', async () => {
    const audited = await riposte(server.url, 'audit', '--all');
    expect(audited.code).toBe(2);
    expect(audited.said).toEqual(['riposte audit: this server has no stream COMBAT: has Riposte ever run on it?']);
    const dead = await runHere(deadCommand, ['list'], { NATS_URL: server.url });
    expect(dead).toEqual({ code: 2, out: [], said: ['this server has no stream DEAD: has Riposte ever run on it?'] });
  });

  test('a server without JetStream, too', async () => {
    await using plain = await startTestServer({ jetstream: false });
    const { code, said } = await runHere(auditCommand, ['--all'], { NATS_URL: plain.url });
    expect(code).toBe(2);
    expect(said.join()).toContain('runs without JetStream');
  });

  test('a session that is not in the log is refused; a log without a message has no breach', async () => {
    await provisionForTest(server.url);
    expect(await runHere(auditCommand, ['s1'], { NATS_URL: server.url })).toEqual({
      code: 2,
      out: [],
      said: ['the log has no session s1'],
    });
    const nc = await connect({ servers: server.url });
    try {
      expect(await ask(nc, 'audit', '--all', '--rest')).toMatchObject({ code: 0, out: [] });
      expect(await ask(nc, 'dead', 'list')).toEqual({ code: 0, out: [], said: ['0 letters'] });
      await expect(ask(nc, 'dead', 'show', '1')).rejects.toThrow('there is no letter DEAD:1');
      expect((await (await jetstreamManager(nc, PATIENCE)).streams.info('COMBAT')).state.messages).toBe(0);
    } finally {
      await nc.close();
    }
  });

  test('at rest an open session that nothing will wake is a breach; an armed timer is enough', async () => {
    await provisionForTest(server.url);
    const nc = await connect({ servers: server.url });
    try {
      const js = jetstream(nc);
      const actors = { a: { kind: 'player', stats: {} }, x: { kind: 'player', stats: {} } };
      const teams = { red: ['a'], blue: ['x'] };
      for (const id of ['armed', 'lost']) {
        const opened = { type: 'opened', session_id: id, teams, actors, rules: { name: 'classic', version: 1 } };
        await js.publish(logSubject('session', id), encode(opened));
        await (await (await js.consumers.get('COMBAT', 'collector')).next())!.ackAck();
      }
      await js.publish(timerDueSubject('armed'), encode({ session_id: 'armed' }));
      expect(await ask(nc, 'audit', '--all', '--rest')).toEqual({
        code: 1,
        out: ['lost 0 I6 it is open, and no timer, task or wake is left for it'],
        said: [expect.stringMatching(/^2 sessions \(0 closed\), 2 messages, .*: 1 breaches$/)],
      });
      expect(await ask(nc, 'audit', '--all')).toMatchObject({ code: 0, out: [] });
    } finally {
      await nc.close();
    }
  });
});

describe('npx riposte', () => {
  test('runs in the checkout, and its exit code is the command’s', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'riposte-npx-'));
    onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
    const env = { ...bareEnvironment(), npm_config_cache: cache, npm_config_offline: 'true' };
    const npx = spawn('npx', ['riposte', 'audit'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const { code, said } = await answerOf(npx);
    expect(code).toBe(2);
    expect(said.join('\n')).toContain('riposte audit: expected a session, or --all');
  });
});
