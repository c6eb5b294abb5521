// Owns: what a fault is injected into: a nats-server of its own, roles as real processes, each with its own way to the server
// and its own metrics, a load of fights; and in the end the rest: the load is over, every stream is quiet, and the history
// is audited and held against the ledger.
//
// A role that ends without having been ended by the test is a breach: a fault must not make roles crash.

import { setTimeout as pause } from 'node:timers/promises';
import { bareEnvironment } from '#test/harness/environment.ts';
import type { PrivateServerOptions } from '#tools/nats-server/private-server.ts';
import type { LogLine } from '#tools/roles/log-line.ts';
import { type RoleExit, type RoleName, RoleProcess } from '#tools/roles/role-process.ts';
import { FAST_CLOCKS } from '../../harness/roles.ts';
import { startTestServer, type TestServer } from '../../harness/server.ts';
import { GameServer } from './game-server.ts';
import { Load } from './load.ts';
import { judgeAtRest, type Rest } from './rest.ts';

/** Two of what decides and executes, one that answers for bots. */
export const CREW: readonly RoleName[] = ['collector', 'collector', 'executor', 'executor', 'ai'];
/** Starting a server and roles on a machine that is busy with other tests. */
export const SCENE_LIMIT_MS = 120_000;

const WAIT_LIMIT_MS = 40_000;
const LOOK_EVERY_MS = 25;
const LINES_MAX = 2_000;
/** Restarts of one role under supervision: more than any fault here calls for. */
const RESTARTS_MAX = 20;

/** One role of a scene. */
export class Member {
  readonly name: RoleName;
  readonly process: RoleProcess;
  readonly lines: LogLine[] = [];
  readonly exited: Promise<RoleExit>;
  /** The test has ended it, or rules were to do so. */
  isToEnd = false;
  alive = true;

  constructor(name: RoleName, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.process = new RoleProcess(name, { ...env, HTTP_PORT: '0' }, (line) => {
      if (this.lines.length < LINES_MAX) this.lines.push(line);
    });
    this.exited = this.process.exited.then((exit) => {
      this.alive = false;
      return exit;
    });
  }

  /** What it wrote beyond routine. */
  get complaints(): string[] {
    return this.lines.filter(({ level }) => level !== 'routine').map(({ level, text }) => `${level}: ${text}`);
  }

  /** How many of its lines fit. */
  said(pattern: RegExp): number {
    return this.lines.filter(({ text }) => pattern.test(text)).length;
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** `kill -9`, and the end of it. */
  async kill(): Promise<void> {
    this.isToEnd = true;
    this.process.kill();
    await this.exited;
  }

  /** SIGTERM, and the end of it. */
  async stop(): Promise<void> {
    this.isToEnd = true;
    await this.process.stop();
  }

  /** A sample of its metrics page, e.g. `appends_total{...,subject_kind="result",outcome="conflict"}`: the sum of those that have all labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const page = await (await fetch(`http://127.0.0.1:${this.process.httpPort}/metrics`)).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const samples = page.split('\n').filter((line) => line.startsWith(`riposte_${name}{`));
    const fitting = samples.filter((line) => wanted.every((label) => line.includes(label)));
    if (fitting.length === 0) throw new Error(`the ${this.name} has no metric ${name} ${wanted.join(' ')}`);
    return fitting.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** What its readiness says: its status and text. */
  async readiness(): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.process.httpPort}/readyz`);
    return { status: answer.status, text: await answer.text() };
  }
}

/** What a scene is opened with. */
export interface SceneOptions {
  readonly roles?: readonly RoleName[];
  readonly env?: NodeJS.ProcessEnv;
  readonly server?: PrivateServerOptions;
}

/** A server, roles and a game server. */
export class Scene {
  readonly server: TestServer;
  readonly game: GameServer;
  readonly members: Member[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #stoppers: (() => Promise<void>)[] = [];
  readonly #lastStoppers: (() => Promise<void>)[] = [];
  /** What went wrong with the scene itself: a breach. */
  readonly #faults: string[] = [];
  #load: Load | null = null;
  #closing = false;

  private constructor(server: TestServer, game: GameServer, env: NodeJS.ProcessEnv) {
    this.server = server;
    this.game = game;
    this.#env = { ...bareEnvironment(), NATS_URL: server.url, ...FAST_CLOCKS, ...env };
  }

  static async open({ roles = CREW, env = {}, server = {} }: SceneOptions = {}): Promise<Scene> {
    const started = await startTestServer(server);
    const scene = new Scene(started, await GameServer.connect(started.url), env);
    try {
      await Promise.all(roles.map((name) => scene.start(name)));
      return scene;
    } catch (error) {
      await scene.close();
      throw error;
    }
  }

  /** Starts one more role; resolves when it is ready. */
  async start(name: RoleName, env: NodeJS.ProcessEnv = {}): Promise<Member> {
    const member = new Member(name, { ...this.#env, ...env });
    this.members.push(member);
    await member.process.ready;
    return member;
  }

  /** Starts a role, and starts it again whenever it ends by itself, as a container's supervisor does. Resolves to a count of its ends. */
  async supervise(name: RoleName, env: NodeJS.ProcessEnv = {}): Promise<RoleExit[]> {
    const exits: RoleExit[] = [];
    const watch = async (member: Member): Promise<void> => {
      member.isToEnd = true;
      const exit = await member.exited;
      if (this.#closing) return;
      exits.push(exit);
      if (exits.length < RESTARTS_MAX) await restart();
    };
    // `close` may kill it before it is ready.
    const restart = async (): Promise<void> => {
      try {
        void watch(await this.start(name, env));
      } catch (error) {
        if (!this.#closing) this.#faults.push(`the ${name} was not started again: ${error}`);
      }
    };
    void watch(await this.start(name, env));
    return exits;
  }

  /** The living processes of a role. */
  of(name: RoleName): Member[] {
    return this.members.filter((member) => member.name === name && member.alive);
  }

  /** Begins a load, and resolves when it has made its first blows. */
  async begin(atOnce: number, firstResults = 2 * atOnce): Promise<Load> {
    this.#load = new Load(this.game, atOnce);
    await this.#load.results(firstResults);
    return this.#load;
  }

  /** Closed after the roles, before the server. */
  closeWith(stop: () => Promise<void>): void {
    this.#stoppers.push(stop);
  }

  /** Closed after the server. */
  closeLast(stop: () => Promise<void>): void {
    this.#lastStoppers.push(stop);
  }

  /** Waits for something to be so. */
  async until(what: string, look: () => boolean | Promise<boolean>, limitMs = WAIT_LIMIT_MS): Promise<void> {
    const late = performance.now() + limitMs;
    while (!(await look())) {
      if (performance.now() > late) throw new Error(`waited ${limitMs / 1000} s for ${what}\n${this.#complaints()}`);
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Ends the load, waits until every stream is quiet, and judges the history. */
  async rest(): Promise<Rest> {
    try {
      await this.#load?.finish();
      const rest = await judgeAtRest(this.server.url, this.game.ledger);
      const crashed = this.members.filter(({ alive, isToEnd }) => !alive && !isToEnd);
      const ends = crashed.map((member) => `the ${member.name} ended by itself: ${member.process.last}`);
      return { ...rest, breaches: [...rest.breaches, ...ends, ...this.#faults] };
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.#complaints()}`);
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.game.close();
    // Killed and not stopped: what a role does when it is told to end is not what is looked at here.
    await Promise.all(this.members.filter(({ alive }) => alive).map((member) => member.kill()));
    for (const stop of this.#stoppers.reverse()) await stop();
    await this.server.stop();
    for (const stop of this.#lastStoppers.reverse()) await stop();
  }

  #complaints(): string {
    const SHOWN = 8;
    return this.members
      .map((member) => [`${member.name} ${member.process.pid}:`, ...member.complaints.slice(-SHOWN)].join('\n  '))
      .join('\n');
  }
}
