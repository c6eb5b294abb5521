// Owns: what faults are put into here: the images of this checkout on a network of the engine, each role in containers of its
// own, a load of fights from outside; what the streams say while it goes on; and in the end the rest, audited and held against
// the ledger.
//
// A container that ends without having been ended by the test is a breach.

import { randomInt } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { GenericContainer, Network, type StartedNetwork, type StartedTestContainer, Wait } from 'testcontainers';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { docker } from '#tools/containers/docker.ts';
import { type LogLine, readLogLine } from '#tools/roles/log-line.ts';
import type { RoleName } from '#tools/roles/role-process.ts';
import { containerOf, networkOf, type TestImages } from '../../harness/containers.ts';
import { FAST_CLOCKS } from '../../harness/roles.ts';
import { GameServer } from '../faults/game-server.ts';
import { Load } from '../faults/load.ts';
import { judgeAtRest, type Rest } from '../faults/rest.ts';

/** Starting and removing a dozen containers, on a machine that is busy with other tests. */
export const SCENE_LIMIT_MS = 5 * 60_000;

const WAIT_LIMIT_MS = 40_000;
const LOOK_EVERY_MS = 100;
const NATS_PORT = 4222;
/** The image's own. */
const HTTP_PORT = 8080;
const SERVER = 'nats';
/** As the containers of the network reach it. */
const URL_WITHIN = `nats://${SERVER}:${NATS_PORT}`;
const STORE = '/data';
/** Below the ports that the system gives to outgoing connections: a restart finds its port free. */
const PORT_FIRST = 20_000;
const PORT_END = 32_000;
const PORT_ATTEMPTS = 20;
const LINES_MAX = 2_000;
const LINES_SHOWN = 8;

/** One container of one role. */
export class Member {
  readonly name: RoleName;
  readonly #container: StartedTestContainer;
  readonly #networkId: string;
  readonly #lines: LogLine[];
  /** The test has ended it. */
  isToEnd = false;

  constructor(name: RoleName, container: StartedTestContainer, networkId: string, lines: LogLine[]) {
    this.name = name;
    this.#container = container;
    this.#networkId = networkId;
    this.#lines = lines;
  }

  /** The last of what it wrote beyond routine. */
  get complaints(): string[] {
    const beyond = this.#lines.filter(({ level }) => level !== 'routine');
    return beyond.slice(-LINES_SHOWN).map(({ level, text }) => `${level}: ${text}`);
  }

  /** How many of its lines fit. */
  said(pattern: RegExp): number {
    return this.#lines.filter(({ text }) => pattern.test(text)).length;
  }

  /** How many of its appends of a kind the log has refused, as its metrics page says. */
  async refused(kind: 'action' | 'result'): Promise<number> {
    const port = this.#container.getMappedPort(HTTP_PORT);
    const page = await (await fetch(`http://${this.#container.getHost()}:${port}/metrics`)).text();
    const labels = [`subject_kind="${kind}"`, 'outcome="conflict"'];
    const fitting = page.split('\n').filter((line) => labels.every((label) => line.includes(label)));
    if (fitting.length !== 1) throw new Error(`the ${this.name} has ${fitting.length} metrics ${labels.join(' ')}`);
    return Number(fitting[0]!.slice(fitting[0]!.lastIndexOf(' ')));
  }

  /** `docker kill`: nothing is drained. */
  async kill(): Promise<void> {
    this.isToEnd = true;
    await (await this.#handle()).kill();
  }

  /** `docker stop`; resolves to its exit code. */
  async stop(): Promise<number> {
    this.isToEnd = true;
    const handle = await this.#handle();
    await handle.stop();
    return (await handle.inspect()).State.ExitCode;
  }

  /** `docker pause`: it stands still, and does not know. */
  async pause(): Promise<void> {
    await (await this.#handle()).pause();
  }

  async resume(): Promise<void> {
    await (await this.#handle()).unpause();
  }

  /** `docker network disconnect`: nothing reaches it any more. */
  async cut(): Promise<void> {
    await (await networkOf(this.#networkId)).disconnect({ Container: this.#container.getId(), Force: true });
  }

  async mend(): Promise<void> {
    await (await networkOf(this.#networkId)).connect({ Container: this.#container.getId() });
  }

  /** How it ended, where it has. */
  async ended(): Promise<string | null> {
    const { State: state } = await (await this.#handle()).inspect();
    return state.Running ? null : `exit code ${state.ExitCode}`;
  }

  async remove(): Promise<void> {
    await (await this.#handle()).remove({ force: true, v: true });
  }

  #handle(): ReturnType<typeof containerOf> {
    return containerOf(this.#container.getId());
  }
}

/** A server, roles and a game server. */
export class Scene {
  readonly game: GameServer;
  readonly url: string;
  readonly #images: TestImages;
  readonly #network: StartedNetwork;
  readonly #server: StartedTestContainer;
  readonly #members: Member[] = [];
  #load: Load | null = null;
  /** Undoes what opening has done, the last first. */
  #undo = new AsyncDisposableStack();

  private constructor(
    images: TestImages,
    network: StartedNetwork,
    server: StartedTestContainer,
    url: string,
    game: GameServer,
  ) {
    this.#images = images;
    this.#network = network;
    this.#server = server;
    this.url = url;
    this.game = game;
  }

  static async open(images: TestImages, roles: readonly RoleName[]): Promise<Scene> {
    await using undo = new AsyncDisposableStack();
    const network = undo.adopt(await new Network().start(), async (started) => void (await started.stop()));
    const server = undo.adopt(await startServer(images.nats, network), async (started) => void (await started.stop()));
    const url = `nats://${server.getHost()}:${server.getMappedPort(NATS_PORT)}`;
    const game = undo.adopt(await GameServer.connect(url), (connected) => connected.close());
    const scene = new Scene(images, network, server, url, game);
    undo.defer(async () => void (await Promise.all(scene.#members.map((member) => member.remove()))));
    const starts = await Promise.allSettled(roles.map((name) => scene.start(name)));
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    scene.#undo = undo.move();
    return scene;
  }

  /** Starts one more container of a role; resolves when it is ready. */
  async start(name: RoleName): Promise<Member> {
    const lines: LogLine[] = [];
    const container = await new GenericContainer(this.#images.riposte)
      .withNetwork(this.#network)
      .withEnvironment({ NATS_URL: URL_WITHIN, ...FAST_CLOCKS })
      .withCommand([`services/${name}/main.ts`])
      .withExposedPorts(HTTP_PORT)
      .withAutoRemove(false)
      .withLogConsumer((stream) => {
        createInterface({ input: stream }).on('line', (line) => {
          if (lines.length < LINES_MAX) lines.push(readLogLine(line));
        });
      })
      .withWaitStrategy(Wait.forLogMessage(/"msg":"ready"/))
      .start();
    const member = new Member(name, container, this.#network.getId(), lines);
    this.#members.push(member);
    return member;
  }

  /** The containers of a role that the test has not ended. */
  of(name: RoleName): Member[] {
    return this.#members.filter((member) => member.name === name && !member.isToEnd);
  }

  /** Begins a load, and resolves when it has made its first blows. */
  async begin(atOnce: number): Promise<Load> {
    this.#load = new Load(this.game, atOnce);
    await this.#load.results(2 * atOnce);
    return this.#load;
  }

  /** Waits for something to be so. */
  async until(what: string, look: () => boolean): Promise<void> {
    for (const late = performance.now() + WAIT_LIMIT_MS; !look(); await pause(LOOK_EVERY_MS)) {
      if (performance.now() > late)
        throw new Error(`waited ${WAIT_LIMIT_MS / 1000} s for ${what}\n${this.#complaints}`);
    }
  }

  /** The last sequence of the log. */
  async endOfLog(): Promise<number> {
    const { streams } = await this.game.nc.jetstreamManager();
    return (await streams.info('COMBAT')).state.last_seq;
  }

  /** Audits what the streams say by now, while the load goes on. Resolves to what is wrong, a line each. */
  async audit(): Promise<string> {
    const nc = await connect({ servers: this.url });
    try {
      return (await audit(nc, {})).breaches.map(breachLine).join('\n');
    } finally {
      await nc.close();
    }
  }

  /**
   * The same as an operator does it: `riposte audit --all` of the image, in a container of its own on the network.
   * @throws Error where it ends with another code than 0
   */
  async auditFromWithin(): Promise<string> {
    const options = ['--rm', '--network', this.#network.getName(), '--env', `NATS_URL=${URL_WITHIN}`];
    return await docker(['run', ...options, this.#images.riposte, 'cli/main.ts', 'audit', '--all']);
  }

  /** `docker kill` of the server, and `docker start` of it on the store that it left. */
  async restartServer(): Promise<void> {
    const handle = await containerOf(this.#server.getId());
    await handle.kill();
    await handle.start();
  }

  /** Ends the load, waits until every stream is quiet, and judges the history. */
  async rest(): Promise<Rest> {
    try {
      await this.#load?.finish();
      const rest = await judgeAtRest(this.url, this.game.ledger);
      const ends = await Promise.all(
        this.#members
          .filter(({ isToEnd }) => !isToEnd)
          .map(async (member) => {
            const how = await member.ended();
            return how === null ? [] : [`the ${member.name} ended by itself: ${how}; ${member.complaints.at(-1)}`];
          }),
      );
      return { ...rest, breaches: [...rest.breaches, ...ends.flat()] };
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.#complaints}`);
    }
  }

  async close(): Promise<void> {
    await this.#undo.disposeAsync();
  }

  get #complaints(): string {
    return this.#members.map((member) => [`${member.name}:`, ...member.complaints].join('\n  ')).join('\n');
  }
}

/** Starts nats-server on a port of this machine that stays over a restart of the container: game servers know one address. */
async function startServer(image: string, network: StartedNetwork): Promise<StartedTestContainer> {
  for (let attempt = 1; ; attempt++) {
    const port = randomInt(PORT_FIRST, PORT_END);
    try {
      return await new GenericContainer(image)
        .withNetwork(network)
        .withNetworkAliases(SERVER)
        .withEntrypoint(['nats-server'])
        .withCommand(['--jetstream', '--store_dir', STORE])
        .withExposedPorts({ container: NATS_PORT, host: port })
        .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
        .start();
    } catch (error) {
      if (attempt === PORT_ATTEMPTS || !/already (allocated|in use)/.test(String(error))) throw error;
    }
  }
}
