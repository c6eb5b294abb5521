import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ensureNatsServer } from '#tools/nats-server/ensure.ts';
import { archiveFor, fetchOfficialRelease, sumOf } from '#tools/nats-server/official-release.ts';
import { temporaryDir, writeFakeServer } from './fake-server.ts';

const VERSION = '2.15.1';
const { archive, directory } = archiveFor(VERSION, process.platform, process.arch);

/** Serves files as a release archive would; returns its address. */
async function archiveServing(files: Record<string, Buffer | string>): Promise<string> {
  const server = createServer((request, response) => {
    const body = files[request.url ?? ''];
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}/releases`;
}

/** An archive as the makers pack it: the binary among other files, in a directory. */
function packed(version = VERSION): Buffer {
  const dir = temporaryDir();
  writeFakeServer(join(dir, directory, 'nats-server'), version);
  writeFakeServer(join(dir, directory, 'README.md'), version);
  execFileSync('tar', ['-czf', join(dir, archive), '-C', dir, directory]);
  return readFileSync(join(dir, archive));
}

const sumLine = (bytes: Buffer) => `${createHash('sha256').update(bytes).digest('hex')}  ${archive}\n`;
const other = `${'0'.repeat(64)}  nats-server-v${VERSION}-linux-s390x.tar.gz\n`;

const release = (bytes: Buffer, sums = other + sumLine(bytes)) => ({
  [`/releases/v${VERSION}/SHA256SUMS`]: sums,
  [`/releases/v${VERSION}/${archive}`]: bytes,
});

const fetchFrom = (url: string) => fetchOfficialRelease(VERSION, temporaryDir(), { RIPOSTE_NATS_RELEASE_URL: url });

describe("the makers' release", () => {
  test('is fetched, checked, unpacked and kept in the cache', async () => {
    const dir = temporaryDir();
    const cacheDir = join(dir, 'cache');
    const said: string[] = [];
    const binary = await ensureNatsServer({
      cacheDir,
      env: { PATH: '', RIPOSTE_NATS_RELEASE_URL: `${await archiveServing(release(packed()))}/` },
      say: (line) => void said.push(line),
    });
    expect(binary).toBe(join(cacheDir, `${VERSION}-${process.platform}-${process.arch}`, 'nats-server'));
    expect(execFileSync(binary, ['--version'], { encoding: 'utf8' })).toContain(VERSION);
    expect(said.at(-1)).toBe(`nats-server ${VERSION} from its makers is now in ${cacheDir}`);
    expect(readdirSync(cacheDir)).toHaveLength(1);
  });

  test('with a wrong checksum is not unpacked', async () => {
    const bytes = packed();
    const url = await archiveServing(release(bytes, sumLine(Buffer.from('something else'))));
    await expect(fetchFrom(url)).rejects.toThrow(/does not match its checksum/);
  });

  test('that its list of checksums does not name is not fetched', async () => {
    await expect(fetchFrom(await archiveServing(release(packed(), other)))).rejects.toThrow(/does not name/);
  });

  test('that is not there is one line', async () => {
    await expect(fetchFrom(await archiveServing({}))).rejects.toThrow(/SHA256SUMS answered 404$/);
  });

  test('whose archive is not there is one line', async () => {
    const files = { [`/releases/v${VERSION}/SHA256SUMS`]: sumLine(Buffer.from('')) };
    await expect(fetchFrom(await archiveServing(files))).rejects.toThrow(/\.(tar\.gz|zip) answered 404$/);
  });

  test('behind a door that is closed is one line', async () => {
    await expect(fetchFrom('http://127.0.0.1:9')).rejects.toThrow();
  });

  test('with a list of checksums that does not end is given up', async () => {
    const url = await archiveServing({ [`/releases/v${VERSION}/SHA256SUMS`]: 'x'.repeat(300 * 1024) });
    await expect(fetchFrom(url)).rejects.toThrow(/is larger than 262144 bytes/);
  });

  test.each([
    ['linux', 'x64', 'nats-server-v2.15.1-linux-amd64.tar.gz'],
    ['linux', 'arm64', 'nats-server-v2.15.1-linux-arm64.tar.gz'],
    ['darwin', 'arm64', 'nats-server-v2.15.1-darwin-arm64.tar.gz'],
    ['win32', 'x64', 'nats-server-v2.15.1-windows-amd64.zip'],
  ])('for %s on %s is %s', (platform, arch, name) => {
    expect(archiveFor(VERSION, platform, arch).archive).toBe(name);
  });

  test('there is none for a platform that its makers do not build for', () => {
    expect(() => archiveFor(VERSION, 'aix', 'ppc64')).toThrow(/there is none for aix/);
  });

  test('its sum is found by the whole name, in either form of the list', () => {
    const sum = 'ab'.repeat(32);
    expect(sumOf(`${'cd'.repeat(32)}  x.tar.gz.asc\n${sum} *x.tar.gz\n`, 'x.tar.gz')).toBe(sum);
    expect(() => sumOf(`tooshort  x.tar.gz\n`, 'x.tar.gz')).toThrow(/does not name/);
  });

  test('comes through the proxy that the environment names', async () => {
    const { port: archivePort } = new URL(await archiveServing(release(packed())));
    const asked: string[] = [];
    const proxy = createServer().on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.write('HTTP/1.1 200 Connected\r\n\r\n');
      pipeline(socket, connect(Number(archivePort), '127.0.0.1'), socket, () => {});
    });
    onTestFinished(() => void proxy.close());
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as { port: number };
    const env = { RIPOSTE_NATS_RELEASE_URL: 'http://riposte.example/releases', HTTP_PROXY: `http://127.0.0.1:${port}` };
    const binary = await fetchOfficialRelease(VERSION, temporaryDir(), env);
    expect(execFileSync(binary, ['--version'], { encoding: 'utf8' })).toContain(VERSION);
    expect(new Set(asked)).toEqual(new Set(['riposte.example:80']));
    await expect(fetchFrom(await archiveServing({}))).rejects.toThrow('answered 404');
  });
});
