// Proves `npm start`: fights can be watched, a game server can join in, a role that dies comes back, and what cannot work is
// one line.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '@nats-io/transport-node';
import { afterEach, describe, expect, test } from 'vitest';
import { bareEnvironment } from '#test/harness/environment.ts';
import { temporaryDir } from '#test/unit/tools/fake-server.ts';
import { OTHER_USER, sayWhyNoOtherUser } from '#test/unit/tools/other-user.ts';
import { ROOT } from '#tools/commands/child.ts';
import { startVariableLines } from '#tools/commands/variables.ts';
import { BLOW, COMMAND_LIMIT_MS, Command, remaining } from './command.ts';

let command: Command;

function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): void {
  command = new Command('start', args, env);
}

/** The processes of a role below the command. */
const processesOf = (role: string): number[] =>
  [...command.below()].filter(([, args]) => args.includes(`services/${role}/main.ts`)).map(([pid]) => pid);

afterEach(async () => {
  await command?.kill();
});

describe('npm start', { timeout: COMMAND_LIMIT_MS }, () => {
  test('shows fights, tells how to connect, starts a dead role again, and exits 0 on SIGINT with nothing left running', async () => {
    start();
    await showsFights();
    const connection = await tellsHowToConnect();
    await startsAgain('executor');
    const below = command.below();
    expect(['collector', 'executor', 'ai'].map((role) => processesOf(role).length)).toEqual([1, 1, 1]);
    command.signal('SIGINT');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stdout.slice(-3)).toEqual([
      expect.stringMatching(/^\d+ fights opened; ended: .*\d+ victory/),
      expect.stringMatching(/^\d+ exchanges, \d+ blows \(/),
      expect.stringMatching(/^\d+ forced, \d+ fell; all in \d+ s$/),
    ]);
    expect(command.stderr).toEqual([]);
    expect(command.stdout.filter((line) => line.includes('{"') || line.includes('\u001b'))).toEqual([]);
    expect(await remaining(below)).toEqual([]);
    const files = [connection.NATS_NKEY_SEED_FILE!, dirname(connection.NATS_TLS_CA!)];
    expect(files.filter((file) => existsSync(file))).toEqual([]);
  });

  /** Blows, deaths and ends of fights. That the player is forced now and then: test/integration/client/fight.test.ts. */
  async function showsFights(): Promise<void> {
    await command.line(BLOW);
    await command.line(/falls$/);
    await command.line(/(wins|over: draw) after \d+ exchanges$/);
    await command.line(/^duel \d+ +Mira/);
  }

  /** What it prints for a game server is enough for the example, and there is no way in without. */
  async function tellsHowToConnect(): Promise<Record<string, string>> {
    const printed = await command.line(/^export NATS_URL=/);
    const env: Record<string, string> = Object.fromEntries(
      printed
        .slice('export '.length)
        .split(' ')
        .map((assignment) => assignment.split('=', 2)),
    );
    expect(Object.keys(env)).toEqual(['NATS_URL', 'NATS_NKEY_SEED_FILE', 'NATS_TLS_CA']);
    const options = { cwd: ROOT, env: { ...bareEnvironment(), ...env }, timeout: COMMAND_LIMIT_MS };
    const example = ['--conditions=riposte-source', 'examples/duel.ts'];
    const { stdout } = await promisify(execFile)(process.execPath, example, options);
    expect(stdout).toMatch(/duel-\d+ is over: /);
    await expect(connect({ servers: env.NATS_URL!, tls: { caFile: env.NATS_TLS_CA! } })).rejects.toThrow(/authoriz/i);
    return env;
  }

  /** One line names a role that dies; another process takes its place, and blows go on. */
  async function startsAgain(role: string): Promise<void> {
    const [killed] = processesOf(role);
    process.kill(killed!, 'SIGKILL');
    const line = new RegExp(`^the ${role} has died \\(SIGKILL\\); .* It is started again$`);
    const at = command.stdout.indexOf(await command.line(line));
    await command.line(BLOW, at);
    expect(processesOf(role)).not.toContain(killed);
  }
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
  // What else is refused before anything is started: test/unit/tools/command-options.test.ts.
  const WRONG: readonly (readonly [args: string[], env: NodeJS.ProcessEnv, code: number, says: RegExp])[] = [
    [['--battles', '3'], {}, 2, /^start: Unknown option '--battles'; --help says what there is$/],
    [[], { NATS_URL: 'nats://me:secret@there' }, 2, /^start: NATS_URL/],
    [[], { RULES_MODULES: './nowhere.ts' }, 1, /RULES_MODULES/],
  ];
  test.concurrent.each(WRONG)('%j with %j is one line on stderr, and exit code %d', async (args, env, code, says) => {
    const wrong = new Command('start', args, env);
    expect(await wrong.ended).toEqual({ code, signal: null });
    expect(wrong.stderr).toEqual([expect.stringMatching(says)]);
    expect(wrong.stderr.join()).not.toContain('secret');
  });

  test('--help says what there is', async () => {
    start(['--help']);
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stdout.join('\n')).toContain(startVariableLines());
  });
});
