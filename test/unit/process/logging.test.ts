import { expect, test } from 'vitest';
import { Child } from './child.ts';

test('lines carry role and replica, hide secrets, and the last one survives the exit', async () => {
  await using child = new Child('logs.ts');
  const { code } = await child.exited;
  expect(code).toBe(0);
  const [first] = child.log;
  expect(first).toMatchObject({ level: 'info', role: 'ai', replica: 'abc', msg: 'first' });
  expect(first).toMatchObject({ password: '[Redacted]', login: { user: 'ann', seed: '[Redacted]' } });
  expect(Date.parse(String(first?.time))).not.toBeNaN();
  expect(child.log.length).toBe(2001);
  expect(child.log.at(-1)).toMatchObject({ level: 'fatal', msg: 'last', number: 1999 });
}, 20_000);
