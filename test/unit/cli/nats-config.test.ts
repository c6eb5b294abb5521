// Proves that `riposte nats-config` takes addresses of both families wherever one is read, and writes them as the real nats-server
// takes them; and that what it does not understand is refused before anything is written.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BadUsage, type Desk } from '#cli/command.ts';
import { hostAndPort, readHost, splitHost } from '#cli/nats-config/address.ts';
import { natsConfigCommand } from '#cli/nats-config/command.ts';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';

const DESK: Desk = {
  out: () => {},
  say: () => {},
  connected: () => Promise.reject(new Error('it asked for a connection')),
};

/** Runs the command in this process on a directory of its own; resolves with that. */
async function written(args: readonly string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'riposte-addresses-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  expect(await natsConfigCommand.run([directory, ...args], DESK)).toBe(0);
  return directory;
}

describe('an address', () => {
  test.each([
    ['nats.example.org', 'nats.example.org'],
    ['10.0.0.1', '10.0.0.1'],
    ['::', '::'],
    ['[::]', '::'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[10.0.0.1]', null],
    ['[::', null],
    ['10.0.0.1:4222', null],
    ['[::1]:4222', null],
    ['a b', null],
    ['', null],
  ])('%s is read as %s', (text, host) => {
    expect(readHost(text)).toBe(host);
  });

  test.each([
    ['n1:4222:6222', ['n1', '4222:6222']],
    ['n1', ['n1', undefined]],
    ['2001:db8::1', ['2001:db8::1', undefined]],
    ['[2001:db8::1]', ['2001:db8::1', undefined]],
    ['[2001:db8::1]:4222:6222', ['2001:db8::1', '4222:6222']],
    ['[n1]:4222', null],
    ['[2001:db8::1]4222', null],
    ['', null],
  ])('%s is taken apart as %j', (text, parts) => {
    expect(splitHost(text)).toEqual(parts);
  });

  test('is written with brackets where they are needed', () => {
    expect([hostAndPort('::1', 4222), hostAndPort('10.0.0.1', 4222), hostAndPort('n1', 4222)]).toEqual([
      '[::1]:4222',
      '10.0.0.1:4222',
      'n1:4222',
    ]);
  });
});

describe('S4, S5 nats-config with addresses of IPv6', () => {
  const CLUSTER = ['--server=n1=2001:db8::1', '--server=n2=[2001:db8::2]:4333:6333:0', '--server=n3=10.0.0.3:4444'];
  const ASKED: readonly (readonly [args: readonly string[], lines: readonly string[], addresses: readonly string[]])[] =
    [
      [['--listen', '::'], ['listen: "[::]:4222"'], ['::1']],
      [['--listen', '[::]'], ['listen: "[::]:4222"'], ['::1']],
      [['--listen', '0.0.0.0'], ['listen: "0.0.0.0:4222"'], ['127.0.0.1']],
      [['--listen', '10.0.0.1'], ['listen: "10.0.0.1:4222"'], ['127.0.0.1']],
      [['--server', 'n1=2001:db8::1'], ['listen: "0.0.0.0:4222"'], ['2001:db8::1']],
      [['--server', 'n1=[2001:db8::1]'], ['listen: "0.0.0.0:4222"'], ['2001:db8::1']],
      [['--server', 'n1=[2001:db8::1]:4333'], ['listen: "0.0.0.0:4333"'], ['2001:db8::1']],
      [['--also', '2001:DB8::7,[2001:db8::8],10.0.0.7'], [], ['2001:db8::7', '2001:db8::8', '10.0.0.7']],
      [
        ['--listen=::', ...CLUSTER],
        [
          'listen: "[::]:6222"',
          '"nats-route://[2001:db8::1]:6222"',
          '"nats-route://[2001:db8::2]:6333"',
          '"nats-route://10.0.0.3:6222"',
        ],
        ['2001:db8::1'],
      ],
    ];

  test('writes what nats-server takes, with certificates that name each address', async () => {
    const binary = await ensureNatsServer();
    const directories = await Promise.all(ASKED.map(([args]) => written(args)));
    const configurations = directories.flatMap((directory) =>
      readdirSync(directory)
        .filter((name) => name.endsWith('.conf'))
        .map((name) => join(directory, name)),
    );
    expect(configurations.length).toBe(ASKED.length + 2);
    // It ends with 1, and rejects, where it finds a fault.
    await Promise.all(configurations.map((conf) => promisify(execFile)(binary, ['-t', '-c', conf])));
    for (const [at, [args, lines, addresses]] of ASKED.entries()) {
      const [name] = readdirSync(directories[at]!).filter((file) => file.endsWith('.conf'));
      const conf = readFileSync(join(directories[at]!, name!), 'utf8');
      for (const line of lines) expect([args, conf]).toEqual([args, expect.stringContaining(line)]);
      const certificate = new X509Certificate(readFileSync(join(directories[at]!, name!.replace('.conf', '.pem'))));
      for (const address of addresses) expect([args, certificate.checkIP(address)]).toEqual([args, address]);
    }
  });

  test.each([
    [['--listen', '10.0.0.1:4222'], '--listen is "10.0.0.1:4222", expected a name or an address without a port'],
    [['--listen', '[::1]:4222'], '--listen is "[::1]:4222", expected a name or an address without a port'],
    [['--server', 'n1=[2001:db8::1]:'], 'expected <name>[=<host>'],
    [['--server', 'n1=[2001:db8::1'], 'brackets around an IPv6 address that has ports'],
    [['--server', 'n1=fe80::1%eth0'], 'expected an address without a zone'],
    [['--also', 'fe80::1%eth0'], '--also: "fe80::1%eth0" cannot be used, expected names and addresses without ports'],
    [['--also', 'n1:4222'], '--also: "n1:4222" cannot be used'],
  ])('%j is refused', async (args, line) => {
    const asked = natsConfigCommand.run(['nowhere', ...args], DESK);
    await expect(asked).rejects.toThrow(BadUsage);
    await expect(asked).rejects.toThrow(line);
  });
});

describe('what nats-config does not understand', () => {
  test.each([
    [[], 'expected one directory'],
    [['nowhere', 'b'], 'expected one directory'],
    [['nowhere', '--server', 'x y'], '--server is "x y", expected <name>[=<host>'],
    [['nowhere', '--server', 'x', '--server', 'y'], '2 servers: expected one, or 3 or 5 for a cluster'],
    [['nowhere', '--server', 'x', '--server', 'x', '--server', 'y'], 'two servers of one name'],
    [['nowhere', '--server', 'ca'], '--server ca: its file ca.pem would be that of the authority'],
    [
      ['a', '--server', 'x', '--server', 'x-key', '--server', 'y'],
      '--server x-key: its file x-key.pem would be that of x',
    ],
    [
      ['a', '--server', 'x-key', '--server', 'x', '--server', 'y'],
      '--server x: its file x-key.pem would be that of x-key',
    ],
    [['nowhere', '--server', 'x', '--server', 'X', '--server', 'y'], '--server X: its file X.conf would be that of x'],
    [['nowhere', '--server', 'x=x:99999'], '99999 is no port'],
    [
      ['nowhere', '--sync-interval', 'soon'],
      '--sync-interval is "soon", expected default, always, or a duration such as 1s',
    ],
    [['nowhere', '--results', 'collector'], '--results: "collector" cannot be used'],
    [['nowhere', '--results', 'a.b'], '--results: "a.b" cannot be used'],
  ])('%j is refused in one line, and nothing is written', async (args, line) => {
    const asked = natsConfigCommand.run(args, DESK);
    await expect(asked).rejects.toThrow(BadUsage);
    await expect(asked).rejects.toThrow(line);
    expect(existsSync('nowhere')).toBe(false);
  });
});
