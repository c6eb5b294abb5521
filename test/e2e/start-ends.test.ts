// Proves how `npm start` ends: killed outright, with its server, or on a server that stays. Nothing is left behind.

import { connect } from '@nats-io/transport-node';
import { afterEach, describe, expect, test } from 'vitest';
import { RiposteClient } from '#client/client.ts';
import { startTestServer } from '#test/harness/server.ts';
import { BLOW, COMMAND_LIMIT_MS, Command, remaining } from './command.ts';

const BOT = { kind: 'ai', stats: { hp: 20 } } as const;

let command: Command;

function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): void {
  command = new Command('start', args, env);
}

afterEach(async () => {
  await command?.kill();
});

describe('npm start', { timeout: COMMAND_LIMIT_MS }, () => {
  test('killed outright, what it started ends by itself', async () => {
    start(['--no-arena']);
    await command.line(/ready/);
    const below = command.below();
    const [own] = [...below].find(([, args]) => args.includes('commands/start.ts'))!;
    process.kill(own, 'SIGKILL');
    await command.ended;
    expect(await remaining(below)).toEqual([]);
  });

  test('a server that dies is said in one line, and ends it with exit code 1', async () => {
    start();
    await command.line(BLOW);
    const below = command.below();
    const [guardian] = [...below].find(([, args]) => args.includes('guardian.ts'))!;
    process.kill(guardian, 'SIGKILL');
    expect(await command.ended).toEqual({ code: 1, signal: null });
    expect(command.stderr).toEqual([expect.stringMatching(/^start: the private nats-server has died$/)]);
    expect(await remaining(below)).toEqual([]);
  });

  test('on a server of one’s own tells of others’ fights too, calls its own off on SIGTERM, and leaves nothing open', async () => {
    await using server = await startTestServer();
    start([], { NATS_URL: server.url });
    await command.line(/^duel 1 +Mira/);
    const nc = await connect({ servers: server.url });
    const client = new RiposteClient(nc);
    const teams = { red: ['left-hand'], blue: ['right-hand'] };
    await client.open({ session_id: 'mine', teams, actors: { 'left-hand': BOT, 'right-hand': BOT } });
    await command.line(/^mine +left-hand \(red\) against right-hand \(blue\)$/);
    await command.line(/^mine +(red wins|blue wins|over: draw) after \d+ exchanges$/);
    const life = await client.follow(['session'], { from: 'start' });
    command.signal('SIGTERM');
    expect(await command.ended).toEqual({ code: 0, signal: null });
    expect(command.stdout[0]).toBe(`using the nats-server at ${server.url}`);
    expect((await client.state('mine').catch(({ code }) => code)) satisfies unknown).toBe('unavailable');
    // What is stored last is heard last: by then every end has been heard.
    const open = new Set<string>();
    await client.close('end-of-the-test');
    for await (const { session_id: id, body } of life) {
      if (id === 'end-of-the-test') break;
      if (body.type === 'opened') open.add(id);
      if (body.type === 'closed') open.delete(id);
    }
    expect([...open]).toEqual([]);
    await client.disconnect();
    await nc.close();
  });
});
