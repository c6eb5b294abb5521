// Proves both compose files: one command, no step before it, and fights appear, from the images of this checkout; nothing is
// lost or doubled in them; and nothing is left when they are brought down.

import { createInterface } from 'node:readline';
import { DockerComposeEnvironment, type StartedDockerComposeEnvironment, Wait } from 'testcontainers';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { docker } from '#tools/containers/docker.ts';
import { buildImages, containerOf, IMAGES_LIMIT_MS, sayEngineFault } from '../harness/containers.ts';
import { freePort } from '../interop/roles.ts';

const fault = await sayEngineFault();

/** A dozen containers, one waiting for the other, on a machine that is busy with other tests. */
const COMPOSE_LIMIT_MS = 5 * 60_000;
const FIGHTS = 3;
const END = /(wins|over: draw) after \d+ exchanges$/;

/** What a role can see of secrets. */
const SEEN = `console.log(process.getuid(), fs.readdirSync('/key').join(), fs.readdirSync('/').includes('keys'))`;

/** One compose file, brought up. */
class Composed {
  readonly project = `riposte-test-${process.pid}`;
  readonly #file: string;
  readonly #env: Record<string, string>;
  #environment: StartedDockerComposeEnvironment | undefined;

  constructor(file: string, env: Record<string, string>) {
    this.#file = file;
    this.#env = env;
  }

  async up(): Promise<void> {
    this.#environment = await new DockerComposeEnvironment(ROOT, this.#file)
      .withProjectName(this.project)
      .withEnvironment(this.#env)
      // Compose itself waits for what depends on what; that all of it works, the fights tell.
      .withDefaultWaitStrategy(Wait.forLogMessage(/\S/))
      .withStartupTimeout(COMPOSE_LIMIT_MS)
      .up();
  }

  /** Waits until the demo has told the end of so many fights from now on. */
  async fights(count: number): Promise<void> {
    const since = Math.floor(Date.now() / 1000);
    const log = await this.#environment!.getContainer('demo-1').logs({ since });
    let ended = 0;
    try {
      for await (const line of createInterface({ input: log })) {
        if (END.test(line)) ended += 1;
        if (ended === count) return;
      }
    } finally {
      log.destroy();
    }
    throw new Error(`the demo ended after ${ended} fights`);
  }

  /** `docker kill` of the container of a service. */
  async kill(service: string): Promise<void> {
    await (await containerOf(this.#environment!.getContainer(`${service}-1`).getId())).kill();
  }

  /** `docker compose ...` on it; resolves to what it printed. */
  async compose(...args: readonly string[]): Promise<string> {
    const named = ['compose', '--project-name', this.project, '--file', `${ROOT}${this.#file}`];
    return await docker([...named, ...args], this.#env);
  }

  async down(): Promise<void> {
    await this.compose('down', '--volumes', '--timeout', '15');
  }

  /** What there is of it: containers, networks and volumes. */
  async left(): Promise<string> {
    const filter = ['--quiet', '--filter', `label=com.docker.compose.project=${this.project}`];
    const lists = [
      ['ps', '--all'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ].map((list) => docker([...list, ...filter]));
    return (await Promise.all(lists)).join('');
  }
}

let env: Record<string, string>;
let composed: Composed;

async function bringUp(file: string): Promise<void> {
  composed = new Composed(file, { ...env, NATS_PORT: `${await freePort()}` });
  await composed.up();
}

describe.skipIf(fault !== null)('docker compose', { timeout: COMPOSE_LIMIT_MS }, () => {
  beforeAll(async () => {
    const images = await buildImages();
    env = { RIPOSTE_IMAGE: images.riposte, NODE_IMAGE: images.node, NATS_IMAGE: images.nats };
  }, IMAGES_LIMIT_MS);

  afterEach(async () => {
    await composed?.down();
  }, COMPOSE_LIMIT_MS);

  test('up: fights appear, more replicas join, nothing is lost or doubled, and down leaves nothing', async () => {
    await bringUp('docker-compose.yml');
    await composed.fights(FIGHTS);
    await composed.compose('up', '--detach', '--no-recreate', '--scale', 'collector=3', '--scale', 'executor=3');
    await composed.kill('collector');
    await composed.fights(FIGHTS);
    // It prints breaches, and ends with 0 where there are none.
    expect(await composed.compose('run', '--rm', 'riposte', 'audit', '--all')).toBe('');
    await composed.down();
    expect(await composed.left()).toBe('');
  });

  test('up again: keys and streams are kept; no container is root, or sees a secret that is not its own', async () => {
    await bringUp('docker-compose.yml');
    await composed.compose('restart', 'nats');
    await composed.compose('up', '--detach');
    await composed.fights(1);
    for (const service of ['collector', 'executor', 'ai', 'demo']) {
      expect(await composed.compose('exec', '-T', service, 'node', '-e', SEEN)).toBe('10001 ca.pem,seed.nk false\n');
    }
    expect(await composed.compose('run', '--rm', 'provision')).not.toMatch(/ (created|changed)/);
    expect(await composed.compose('logs', 'keys')).toMatch(/collector\.nk kept/);
    expect(await composed.compose('logs')).not.toMatch(/\bSU[A-Z2-7]{56}\b/);
  });

  test('of the cluster: fights appear, and go on without one of the three servers', async () => {
    await bringUp('docker-compose.cluster.yml');
    await composed.fights(FIGHTS);
    await composed.kill('nats-2');
    await composed.fights(FIGHTS);
    // It prints breaches, and ends with 0 where there are none.
    expect(await composed.compose('run', '--rm', 'riposte', 'audit', '--all')).toBe('');
    await composed.down();
    expect(await composed.left()).toBe('');
  });
});
