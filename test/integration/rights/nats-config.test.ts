// Proves what `riposte nats-config` writes: what is secret is for its owner, what was made once is kept, and what it does not
// understand is refused in one line. That servers take it: nats-config-servers.test.ts.

import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { natsConfigCommand } from '#cli/nats-config/command.ts';
import { USERS } from '#contracts/rights.ts';
import { runHere } from '#test/integration/cli/in-process.ts';
import { start } from '#test/integration/cli/riposte.ts';

const OWNERS_ONLY = 0o600;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'riposte-conf-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (...args: string[]) => runHere(natsConfigCommand, [directory, ...args]);
const file = (name: string): string => readFileSync(join(directory, name), 'utf8');
const everyFile = (): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('what it writes', () => {
  test('is a seed for each user, certificates, and a configuration that has no secret in it', async () => {
    const { code, out, said } = await start(['nats-config', directory], {}).answer;
    expect({ code, said }).toEqual({ code: 0, said: [`one server in ${directory}`] });
    const names = [...USERS, 'system'].map((user) => `seeds/${user}.nk`);
    expect(out).toEqual([...names, 'ca.pem', 'nats.pem', 'nats.conf'].map((name) => `${name} written`));
    const secrets = [...names, 'ca-key.pem', 'nats-key.pem'];
    expect(everyFile().sort()).toEqual(
      [...secrets, 'ca.pem', 'nats.pem', 'nats.conf'].map((name) => join(directory, name)).sort(),
    );
    for (const secret of secrets) {
      expect([secret, statSync(join(directory, secret)).mode & 0o777]).toEqual([secret, OWNERS_ONLY]);
      expect(file('nats.conf')).not.toContain(file(secret).trim());
    }
    expect(file('nats.conf')).toContain('http: "127.0.0.1:8222"');
    expect(file('nats.conf')).toMatch(/^ {2}# sync_interval: always$/m);
  });

  test('is kept when it is written again, but for the configuration', async () => {
    await write();
    const before = new Map(everyFile().map((path) => [path, readFileSync(path, 'utf8')]));
    writeFileSync(join(directory, 'nats.conf'), 'something else');
    const { code, out } = await write();
    expect([code, out.filter((line) => line.endsWith('written'))]).toEqual([0, ['nats.conf written']]);
    expect(new Map(everyFile().map((path) => [path, readFileSync(path, 'utf8')]))).toEqual(before);
    const wider = await write(
      '--also',
      'nats.example.org,10.0.0.7',
      '--sync-interval',
      '1s',
      '--results',
      'rewards,ladder',
    );
    expect(wider.out.filter((line) => line.endsWith('written'))).toEqual(['nats.pem written', 'nats.conf written']);
    const certificate = new X509Certificate(file('nats.pem'));
    expect(certificate.checkHost('nats.example.org')).toBe('nats.example.org');
    expect(certificate.checkIP('10.0.0.7')).toBe('10.0.0.7');
    expect(file('nats.conf')).toMatch(/^ {2}sync_interval: 1s$/m);
    expect(file('nats.conf')).toContain('"$JS.ACK.COMBAT.rewards.>"');
    expect(file('nats.conf')).not.toContain('COMBAT.results');
  });

  test('is named as the servers will see it', async () => {
    await write('--as', '/conf', '--store', '/data', '--listen', '10.0.0.7');
    expect(file('nats.conf')).toContain('store_dir: "/data"');
    expect(file('nats.conf')).toContain('key_file: "/conf/nats-key.pem"');
    expect(file('nats.conf')).toContain('listen: "10.0.0.7:4222"');
    expect(file('nats.conf')).not.toContain(directory);
  });
});

describe('a run that was killed', () => {
  const anew = (out: readonly string[]): string[] => out.filter((line) => line.endsWith('written'));
  const strangersKey = (): string =>
    String(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const isPair = (certificate: string, key: string): boolean =>
    new X509Certificate(file(certificate)).checkPrivateKey(createPrivateKey(file(key)));

  test('between a server’s key and its certificate leaves a pair that is made anew', async () => {
    await write();
    writeFileSync(join(directory, 'nats-key.pem'), strangersKey());
    const { code, out } = await write();
    expect([code, anew(out)]).toEqual([0, ['nats.pem written', 'nats.conf written']]);
    expect(isPair('nats.pem', 'nats-key.pem')).toBe(true);
  });

  test('between the authority’s key and its certificate leaves a key that gets one, and what it has signed stays good', async () => {
    await write();
    const key = file('ca-key.pem');
    rmSync(join(directory, 'ca.pem'));
    const { code, out } = await write();
    expect([code, anew(out)]).toEqual([0, ['ca.pem written', 'nats.conf written']]);
    expect([file('ca-key.pem'), isPair('ca.pem', 'ca-key.pem')]).toEqual([key, true]);
    expect(new X509Certificate(file('nats.pem')).verify(new X509Certificate(file('ca.pem')).publicKey)).toBe(true);
  });

  test('leaves no authority of another’s key, and none without a key: such a one is named, and left', async () => {
    await write();
    writeFileSync(join(directory, 'ca-key.pem'), strangersKey());
    const [other, authority] = [await write(), file('ca.pem')];
    expect([other.code, other.said]).toEqual([2, [expect.stringContaining('are not an authority that this command')]]);
    rmSync(join(directory, 'ca-key.pem'));
    const none = await write();
    expect([none.code, none.said]).toEqual([2, [expect.stringMatching(/there is .*ca\.pem and no .*ca-key\.pem/)]]);
    expect(file('ca.pem')).toBe(authority);
  });

  test('leaves files whole, and what it left beside them stands in nobody’s way', async () => {
    await write();
    const before = file('nats.conf');
    linkSync(join(directory, 'nats.conf'), join(directory, 'as-it-was'));
    writeFileSync(join(directory, 'other'), 'not to be written over');
    linkSync(join(directory, 'other'), join(directory, 'nats.conf.next'));
    chmodSync(join(directory, 'nats.conf.next'), 0o400);
    expect((await write('--sync-interval', '1s')).code).toBe(0);
    expect(file('nats.conf')).not.toBe(before);
    expect([file('as-it-was'), file('other')]).toEqual([before, 'not to be written over']);
    expect(everyFile().filter((path) => path.endsWith('.next'))).toEqual([]);
  });
});

describe('what it does not understand', () => {
  test('as a program it says so in one line, and ends with 2', async () => {
    const { code, out, said } = await start(['nats-config', 'a', '--server', 'x=x:99999'], {}).answer;
    expect({ code, out, said }).toEqual({
      code: 2,
      out: [],
      said: ['riposte nats-config: 99999 is no port; --help tells more'],
    });
  });

  test('a seed that is none is named, and not repeated', async () => {
    await write();
    writeFileSync(join(directory, 'seeds/ai.nk'), 'SUSECRET');
    const { code, said } = await write();
    expect([code, said]).toEqual([2, [`${join(directory, 'seeds/ai.nk')} does not hold a user's nkey seed`]]);
  });
});

describe('what this command has not written', () => {
  test.each([
    ['ca.pem', /are not an authority that this command has made/],
    ['ca-key.pem', /are not an authority that this command has made/],
    ['nats.pem', /nats\.pem is no certificate, or .*nats-key\.pem no key/],
    ['nats-key.pem', /nats\.pem is no certificate, or .*nats-key\.pem no key/],
  ])('is named and left: %s', async (name, line) => {
    await write();
    writeFileSync(join(directory, name), 'garbage');
    const { code, said } = await write();
    expect([code, said]).toEqual([2, [expect.stringMatching(line)]]);
    expect(file(name)).toBe('garbage');
  });

  test('is named and left: a key that waits for its certificate', async () => {
    writeFileSync(join(directory, 'ca-key.pem'), 'garbage');
    const { code, said } = await write();
    expect([code, said]).toEqual([2, [expect.stringMatching(/ca-key\.pem is not the key of an authority/)]]);
    expect(file('ca-key.pem')).toBe('garbage');
  });

  test('is named: a directory where a file is to be', async () => {
    mkdirSync(join(directory, 'ca.pem'));
    const { code, said } = await write();
    expect([code, said]).toEqual([
      2,
      [expect.stringMatching(/^EISDIR: .*; give a directory that you may read and write$/)],
    ]);
  });
});
