// Owns: getting programs out of Debian's packages without installing anything, with the machine's own apt: its address of
// the archive, its keys, its proxy, but a package state of our own.
//
// 1. Nothing on the machine changes and nothing needs root: every directory that apt writes is in `workDir`.
// 2. Every package is checked by apt against the archive's signature. A machine whose keys are too old for the suite
//    gets the archive's newer keys out of the keyring package of its own release, which its own keys do vouch for.
// 3. No host is named here.

import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { oneLine } from '../nats-server/step.ts';
import {
  codenameIn,
  type DebianArchive,
  type DebianSource,
  debianArchives,
  parseDeb822,
  parseOneLine,
} from './sources.ts';

/** The index of a suite is 10 MB, the largest order of packages 80 MB: minutes on a slow line, and then it is hung. */
const APT_LIMIT_MS = 180_000;

/** So that a mirror that swallows packets does not use all of it up. */
const CONNECT_LIMIT_S = 10;

/** A machine has one archive of Debian, and now and then a source that only looks like one. */
const MAX_ARCHIVES = 3;

/** apt-get prints a line a file; a page of complaints is plenty. */
const OUTPUT_BYTES = 1024 * 1024;

const KEYRING_PACKAGE = 'debian-archive-keyring';
const KEYRING_FILE = 'usr/share/keyrings/debian-archive-keyring.gpg';

const run = promisify(execFile);

/** Where the machine says what it is, where its packages come from and which it has. Tests put their own there. */
export interface DebianMachine {
  readonly aptDir: string;
  readonly osReleaseFile: string;
  readonly statusFile: string;
}

/** The machine we are on. */
export const THIS_MACHINE: DebianMachine = {
  aptDir: '/etc/apt',
  osReleaseFile: '/etc/os-release',
  statusFile: '/var/lib/dpkg/status',
};

/** Which packages. */
export interface PackageOrder {
  readonly names: readonly string[];
  /** E.g. `testing`; the machine's own release by default. */
  readonly suite?: string;
  /** Also what they depend on and the machine does not have; by default the packages alone. */
  readonly withDependencies?: boolean;
}

/**
 * Downloads packages and unpacks them.
 * @param workDir an empty directory for it
 * @returns the tree in `workDir` that they were unpacked into
 * @throws Error that says why not, in one line
 */
export async function unpackDebianPackages(
  order: PackageOrder,
  workDir: string,
  machine = THIS_MACHINE,
): Promise<string> {
  const archives = archivesOf(machine).slice(0, MAX_ARCHIVES);
  if (archives.length === 0) throw new Error(`${machine.aptDir} names no archive of Debian`);
  const architecture = (await tool('dpkg', ['--print-architecture'])).trim();
  const reasons: string[] = [];
  for (const [index, archive] of archives.entries()) {
    const from = { archive, architecture, machine, dir: join(workDir, `archive-${index}`) };
    try {
      return await unpackWithNewKeys(order, from);
    } catch (error) {
      reasons.push(oneLine(error));
    }
  }
  throw new Error(reasons.join('; '));
}

/** Whether the machine says where it gets Debian from, and has the programs to. */
export function hasDebianArchive(machine = THIS_MACHINE): boolean {
  return existsSync('/usr/bin/apt-get') && existsSync(machine.aptDir) && archivesOf(machine).length > 0;
}

/** The machine's archives of Debian, the likeliest first. */
function archivesOf(machine: DebianMachine): DebianArchive[] {
  if (!existsSync(machine.aptDir)) throw new Error('this is not a Debian machine');
  const sources: DebianSource[] = [];
  const main = join(machine.aptDir, 'sources.list');
  if (existsSync(main)) sources.push(...parseOneLine(readFileSync(main, 'utf8')));
  const parts = join(machine.aptDir, 'sources.list.d');
  for (const name of existsSync(parts) ? readdirSync(parts).sort() : []) {
    const text = () => readFileSync(join(parts, name), 'utf8');
    if (name.endsWith('.sources')) sources.push(...parseDeb822(text()));
    else if (name.endsWith('.list')) sources.push(...parseOneLine(text()));
  }
  const osRelease = existsSync(machine.osReleaseFile) ? readFileSync(machine.osReleaseFile, 'utf8') : '';
  return debianArchives(sources, codenameIn(osRelease));
}

/** Where an order is fetched from, and the directory for it. */
interface From {
  readonly archive: DebianArchive;
  readonly architecture: string;
  readonly machine: DebianMachine;
  readonly dir: string;
}

/** Unpacks packages, with newer keys of the archive where the machine's are too old. */
async function unpackWithNewKeys(order: PackageOrder, from: From): Promise<string> {
  const { archive, dir } = from;
  const suite = order.suite ?? archive.suite;
  try {
    return await unpack(order, { ...from, archive: { ...archive, suite }, dir: join(dir, 'packages') });
  } catch (error) {
    if (!/NO_PUBKEY|not signed|couldn't be verified|EXPKEYSIG/.test(String(error))) throw error;
    const tree = await unpack({ names: [KEYRING_PACKAGE] }, { ...from, dir: join(dir, 'keyring') });
    const trust = { ...archive.trust, 'Signed-By': join(tree, KEYRING_FILE) };
    return await unpack(order, { ...from, archive: { ...archive, suite, trust }, dir: join(dir, 'packages-new-keys') });
  }
}

/** Downloads packages with a private apt in `dir` and unpacks them there; returns the tree. */
async function unpack({ names, withDependencies = false }: PackageOrder, from: From): Promise<string> {
  const { dir } = from;
  const config = privateApt(from, withDependencies);
  // An update that could not fetch or verify its index exits 0 without Error-Mode.
  await tool('apt-get', ['-c', config, '-o', 'APT::Update::Error-Mode=any', 'update'], dir);
  if (withDependencies) await tool('apt-get', ['-c', config, ...DOWNLOAD_ONLY, 'install', ...names], dir);
  else await tool('apt-get', ['-c', config, 'download', ...names], dir);
  const files = [dir, join(dir, ARCHIVES)].flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.deb'))
      .map((file) => join(folder, file)),
  );
  if (files.length === 0) throw new Error(`apt-get brought none of ${names.join(', ')}`);
  const tree = join(dir, 'tree');
  for (const file of files) await tool('dpkg-deb', ['-x', file, tree], dir);
  return tree;
}

const ARCHIVES = 'cache/archives';
const DOWNLOAD_ONLY = ['--yes', '--download-only', '--no-install-recommends'];

/** Makes the directories and the configuration of an apt that knows one suite of one archive and nothing else. */
function privateApt({ archive, architecture, machine, dir }: From, knowsInstalled: boolean): string {
  for (const part of ['state/lists/partial', `${ARCHIVES}/partial`, 'sources', 'none']) {
    mkdirSync(join(dir, part), { recursive: true });
  }
  // A copy: apt locks the directory that it stands in.
  if (knowsInstalled && existsSync(machine.statusFile)) copyFileSync(machine.statusFile, join(dir, 'status'));
  else writeFileSync(join(dir, 'status'), '');
  const source = {
    Types: 'deb',
    URIs: archive.uri,
    Suites: archive.suite,
    Components: 'main',
    Architectures: architecture,
    // The index of packages only: no translations, contents or icons.
    Targets: 'Packages',
    ...archive.trust,
  };
  const stanza = Object.entries(source).map(([field, value]) => `${field}: ${value}\n`);
  writeFileSync(join(dir, 'sources', 'debian.sources'), stanza.join(''));
  const settings = {
    'Dir::State': join(dir, 'state'),
    'Dir::State::status': join(dir, 'status'),
    'Dir::Cache': join(dir, 'cache'),
    'Dir::Etc::sourcelist': '/dev/null',
    'Dir::Etc::sourceparts': join(dir, 'sources'),
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': join(dir, 'none'),
    'Acquire::Languages': 'none',
    'Acquire::http::Timeout': CONNECT_LIMIT_S,
    'Acquire::https::Timeout': CONNECT_LIMIT_S,
    'Acquire::Retries': 1,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`);
  // The machine's hooks are about the machine's packages.
  for (const hook of HOOKS) lines.unshift(`#clear ${hook};\n`);
  const config = join(dir, 'apt.conf');
  writeFileSync(config, lines.join(''));
  return config;
}

const HOOKS = [
  'APT::Update::Pre-Invoke',
  'APT::Update::Post-Invoke',
  'APT::Update::Post-Invoke-Success',
  'DPkg::Pre-Invoke',
  'DPkg::Pre-Install-Pkgs',
  'DPkg::Post-Invoke',
];

/** Runs a program in `cwd` and returns what it printed; its complaint becomes the error's one line. */
async function tool(program: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    const env = { ...process.env, LC_ALL: 'C' };
    const options = { timeout: APT_LIMIT_MS, maxBuffer: OUTPUT_BYTES, env, ...(cwd === undefined ? {} : { cwd }) };
    return (await run(program, args, options)).stdout;
  } catch (error) {
    const { code, killed, stderr } = error as { code?: unknown; killed?: boolean; stderr?: string };
    if (code === 'ENOENT') throw new Error(`there is no ${program} on this machine`);
    if (killed) throw new Error(`${program} was not done within ${APT_LIMIT_MS / 1000} s`);
    const complaints = (stderr ?? '').split('\n').filter((line) => /^(E|W|dpkg-deb): /.test(line));
    throw new Error(`${program} ${args.at(-1)}: ${complaints.join('; ') || `exit code ${String(code)}`}`);
  }
}
