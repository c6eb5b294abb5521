// Proves both compose files: one command, no step before it, and fights appear, from the images of this checkout; nothing is
// lost or doubled in them; an upgrade is one command too; and nothing is left when they are brought down.

import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { makeBuildContext } from '#tools/containers/build-context.ts';
import { docker } from '#tools/containers/docker.ts';
import { buildImages, containerOf, IMAGES_LIMIT_MS, sayEngineFault } from '../../harness/containers.ts';
import { Composed, imageWithoutShell } from './composed.ts';

const fault = await sayEngineFault();

/** A dozen containers, one waiting for the other, twice or thrice, on a machine that is busy with other tests. */
const COMPOSE_LIMIT_MS = 8 * 60_000;
const FIGHTS = 3;

const ROLES = ['collector', 'executor', 'ai'] as const;

/** What a role can see of secrets. */
const SEEN = `console.log(process.getuid(), fs.readdirSync('/key').join(), fs.readdirSync('/').includes('keys'))`;

/** Follows results through a durable consumer of a name, as a game server may whose rights say so. */
const follow = (name: string): string => `
  const { RiposteClient } = await import('#client/client.ts');
  const { connectionFrom } = await import('#client/environment.ts');
  const riposte = await RiposteClient.connect(connectionFrom(process.env));
  const allowed = await riposte.durableResults('${name}', { from: 'now' }).then(() => true, () => false);
  console.log(allowed);
  process.exit();
`;

/** What is in node_modules, but for what npm notes there for itself. */
const PACKAGES = `
  const files = fs.readdirSync('node_modules', { recursive: true }).filter((file) => !/(^|\\/)\\.(bin|package-lock)/.test(file));
  console.log(files.sort().join('\\n'));
`;

let env: Record<string, string>;
let composed: Composed;

/** One that nobody has brought up. */
async function prepare(file: string, more: Record<string, string> = {}, directory = ROOT): Promise<void> {
  composed = new Composed(file, { ...env, NATS_PORT: '0', ...more }, directory);
}

async function bringUp(...which: Parameters<typeof prepare>): Promise<void> {
  await prepare(...which);
  await composed.compose('up', '--detach');
}

/** It prints breaches, and ends with 0 where there are none. */
async function findsNothing(): Promise<void> {
  expect(await composed.compose('run', '--rm', 'riposte', 'audit', '--all')).toBe('');
}

describe.skipIf(fault !== null)('docker compose', { timeout: COMPOSE_LIMIT_MS }, () => {
  beforeAll(async () => {
    const images = await buildImages();
    env = { RIPOSTE_IMAGE: images.riposte, NODE_IMAGE: images.node, NATS_IMAGE: images.nats };
  }, IMAGES_LIMIT_MS);

  afterEach(async () => {
    await composed?.down('--volumes');
  }, COMPOSE_LIMIT_MS);

  test.each(['docker-compose.yml', 'docker-compose.cluster.yml'])(
    '%s: one service builds the image, and none asks a registry for it',
    async (file) => {
      await prepare(file);
      const { services } = JSON.parse(await composed.compose('--profile', '*', 'config', '--format', 'json')) as {
        services: Record<
          string,
          { image: string; build?: object; pull_policy?: string; healthcheck?: object; depends_on?: object }
        >;
      };
      const ours = Object.entries(services).filter(([, { image }]) => image === env.RIPOSTE_IMAGE);
      expect(ours.length).toBe(7);
      expect(ours.filter(([, { build }]) => build !== undefined).map(([name]) => name)).toEqual(['keys']);
      expect(ours.filter(([, { pull_policy: policy }]) => policy !== 'never')).toEqual([]);
      // S12: nothing is asked of the image of nats but to have a nats-server.
      const servers = Object.entries(services).filter(([, { image }]) => image === env.NATS_IMAGE);
      expect(servers.map(([, { healthcheck }]) => healthcheck)).toEqual(servers.map(() => undefined));
      expect(services.provision?.depends_on).toEqual(
        Object.fromEntries(servers.map(([name]) => [name, { condition: 'service_started', required: true }])),
      );
    },
  );

  test('up, S12 of an image that has nats-server and no shell: fights appear; no container is root, or sees or has more than it needs; replicas join, one is killed, all drain; nothing is lost or doubled', async () => {
    const bare = await imageWithoutShell(env.NATS_IMAGE!);
    onTestFinished(async () => void (await docker(['image', 'rm', '--force', bare])));
    await bringUp('docker-compose.yml', { NATS_IMAGE: bare });
    expect(await composed.exec('nats', 'nats-server', '--version')).toMatch(/^nats-server: v2\./);
    await expect(composed.exec('nats', 'sh', '-c', 'true')).rejects.toThrow('exec -T nats sh');
    await composed.fights(FIGHTS);
    for (const service of [...ROLES, 'demo']) {
      expect(await composed.exec(service, 'node', '-e', SEEN)).toBe('10001 ca.pem,seed.nk false\n');
    }
    expect((await composed.key()).files).toEqual(['ca.pem', 'seed.nk']);
    expect(await composed.compose('logs')).not.toMatch(/\bSU[A-Z2-7]{56}\b/);
    for (const id of await composed.ids('--all')) {
      const { Name: name, HostConfig: host } = await (await containerOf(id)).inspect();
      expect(host, name).toMatchObject({
        ReadonlyRootfs: true,
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges:true'],
        LogConfig: { Config: { 'max-size': '10m' } },
      });
      expect(host.Memory, name).toBeGreaterThan(0);
      expect(host.PidsLimit, name).toBeGreaterThan(0);
    }
    await composed.compose('up', '--detach', '--no-recreate', '--scale', 'collector=3', '--scale', 'executor=3');
    await composed.kill('collector');
    await composed.fights(FIGHTS);
    await findsNothing();
    const running = await composed.ids(...ROLES);
    await composed.compose('stop', ...ROLES);
    const codes = running.map(async (id) => (await (await containerOf(id)).inspect()).State.ExitCode);
    expect(new Set(await Promise.all(codes))).toEqual(new Set([0]));
    await findsNothing();
    await composed.down('--volumes');
    expect(await composed.left()).toBe('');
  });

  test('the image holds the very files that npm ci brings', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'riposte-packages-'));
    try {
      for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(ROOT, file), join(dir, file));
      const options = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
      await promisify(execFile)('npm', ['ci', ...options], { cwd: dir });
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', PACKAGES], { cwd: dir });
      const inImage = await docker(['run', '--rm', env.RIPOSTE_IMAGE!, '-e', PACKAGES]);
      expect(inImage.split('\n')).toEqual(stdout.split('\n'));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  test('a command of its own ends of Ctrl-C', async () => {
    await prepare('docker-compose.yml');
    const program = ['--entrypoint', 'node', 'riposte', '-e', 'setInterval(() => {}, 1_000)'];
    const name = (await composed.compose('run', '--detach', ...program)).trim();
    await docker(['kill', '--signal', 'INT', name]);
    expect((await docker(['wait', name])).trim()).toBe('130');
  });

  test('with nothing built it builds; up --build brings new rights into force; keys and fights outlive down', async () => {
    const context = mkdtempSync(join(tmpdir(), 'riposte-context-'));
    onTestFinished(() => rmSync(context, { recursive: true, force: true }));
    makeBuildContext(context);
    const image = `riposte:built-${process.pid}`;
    onTestFinished(async () => void (await docker(['image', 'rm', '--force', image])));
    await bringUp('docker-compose.yml', { RIPOSTE_IMAGE: image }, context);
    await composed.fights(1);
    const { seed } = await composed.key();
    expect(await composed.exec('demo', 'node', '-e', follow('later'))).toBe('false\n');

    const rights = join(context, 'shared/contracts/rights.ts');
    const before = readFileSync(rights, 'utf8');
    writeFileSync(rights, before.replace(/(RESULT_CONSUMERS.*= \[)/, "$1'later', "));
    await composed.compose('up', '--build', '--detach');
    expect(await composed.exec('demo', 'node', '-e', follow('later'))).toBe('true\n');
    expect(await composed.compose('logs', 'keys')).toMatch(/collector\.nk kept/);

    const stored = async () => (await composed.streams('nats')).find(({ name }) => name === 'COMBAT')?.state.messages;
    const messages = await stored();
    await composed.down();
    await composed.compose('up', '--detach');
    await composed.fights(1);
    expect(await stored()).toBeGreaterThan(messages!);
    expect((await composed.key()).seed).toBe(seed);
    expect(await composed.compose('run', '--rm', 'provision')).not.toMatch(/ (created|changed)/);
    await findsNothing();
  });

  test('of the cluster: fights appear, and go on without one of the three servers; each stream is stored thrice, and synced', async () => {
    await bringUp('docker-compose.cluster.yml');
    await composed.fights(FIGHTS);
    expect([(await composed.ids('collector')).length, (await composed.ids('executor')).length]).toEqual([2, 2]);
    for (const server of ['nats-1', 'nats-2', 'nats-3']) {
      const { jetstream } = await composed.monitor<{ jetstream: { config: { sync_always?: boolean } } }>(
        server,
        '/varz',
      );
      expect(jetstream.config.sync_always, server).toBe(true);
      const copies = (await composed.streams(server)).map(({ name, config }) => `${name} ${config.num_replicas}`);
      expect(copies, server).toContain('COMBAT 3');
      expect(copies.filter((line) => !line.endsWith(' 3'))).toEqual([]);
    }
    await composed.kill('nats-2');
    await composed.fights(FIGHTS);
    await findsNothing();
    await composed.down('--volumes');
    expect(await composed.left()).toBe('');
  });
});
