// Proves that dealing out keys goes on after a run that was killed, whatever that has left, and gives each user its own.

import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'riposte-keys-'));
  for (const user of ['collector', 'ai']) mkdirSync(join(folder, user));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function deal(): { code: number | null; said: string } {
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const { status, stderr } = spawnSync(process.execPath, ['tools/containers/deal-keys.ts', folder, owner], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return { code: status, said: stderr.replace(/^one server in .*\n/, '') };
}
const file = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8');

test('each user gets its own seed and the authority, twice the same', () => {
  for (let round = 0; round < 2; round++) {
    expect(deal()).toEqual({ code: 0, said: '' });
    for (const user of ['collector', 'ai']) {
      expect(readdirSync(join(folder, user)).sort()).toEqual(['ca.pem', 'seed.nk']);
      expect(file(user, 'seed.nk')).toBe(file('all', 'seeds', `${user}.nk`));
    }
  }
});

test('a file that a killed run has left beside a seed is replaced, and not written into', () => {
  expect(deal().code).toBe(0);
  writeFileSync(join(folder, 'all', 'other'), 'not to be written over');
  linkSync(join(folder, 'all', 'other'), join(folder, 'ai', 'seed.nk.next'));
  chmodSync(join(folder, 'ai', 'seed.nk.next'), 0o400);
  expect(deal()).toEqual({ code: 0, said: '' });
  expect(readdirSync(join(folder, 'ai')).sort()).toEqual(['ca.pem', 'seed.nk']);
  expect([file('all', 'other'), file('ai', 'seed.nk')]).toEqual([
    'not to be written over',
    file('all', 'seeds', 'ai.nk'),
  ]);
});
