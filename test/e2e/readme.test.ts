// S8: the README works as it stands. Its blocks are typed, in their order, into a copy of the checkout: everything from
// the package to a duel in an empty project.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blocksOf, CheckoutCopy, Terminal } from '#test/harness/terminal.ts';
import { ROOT } from '#tools/commands/child.ts';

const LIMIT_MS = 10 * 60_000;
const EXPORT = /^export NATS_URL=.*$/m;
/** This `nats` needs the packages of the checkout: it is run where it lies. */
const NATS = join(ROOT, 'test/e2e/fixtures/bin');

const blocks = blocksOf('README.md');
const shell = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
const typescript = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text);

test('its TypeScript is that of the files it names', () => {
  const files = ['examples/duel.ts', 'examples/rules/first-blood.ts'];
  expect(typescript).toEqual(files.map((path) => readFileSync(join(ROOT, path), 'utf8')));
});

test('every file that it links to is there', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(5);
  for (const link of links) expect(() => readFileSync(join(ROOT, link))).not.toThrow(/ENOENT/);
});

test('it is short', () => {
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8').trimEnd().split('\n').length).toBeLessThan(220);
});

test('a duel in TypeScript and one on the wire, beside npm start', { timeout: LIMIT_MS }, async () => {
  const [install, start, duel, wire, , ...rest] = shell;
  expect(rest).toEqual([]);
  using copy = new CheckoutCopy();
  await using first = await Terminal.open(copy.dir);
  first.type(start!);
  await using second = await Terminal.open(copy.dir, { env: { PATH: NATS } });
  expect(await second.run(install!), second.output).toBe(0);
  const [login] = await first.until(EXPORT);
  expect(await second.run(login)).toBe(0);

  writeFileSync(join(copy.parent, 'my-game', 'duel.mts'), typescript[0]!);
  expect(await second.run(duel!), second.output).toBe(0);
  expect(second.output).toMatch(/^(101 strikes -7|-7 strikes 101): /m);
  expect(second.output).toMatch(/duel-\d+ is over: [\s\S]*dead: true/);

  // A subscription in the background hears what is published when the server knows of it, which no line of the block waits for.
  const [login2, watch, ...then] = wire!.split(/\n(?=# )/);
  expect([await second.run(login2!), then.length]).toEqual([0, 3]);
  second.type(watch!);
  await second.until(/^listening on combat\.result\.\*$/m);
  await second.until(/^listening on _INBOX_game_server\.me$/m);
  for (const command of then) expect(await second.run(command), second.output).toBe(0);
  await second.until(/\[_INBOX_game_server\.me\] \{.*"move_id":"m1","accepted":true/);
  await second.until(/\[combat\.result\.duel-1\] \{.*"executed":1/);
  expect(second.output).toMatch(/^\{"status":"open"/m);
});

test('rules of your own are loaded, and a session that names them is fought by them', {
  timeout: LIMIT_MS,
}, async () => {
  using copy = new CheckoutCopy();
  await using first = await Terminal.open(copy.dir);
  first.type(shell[4]!);
  const [login] = await first.until(EXPORT);
  mkdirSync(join(copy.dir, 'mine'));
  writeFileSync(join(copy.dir, 'mine', 'fight.ts'), FIGHT);
  await using second = await Terminal.open(copy.dir);
  expect(await second.run(`${login}\nnode --conditions=riposte-source mine/fight.ts`), second.output).toBe(0);
  const [, fought] = /^fought (.*)$/m.exec(second.output)!;
  const { reason, statuses, damages } = JSON.parse(fought!);
  expect([reason, [...new Set(statuses)], [...new Set(damages)]]).toEqual(['victory', ['done'], [1]]);
  expect(damages.length).toBeGreaterThanOrEqual(3);
});

/** A fight of two bots by the rules of the README, and what came of it. */
const FIGHT = `
import { connectionFrom, RiposteClient } from 'riposte/client';

const riposte = await RiposteClient.connect(connectionFrom(process.env));
const actor = { kind: 'ai', stats: { hp: 3, strength: 5 } } as const;
const rules = { name: 'first-blood', version: 1 };
const session_id = 'first-blood-1';
await riposte.open({ session_id, teams: { red: ['1'], blue: ['2'] }, actors: { 1: actor, 2: actor }, rules });
const [statuses, damages]: [string[], number[]] = [[], []];
for await (const { kind, body } of await riposte.follow(['session', 'result'], { sessionId: session_id })) {
  if (kind === 'result') {
    for (const { status, hits } of body.results) {
      statuses.push(status);
      damages.push(...hits.map(({ damage }) => damage));
    }
  } else if (body.type === 'closed') {
    console.log('fought', JSON.stringify({ reason: body.reason, statuses, damages }));
    break;
  }
}
await riposte.disconnect();
`;
