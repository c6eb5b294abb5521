// Owns: fetching a release of nats-server from its makers' release archive, and checking it.
//
// 1. Nothing is unpacked before its SHA-256 is the one in the release's own SHA256SUMS. That catches a damaged or
//    mixed-up download; that both come from the right place is the word of TLS. The sums are not pinned in this
//    source, because nobody here has read them off the release itself.
// 2. Every wait has an end, and a machine without a way out finds that out quickly.
//
// RIPOSTE_NATS_RELEASE_URL replaces the address up to the version, for a mirror or a test. The proxies that the environment names
// are used.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BINARY_NAME } from './cache.ts';

const RELEASES = 'https://github.com/nats-io/nats-server/releases/download';

/** For each answer to begin. A closed network says no at once; one that swallows packets must not hold up a start. */
const ANSWER_LIMIT_MS = 10_000;

/** For the archive to arrive whole: 10 MB over a line of 1 Mbit/s. */
const ARCHIVE_LIMIT_MS = 120_000;

/** The archives are 7 MB and the list is 3 KB: what is far larger is not what was asked for. */
const ARCHIVE_BYTES = 64 * 1024 * 1024;
const SUMS_BYTES = 256 * 1024;

const UNPACK_LIMIT_MS = 60_000;

const PLATFORMS: ReadonlyMap<string, string> = new Map([
  ['linux', 'linux'],
  ['darwin', 'darwin'],
  ['win32', 'windows'],
]);
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['arm64', 'arm64'],
]);

const run = promisify(execFile);

/** The name of the release's archive for a platform, and of the directory in it. */
export function archiveFor(version: string, platform: string, arch: string): { archive: string; directory: string } {
  const os = PLATFORMS.get(platform);
  const cpu = ARCHITECTURES.get(arch);
  if (os === undefined || cpu === undefined) throw new Error(`there is none for ${platform} on ${arch}`);
  const directory = `nats-server-v${version}-${os}-${cpu}`;
  return { archive: `${directory}.${os === 'windows' ? 'zip' : 'tar.gz'}`, directory };
}

/**
 * The SHA-256 of a file in the text of a SHA256SUMS file.
 * @throws Error when the list does not name it
 */
export function sumOf(sums: string, file: string): string {
  for (const line of sums.split('\n')) {
    const [sum, name] = line.trim().split(/\s+\*?/);
    if (name === file && sum !== undefined && /^[0-9a-f]{64}$/i.test(sum)) return sum.toLowerCase();
  }
  throw new Error(`SHA256SUMS does not name ${file}`);
}

/**
 * Downloads, checks and unpacks a release.
 * @param workDir an empty directory for it
 * @param env may hold RIPOSTE_NATS_RELEASE_URL
 * @returns the path of the binary in `workDir`
 */
export async function fetchOfficialRelease(version: string, workDir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { archive, directory } = archiveFor(version, process.platform, process.arch);
  // Unset by itself, Node.js looks at no proxy. A machine's own Node.js may be older than this function.
  const withoutProxy = http.setGlobalProxyFromEnv?.(env) ?? (() => {});
  const file = join(workDir, archive);
  try {
    await downloadChecked(version, archive, file, env);
  } finally {
    withoutProxy();
  }
  // Windows' own tar unpacks zip archives.
  await run('tar', ['-xf', file, '-C', workDir, `${directory}/${BINARY_NAME}`], { timeout: UNPACK_LIMIT_MS });
  return join(workDir, directory, BINARY_NAME);
}

/** Writes the archive into a file, once its checksum is the one of the release's list. */
async function downloadChecked(version: string, archive: string, file: string, env: NodeJS.ProcessEnv): Promise<void> {
  const base = `${(env.RIPOSTE_NATS_RELEASE_URL || RELEASES).replace(/\/+$/, '')}/v${version}`;
  const sum = sumOf((await download(`${base}/SHA256SUMS`, SUMS_BYTES)).toString('utf8'), archive);
  const bytes = await download(`${base}/${archive}`, ARCHIVE_BYTES);
  const got = createHash('sha256').update(bytes).digest('hex');
  if (got !== sum) throw new Error(`${archive} does not match its checksum (wanted ${sum}, got ${got})`);
  writeFileSync(file, bytes);
}

async function download(url: string, limitBytes: number): Promise<Buffer> {
  const ending = new AbortController();
  const abort = (what: string) => () => ending.abort(new Error(`${url} ${what}`));
  const answer = setTimeout(abort(`did not answer within ${ANSWER_LIMIT_MS / 1000} s`), ANSWER_LIMIT_MS);
  const whole = setTimeout(abort(`did not arrive within ${ARCHIVE_LIMIT_MS / 1000} s`), ARCHIVE_LIMIT_MS);
  try {
    const response = await fetch(url, { signal: ending.signal });
    clearTimeout(answer);
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.byteLength;
      if (bytes > limitBytes) throw new Error(`${url} is larger than ${limitBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(answer);
    clearTimeout(whole);
    ending.abort();
  }
}
