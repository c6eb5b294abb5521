// Proves that folders which cannot be written are named in one line that says what to set, and that a checkout of another user in
// which all is installed needs none.

import { spawn } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { checkout, outcome } from './checkout.ts';
import { temporaryDir } from './fake-server.ts';
import { OTHER_USER, sayWhyNoOtherUser } from './other-user.ts';

const noOtherUser = sayWhyNoOtherUser() !== null;

/** A clone that others can read. */
function readable(): ReturnType<typeof checkout> {
  const made = checkout();
  chmodSync(made.dir, 0o755);
  return made;
}

/** Gives a folder and all in it to the other user. */
function giveAway(dir: string): void {
  const { uid, gid } = OTHER_USER;
  for (const each of ['.', ...(readdirSync(dir, { recursive: true }) as string[])])
    chownSync(join(dir, each), uid, gid);
}

/** A program of the real checkout as the other user. */
const asOther = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const { PATH } = process.env;
  return outcome(spawn(process.execPath, args, { ...OTHER_USER, cwd: ROOT, env: { PATH, ...env } }));
};

const OWNERS = `belongs to user 0 and this is user ${OTHER_USER.uid}`;

describe.skipIf(noOtherUser)("S6 in another user's clone", () => {
  test('without node_modules, nothing is installed, and the line says who can', async () => {
    const { dir, run, npmCalls } = readable();
    for (const file of ['cli/riposte.mjs', 'cli/main.ts']) cpSync(join(ROOT, file), join(dir, file));
    const [command, riposte] = await Promise.all([
      outcome(run(['echo'], {}, OTHER_USER)),
      asOther([join(dir, 'cli/riposte.mjs'), 'audit', '--all']),
    ]);
    const line =
      `cannot write ${dir}/node_modules (EACCES, ${dir} ${OWNERS}): the dependencies are to be installed there (there are ` +
      `none yet): run npm ci as the owner of ${dir}/, or use a copy of it that is yours\n`;
    expect([command, riposte]).toEqual([
      { code: 1, stdout: '', stderr: line },
      { code: 2, stdout: '', stderr: line },
    ]);
    expect(npmCalls()).toEqual([]);
  });

  test('with all installed, a command runs and nothing is written', async () => {
    const { dir, run } = readable();
    await outcome(run(['echo']));
    const before = readdirSync(dir, { recursive: true });
    expect(await outcome(run(['echo'], {}, OTHER_USER))).toMatchObject({ code: 3, stderr: '' });
    expect(readdirSync(dir, { recursive: true })).toEqual(before);
  });

  test('where only .cache is somebody else’s, the line says what to set, and that works', async () => {
    const { dir, run, npmCalls } = readable();
    giveAway(dir);
    mkdirSync(join(dir, '.cache'));
    const refused = await outcome(run(['echo'], {}, OTHER_USER));
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: `cannot write ${dir}/.cache (EACCES, ${dir}/.cache ${OWNERS}): set RIPOSTE_CACHE to a folder that you may write to\n`,
    });
    const set = await outcome(run(['echo'], { RIPOSTE_CACHE: 'cache-of-mine' }, OTHER_USER));
    expect([set.code, npmCalls().length, existsSync(join(dir, 'cache-of-mine'))]).toEqual([3, 1, true]);
  });
});

describe.skipIf(noOtherUser)('S6 where nothing can be written', () => {
  test('the search for a nats-server says one line, npm test too, and nats-config', async () => {
    const dir = temporaryDir();
    chmodSync(dir, 0o755);
    const search = `
      const { ensureNatsServer } = await import('#tools/nats-server/ensure.ts');
      await ensureNatsServer({ env: { PATH: '' } }).catch((error) => console.error(error.name + ': ' + error.message));
    `;
    const env = { RIPOSTE_CACHE: join(dir, 'cache') };
    const [found, tests, temporary, config] = await Promise.all([
      asOther(['--input-type=module', '--eval', search], env),
      asOther(['tools/commands/test.ts'], env),
      asOther(['--input-type=module', '--eval', `(await import('#tools/setup/folder.mjs')).makeTemporaryFolder('x')`], {
        TMPDIR: dir,
      }),
      asOther(['cli/main.ts', 'nats-config', join(dir, 'conf')]),
    ]);
    const todo = 'set RIPOSTE_CACHE to a folder that you may write to\n';
    expect(found.stderr).toBe(
      `NatsServerUnavailable: cannot write ${dir}/cache/nats-server (EACCES, ${dir} ${OWNERS}): ${todo}`,
    );
    expect(tests).toEqual({
      code: 1,
      stdout: '',
      stderr: `cannot write ${dir}/cache (EACCES, ${dir} ${OWNERS}): ${todo}`,
    });
    expect(temporary.stderr).toContain(
      `cannot write ${dir} (EACCES, ${dir} ${OWNERS}): set TMPDIR to a folder that you may write to`,
    );
    expect(config).toEqual({
      code: 2,
      stdout: '',
      stderr: `riposte nats-config: EACCES: permission denied, mkdir '${dir}/conf'; give a directory that you may read and write\n`,
    });
  });
});
