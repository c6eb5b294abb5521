import { existsSync, mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inWorkDir } from '#tools/cache/work-dir.ts';
import { addToCache, cachedServers } from '#tools/nats-server/cache.ts';
import { ensureNatsServer, ensureOldNatsServer, stepsToServer } from '#tools/nats-server/ensure.ts';
import { firstThatWorks, NatsServerUnavailable, oneLine, type Step } from '#tools/nats-server/step.ts';
import { formatVersion } from '#tools/nats-server/version.ts';
import { temporaryDir, writeFakeServer } from './fake-server.ts';

const PLATFORM = `${process.platform}-${process.arch}`;

/** A machine without package sources and a release archive that nobody answers for: nothing can be fetched. */
function cutOff() {
  const dir = temporaryDir();
  const said: string[] = [];
  const options = {
    cacheDir: join(dir, 'cache'),
    env: { PATH: join(dir, 'bin'), RIPOSTE_NATS_RELEASE_URL: 'http://127.0.0.1:9' },
    machine: {
      aptDir: join(dir, 'no-apt'),
      osReleaseFile: join(dir, 'no-os-release'),
      statusFile: join(dir, 'no-status'),
    },
    say: (line: string) => void said.push(line),
  };
  return { dir, options, said };
}

describe('the way to a nats-server', () => {
  test('goes by PATH, the cache, the makers, Debian', () => {
    expect(stepsToServer().map(({ name, cheap }) => [name, cheap])).toEqual([
      ['nats-server on PATH', true],
      ['nats-server in the cache', true],
      ['nats-server 2.15.1 from its makers', false],
      ['nats-server from Debian testing', false],
    ]);
  });

  test('ends silently at one on PATH that is new enough', async () => {
    const { dir, options, said } = cutOff();
    const binary = writeFakeServer(join(dir, 'bin', 'nats-server'), '2.12.0');
    writeFakeServer(join(dir, 'cache', `2.15.1-${PLATFORM}`, 'nats-server'), '2.15.1');
    expect(await ensureNatsServer(options)).toBe(binary);
    expect(said).toEqual([]);
  });

  test('passes by one on PATH that is too old, to the newest in the cache', async () => {
    const { dir, options, said } = cutOff();
    writeFakeServer(join(dir, 'bin', 'nats-server'), '2.11.9');
    writeFakeServer(join(dir, 'cache', `2.9.10-${PLATFORM}`, 'nats-server'), '2.9.10');
    writeFakeServer(join(dir, 'cache', `2.13.0-${PLATFORM}`, 'nats-server'), '2.13.0');
    const newest = writeFakeServer(join(dir, 'cache', `2.15.1-${PLATFORM}`, 'nats-server'), '2.15.1');
    writeFakeServer(join(dir, 'cache', '2.16.0-plan9-mips', 'nats-server'), '2.16.0');
    expect(await ensureNatsServer(options)).toBe(newest);
    expect(said).toEqual([]);
  });

  test('where all fails, each step says why in one line and the last word is what to do', async () => {
    const { dir, options, said } = cutOff();
    writeFakeServer(join(dir, 'bin', 'nats-server'), '2.11.9');
    const searching = ensureNatsServer(options);
    await expect(searching).rejects.toThrow(NatsServerUnavailable);
    await expect(searching).rejects.toThrow(/; no proxy is set \(HTTPS_PROXY\): put one on PATH .* or set NATS_URL/);
    expect(said).toEqual([
      'nats-server on PATH: 2.11.9 is too old, 2.12.0 is needed',
      'nats-server in the cache: there is none',
      expect.stringMatching(/^nats-server 2\.15\.1 from its makers: .+$/),
      'nats-server from Debian testing: this is not a Debian machine',
    ]);
    expect(readdirSync(options.cacheDir)).toEqual([]);
  });

  test('a failed search is tried again', async () => {
    const { dir, options } = cutOff();
    await expect(ensureNatsServer(options)).rejects.toThrow(NatsServerUnavailable);
    const binary = writeFakeServer(join(dir, 'bin', 'nats-server'), '2.15.1');
    expect(await ensureNatsServer(options)).toBe(binary);
  });

  test('to one that is too old, for tests, never takes a new one', async () => {
    const { dir, options } = cutOff();
    writeFakeServer(join(dir, 'cache', `2.15.1-${PLATFORM}`, 'nats-server'), '2.15.1');
    await expect(ensureOldNatsServer(options)).rejects.toThrow(NatsServerUnavailable);
    const old = writeFakeServer(join(dir, 'cache', `2.9.10-${PLATFORM}`, 'nats-server'), '2.9.10');
    expect(await ensureOldNatsServer(options)).toBe(old);
  });

  test('cheap steps keep quiet until a dear one is needed', async () => {
    const said: string[] = [];
    const step = (name: string, cheap: boolean, result?: string): Step => ({
      name,
      cheap,
      find: async () => {
        said.push(`try ${name}`);
        if (result === undefined) throw new Error(`no\n  ${name}`);
        return result;
      },
    });
    const say = (line: string) => void said.push(line);
    const steps = [step('a', true), step('b', true), step('c', false), step('d', false, 'found'), step('e', false)];
    expect(await firstThatWorks(steps, say, 'advice')).toBe('found');
    expect(said).toEqual(['try a', 'try b', 'a: no; a', 'b: no; b', 'try c', 'c: no; c', 'try d']);
  });

  test('a reason is one line, with the cause and no page', () => {
    const cause = Object.assign(new Error(''), { code: 'ECONNREFUSED' });
    expect(oneLine(new Error('fetch failed', { cause }))).toBe('fetch failed: ECONNREFUSED');
    expect(oneLine(new Error('http://me:secret@mirror.example/x answered 404'))).toBe(
      'http://mirror.example/x answered 404',
    );
    expect(oneLine(new Error(`first\nsecond ${'x'.repeat(1000)}`))).toMatch(/^first; second x{1,300}\.\.\.$/);
  });
});

describe('the cache', () => {
  const anything = () => {};

  test('takes a binary in under the version it says, whole', async () => {
    const cacheDir = join(temporaryDir(), 'cache');
    const added = await inWorkDir(cacheDir, (dir) => {
      return addToCache(cacheDir, writeFakeServer(join(dir, 'x'), '2.15.1'), anything);
    });
    expect(added.binary).toBe(join(cacheDir, `2.15.1-${PLATFORM}`, 'nats-server'));
    expect(cachedServers(cacheDir).map(({ version }) => formatVersion(version))).toEqual(['2.15.1']);
    expect(readdirSync(cacheDir)).toEqual([`2.15.1-${PLATFORM}`]);
  });

  test('of two that bring the same version at once both end up with a whole one', async () => {
    const cacheDir = join(temporaryDir(), 'cache');
    const bring = () =>
      inWorkDir(cacheDir, (dir) => addToCache(cacheDir, writeFakeServer(join(dir, 'x'), '2.15.1'), anything));
    const [one, two] = await Promise.all([bring(), bring()]);
    expect(one).toEqual(two);
    expect(readdirSync(cacheDir)).toEqual([`2.15.1-${PLATFORM}`]);
    expect(existsSync(one.binary)).toBe(true);
  });

  test('does not take in one that is refused or does not run', async () => {
    const cacheDir = join(temporaryDir(), 'cache');
    const refuse = () => {
      throw new Error('not this one');
    };
    const adding = inWorkDir(cacheDir, (dir) => addToCache(cacheDir, writeFakeServer(join(dir, 'x'), '2.1.0'), refuse));
    await expect(adding).rejects.toThrow('not this one');
    expect(readdirSync(cacheDir)).toEqual([]);
  });

  test('sweeps out what killed processes left, and nothing that is in use', async () => {
    const cacheDir = temporaryDir();
    const [abandoned, inUse] = [join(cacheDir, 'work-abandoned'), join(cacheDir, 'work-in-use')];
    mkdirSync(abandoned);
    mkdirSync(inUse);
    utimesSync(abandoned, 0, 0);
    await inWorkDir(cacheDir, async () => {});
    expect(readdirSync(cacheDir)).toEqual(['work-in-use']);
  });
});
