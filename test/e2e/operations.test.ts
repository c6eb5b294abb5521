// S8: the blocks of docs/guide-operations.md work as they stand, on one machine with a network of its own, where the ports that
// the guide names are free.

import { describe, expect, test } from 'vitest';
import { blocksOf, CheckoutCopy, ownNetworkFault, Terminal } from '#test/harness/terminal.ts';

const LIMIT_MS = 5 * 60_000;
const DUEL = 'node --conditions=riposte-source examples/duel.ts';
const ROLES = ['collector', 'executor', 'ai'] as const;

const fault = ownNetworkFault();
if (fault !== null) process.stdout.write(`skipped, what is typed of docs/guide-operations.md: ${fault}\n`);

const shell = blocksOf('docs/guide-operations.md')
  .filter(({ language }) => language === 'sh')
  .map(({ text }) => text);
const [roles = '', broker = '', compose, audit = '', ...rest] = shell;

test('it has no other block', () => {
  expect([compose, rest]).toEqual([expect.stringMatching(/^docker compose cp demo:/), []]);
});

async function untilReady(terminal: Terminal): Promise<void> {
  for (const role of ROLES) await terminal.until(new RegExp(`"role":"${role}".*"msg":"ready"`));
}

describe.skipIf(fault !== null)('typed', { timeout: LIMIT_MS }, () => {
  test('the roles fight on the server of the machine, and the audit finds nothing', async () => {
    using copy = new CheckoutCopy();
    await using terminal = await Terminal.open(copy.dir, { ownNetwork: true });
    terminal.type('nats-server -js --store_dir ./streams 2>&1 &');
    await terminal.until(/Server is ready/);
    terminal.type(roles);
    await untilReady(terminal);
    expect(await terminal.run(DUEL), terminal.output).toBe(0);
    expect(await terminal.run(audit), terminal.output).toBe(0);
  });

  test('a broker that keeps them apart: each role works with its own seed, and so does a game server', async () => {
    using copy = new CheckoutCopy();
    await using terminal = await Terminal.open(copy.dir, { ownNetwork: true });
    expect(await terminal.run(broker), terminal.output).toBe(0);
    await untilReady(terminal);
    expect(await terminal.run(`NATS_NKEY_SEED_FILE=./conf/seeds/game_server.nk ${DUEL}`), terminal.output).toBe(0);
    expect(terminal.output).toMatch(/duel-\d+ is over: [\s\S]*dead: true/);
  });
});
