// Proves that nats-server comes from Debian's archive where nothing else has it. It needs the archive, so it is no quick test.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { temporaryDir } from '#test/unit/tools/fake-server.ts';
import { THIS_MACHINE } from '#tools/debian/packages.ts';
import { codenameIn } from '#tools/debian/sources.ts';
import { fetchDebianPackage } from '#tools/nats-server/debian-package.ts';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';
import { compareVersions, MINIMUM, versionOf } from '#tools/nats-server/version.ts';

const OS_RELEASE = '/etc/os-release';
const osRelease = existsSync(OS_RELEASE) ? readFileSync(OS_RELEASE, 'utf8') : '';
const isDebian = /^ID=debian$/m.test(osRelease) && existsSync('/usr/bin/apt-get');
const codename = codenameIn(osRelease);

/** Where the package would be, were it installed. */
const INSTALLED = '/usr/sbin/nats-server';

/** What apt says where there is no way to the archive: then there is nothing to test. */
const NO_WAY_OUT = /Could not resolve|Could not connect|Temporary failure|Connection timed out|Unable to connect/;

async function orSkip<T>(context: TestContext, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (NO_WAY_OUT.test(String(error))) context.skip(`Debian's archive is out of reach: ${String(error)}`);
    throw error;
  }
}

describe.skipIf(!isDebian)("Debian's package (skipped where this is not Debian)", () => {
  test('is unpacked into an empty cache, by two processes at once, with nothing installed', async (context) => {
    const cacheDir = join(temporaryDir(), 'cache');
    const wasInstalled = existsSync(INSTALLED);
    const said: string[] = [];
    const search = (dir: string) =>
      ensureNatsServer({
        cacheDir: dir,
        env: { PATH: '', RIPOSTE_NATS_RELEASE_URL: 'http://127.0.0.1:9' },
        say: (line) => void said.push(line),
      });
    // Two names of one directory: each is a search of its own, as if by two processes.
    const both = Promise.all([search(cacheDir), search(`${cacheDir}/.`)]).catch((error) => {
      throw new Error(`${error}: ${said.join('; ')}`);
    });
    const found = await orSkip(context, both);
    for (const binary of found) expect(compareVersions(await versionOf(binary), MINIMUM)).toBeGreaterThanOrEqual(0);
    expect(existsSync(INSTALLED)).toBe(wasInstalled);
  });

  test.skipIf(codename === undefined || !existsSync(releaseKey()))(
    'is fetched with newer keys where the machine has none for its suite',
    async (context) => {
      // A machine that trusts the key of its own release and no other.
      const dir = temporaryDir();
      const aptDir = join(dir, 'apt');
      mkdirSync(join(aptDir, 'sources.list.d'), { recursive: true });
      const list = `deb [signed-by=${releaseKey()}] ${machinesOwnAddress()} ${codename} main\n`;
      writeFileSync(join(aptDir, 'sources.list'), list);
      const work = join(dir, 'work');
      const machine = { ...THIS_MACHINE, aptDir };
      const binary = await orSkip(context, fetchDebianPackage('testing', work, machine));
      expect(binary).toContain('packages-new-keys');
      expect(compareVersions(await versionOf(binary), MINIMUM)).toBeGreaterThanOrEqual(0);
    },
  );

  test('of a suite that does not exist is one line', async (context) => {
    const fetching = orSkip(context, fetchDebianPackage('no-such-suite', join(temporaryDir(), 'work')));
    await expect(fetching).rejects.toThrow(/^apt-get update: .*no-such-suite.*$/);
  });
});

test('a Debian machine without a source of Debian is told so', async () => {
  const aptDir = temporaryDir();
  writeFileSync(join(aptDir, 'sources.list'), '# nothing\n');
  await expect(fetchDebianPackage('testing', temporaryDir(), { ...THIS_MACHINE, aptDir })).rejects.toThrow(
    /names no archive of Debian/,
  );
});

function releaseKey(): string {
  return `/usr/share/keyrings/debian-archive-${codename}-stable.gpg`;
}

/** Where this machine gets Debian from. */
function machinesOwnAddress(): string {
  const files = ['/etc/apt/sources.list.d/debian.sources', '/etc/apt/sources.list'].filter((file) => existsSync(file));
  const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
  return /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+)/m.exec(text)?.[1] ?? '';
}
