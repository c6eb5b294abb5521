// Proves that every script of package.json is a program with plain arguments, so that any package manager's shell can start it.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };

test.each(Object.entries(scripts))('S7 %s is plain words, and what it starts is there: %s', (_, script) => {
  const [program, file, command, ...more] = script.split(' ');
  // No quotes, variables, operators or builtins: sh, cmd.exe, PowerShell, and the shells of yarn and deno read such words alike.
  expect(script.split(' ').filter((word) => !/^[A-Za-z0-9][A-Za-z0-9._/:-]*$/.test(word))).toEqual([]);
  expect([program, file, more]).toEqual(['node', 'tools/setup/run.mjs', []]);
  expect(existsSync(join(ROOT, `tools/commands/${command}.ts`))).toBe(true);
});
