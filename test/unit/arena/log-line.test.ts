// Proves what a person gets to read of a role's log line.

import { expect, test } from 'vitest';
import { readLogLine } from '#tools/roles/log-line.ts';

const CASES: readonly (readonly [what: string, line: string, read: ReturnType<typeof readLogLine>])[] = [
  ['routine', '{"level":"info","role":"ai","msg":"ready"}', { level: 'routine', text: 'ready' }],
  ['a port', '{"level":"info","httpPort":80,"msg":"ready"}', { level: 'routine', text: 'ready', httpPort: 80 }],
  [
    'a warning with an error',
    '{"level":"warn","err":{"message":"no"},"msg":"failed"}',
    { level: 'warn', text: 'failed: no' },
  ],
  ['a warning with a reason', '{"level":"warn","reason":"late","msg":"hm"}', { level: 'warn', text: 'hm: late' }],
  ['a fatal one', '{"level":"fatal","msg":"gone"}', { level: 'error', text: 'gone' }],
  ['a complaint on stderr', 'collector: LOCK_TTL_MS: bad', { level: 'error', text: 'collector: LOCK_TTL_MS: bad' }],
  ['JSON that is no log line', '[1]', { level: 'error', text: '[1]' }],
  ['null', 'null', { level: 'error', text: 'null' }],
];

for (const [what, line, read] of CASES) {
  test(`${what}: ${line}`, () => expect(readLogLine(line)).toEqual(read));
}
