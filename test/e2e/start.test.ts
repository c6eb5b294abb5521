// Proves `npm start`: a fight can be watched, and nothing is left behind, whichever way it ends.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@nats-io/transport-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { startTestServer } from '#test/harness/server.ts';
import { temporaryDir } from '#test/unit/tools/fake-server.ts';
import { OTHER_USER, sayWhyNoOtherUser } from '#test/unit/tools/other-user.ts';
import { ROOT } from '#tools/commands/child.ts';
import { startVariableLines } from '#tools/commands/variables.ts';
import { COMMAND_LIMIT_MS, Command, remaining } from './command.ts';

const BLOW = /^(arena|duel) \d+ +\S+ +> \S+ +(hit|crit|miss|dodge|parry|block)\b.* [#.]{10} \d+\/\d+$/;
/** A role whose server has gone gives up draining within ten seconds. */
const GONE_LIMIT_MS = 30_000;

let command: Command;

function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): void {
  command = new Command('start', args, env);
}

afterEach(async () => {
  await command?.kill();
});

describe('npm start', { timeout: COMMAND_LIMIT_MS }, () => {
  beforeEach(() => start());

  test('shows blows, forced ones, deaths and ends, and exits 0 on SIGINT with nothing left running', async () => {
    await command.line(BLOW);
    await command.line(/falls$/);
    await command.line(/(wins|over: draw) after \d+ exchanges$/);
    await command.line(/^duel \d+ .* gave no answer: .* strikes a dummy$/);
    await command.line(/^duel \d+ .* forced +Mira +/);
    const below = command.below();
    expect([...below.values()].filter((args) => /services\/(collector|executor|ai)\/main\.ts/.test(args))).toHaveLength(
      3,
    );
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stdout.slice(-3)).toEqual([
      expect.stringMatching(/^\d+ fights opened; ended: .*\d+ victory/),
      expect.stringMatching(/^\d+ exchanges, \d+ blows \(/),
      expect.stringMatching(/^\d+ forced, \d+ fell; all in \d+ s$/),
    ]);
    expect(command.stderr).toEqual([]);
    expect(command.stdout.filter((line) => line.includes('{"') || line.includes('\u001b'))).toEqual([]);
    expect(await remaining(below, 0)).toEqual([]);
  });

  test('prints how a game server connects, and what it prints is enough for the example', async () => {
    const printed = await command.line(/^export NATS_URL=/);
    const env = Object.fromEntries(
      printed
        .slice('export '.length)
        .split(' ')
        .map((assignment) => assignment.split('=', 2)),
    );
    expect(Object.keys(env)).toEqual(['NATS_URL', 'NATS_NKEY_SEED_FILE', 'NATS_TLS_CA']);
    const { PATH, HOME } = process.env;
    const options = { cwd: ROOT, env: { PATH, HOME, ...env }, timeout: COMMAND_LIMIT_MS };
    const { stdout } = await promisify(execFile)(process.execPath, ['examples/duel.ts'], options);
    expect(stdout).toMatch(/duel-\d+ is over: /);
    await expect(connect({ servers: env.NATS_URL!, tls: { caFile: env.NATS_TLS_CA! } })).rejects.toThrow(/authoriz/i);
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect([existsSync(env.NATS_NKEY_SEED_FILE!), existsSync(dirname(env.NATS_TLS_CA!))]).toEqual([false, false]);
  });

  test('a role that dies is named in one line and started again', async () => {
    await command.line(BLOW);
    const [pid] = [...command.below()].find(([, args]) => args.includes('services/executor/main.ts'))!;
    process.kill(pid, 'SIGKILL');
    await command.line(/^the executor has died \(SIGKILL\); .* It is started again$/);
    const shown = command.stdout.length;
    command.stdout.splice(0, shown);
    await command.line(BLOW);
    expect([...command.below().values()].filter((args) => args.includes('services/executor/main.ts'))).toHaveLength(1);
    command.signal('SIGTERM');
    expect(await command.ended).toEqual({ code: 0, signal: null });
  });

  test('killed outright, what it started ends by itself', async () => {
    await command.line(BLOW);
    const below = command.below();
    const [own] = [...below].find(([, args]) => args.includes('commands/start.ts'))!;
    process.kill(own, 'SIGKILL');
    await command.ended;
    expect(await remaining(below, GONE_LIMIT_MS)).toEqual([]);
  });

  test('a server that dies is said in one line, and ends it with exit code 1', async () => {
    await command.line(BLOW);
    const below = command.below();
    const [guardian] = [...below].find(([, args]) => args.includes('guardian.ts'))!;
    process.kill(guardian, 'SIGKILL');
    expect(await command.ended).toEqual({ code: 1, signal: null });
    expect(command.stderr).toEqual([expect.stringMatching(/^start: the private nats-server has died$/)]);
    expect(await remaining(below, GONE_LIMIT_MS)).toEqual([]);
  });
});

describe('npm start with a server of one’s own', { timeout: COMMAND_LIMIT_MS }, () => {
  test('uses it, tells of fights that others open there, and leaves nothing open on it', async () => {
    await using server = await startTestServer();
    start(['--no-arena'], { NATS_URL: server.url });
    await command.line(/ready/);
    await using client = await RiposteClient.connect({ servers: server.url });
    const bot = { kind: 'ai' as const, stats: { hp: 20 } };
    const teams = { red: ['left-hand'], blue: ['right-hand'] };
    await client.open({ session_id: 'mine', teams, actors: { 'left-hand': bot, 'right-hand': bot } });
    await command.line(/^mine +left-hand \(red\) against right-hand \(blue\)$/);
    await command.line(/^mine +(red wins|blue wins|over: draw) after \d+ exchanges$/);
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stdout[0]).toBe(`using the nats-server at ${server.url}`);
    expect((await client.state('mine').catch(({ code }) => code)) satisfies unknown).toBe('unavailable');
  });

  test('fights of its own are called off at the end', async () => {
    await using server = await startTestServer();
    start([], { NATS_URL: server.url });
    await command.line(/^duel 1 +Mira/);
    const nc = await connect({ servers: server.url });
    const client = new RiposteClient(nc);
    const life = await client.follow(['session'], { from: 'start' });
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    const open = new Set<string>();
    const end = await client.nudge('end-of-the-test');
    for await (const { session_id: id, body } of life) {
      if (body.type === 'opened') open.add(id);
      if (body.type === 'closed') open.delete(id);
      if (open.size === 0 && id.startsWith('duel-')) break;
    }
    expect([[...open], end > 0]).toEqual([[], true]);
    await client.disconnect();
    await nc.close();
  });
});

const noOtherUser = sayWhyNoOtherUser() !== null;

describe.skipIf(noOtherUser)("S6 npm start in another user's clone", { timeout: COMMAND_LIMIT_MS }, () => {
  test('shows fights where all is installed, and writes nothing there', async () => {
    command = new Command('start', [], {}, OTHER_USER);
    await command.line(BLOW);
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stderr).toEqual([]);
  });

  test('says in one line which folder for temporary files cannot be written', async () => {
    const dir = temporaryDir();
    command = new Command('start', [], { TMPDIR: dir }, OTHER_USER);
    expect(await command.ended).toEqual({ code: 1, signal: null });
    const line = expect.stringMatching(/^start: cannot write .*: set TMPDIR to a folder that you may write to$/);
    expect([command.stdout, command.stderr]).toEqual([[], [line]]);
  });
});

describe('npm start, wrongly', { timeout: COMMAND_LIMIT_MS }, () => {
  const WRONG: readonly (readonly [args: string[], env: NodeJS.ProcessEnv, says: RegExp])[] = [
    [['--battles', '3'], {}, /Unknown option '--battles'; --help says what there is/],
    [['now'], {}, /Unexpected argument 'now'/],
    [['--no-roles'], {}, /--no-roles: NATS_URL/],
    [[], { LOCK_TTL_MS: 'soon' }, /LOCK_TTL_MS/],
    [[], { NATS_URL: 'nats://me:secret@there' }, /NATS_URL/],
    [[], { RULES_MODULES: './nowhere.ts' }, /RULES_MODULES/],
  ];
  for (const [args, env, says] of WRONG) {
    test(`${[...args, ...Object.entries(env).flat()].join(' ')} is one line and an exit code that is not 0`, async () => {
      start(args, env);
      const { code } = await command.ended;
      expect(code).toBe('RULES_MODULES' in env ? 1 : 2);
      expect(command.stderr).toEqual([expect.stringMatching(says)]);
      expect(command.stderr.join()).not.toContain('secret');
    });
  }

  test('--help says what there is', async () => {
    start(['--help']);
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stdout.join('\n')).toContain(startVariableLines());
  });
});
