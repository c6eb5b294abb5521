// Owns: what a test file needs around its sessions: a nats-server of its own, the roles as processes, and an outsider.

import { startTestServer, type TestServer } from '../harness/server.ts';
import { Outsider, type Session } from './outsider.ts';
import { type Environment, Role, type RoleName } from './roles.ts';

/** Starting a server and several processes, on a machine that is busy with other tests. */
export const STAGE_LIMIT_MS = 120_000;

/** How long a test may take before vitest gives it up; its own waits give up earlier and say more. */
export const TEST_LIMIT_MS = 180_000;

interface Casting {
  readonly collectors?: number;
  readonly executors?: number;
  readonly ais?: number;
  readonly environment?: Environment;
  /** More configuration of the nats-server. */
  readonly config?: string;
}

/** A server, the roles and an outsider. */
export class Stage {
  readonly server: TestServer;
  readonly outsider: Outsider;
  readonly #environment: Environment;
  #roles: Role[];

  private constructor(server: TestServer, outsider: Outsider, environment: Environment, roles: Role[]) {
    this.server = server;
    this.outsider = outsider;
    this.#environment = environment;
    this.#roles = roles;
  }

  /** Starts everything and resolves when every process has said that it is ready. */
  static async open(casting: Casting): Promise<Stage> {
    const server = await startTestServer(casting.config === undefined ? {} : { config: casting.config });
    const environment = { NATS_URL: server.url, ...casting.environment };
    const names: RoleName[] = [
      ...Array<RoleName>(casting.collectors ?? 0).fill('collector'),
      ...Array<RoleName>(casting.executors ?? 0).fill('executor'),
      ...Array<RoleName>(casting.ais ?? 0).fill('ai'),
    ];
    const roles = names.map((name) => Role.spawn(name, environment));
    try {
      await Promise.all(roles.map((role) => role.ready()));
      return new Stage(server, await Outsider.connect(server.url), environment, roles);
    } catch (error) {
      await Promise.all(roles.filter((role) => role.alive).map((role) => role.kill()));
      await server.stop();
      throw error;
    }
  }

  /** A session that no other test has. */
  session(id?: string): Session {
    return this.outsider.session(id);
  }

  /** The living processes of a role. */
  roles(name: RoleName): Role[] {
    return this.#roles.filter((role) => role.name === name && role.alive);
  }

  /** Starts one more process of a role. */
  async start(name: RoleName): Promise<Role> {
    const role = Role.spawn(name, this.#environment);
    this.#roles.push(role);
    await role.ready();
    return role;
  }

  /** `kill -9` of every process of a role. */
  async kill(name: RoleName): Promise<void> {
    await Promise.all(this.roles(name).map((role) => role.kill()));
    this.#roles = this.#roles.filter((role) => role.name !== name);
  }

  /** Freezes every process of a role while `work` is done. */
  async without<T>(name: RoleName, work: () => Promise<T>): Promise<T> {
    const roles = this.roles(name);
    for (const role of roles) role.pause();
    try {
      return await work();
    } finally {
      for (const role of roles) role.resume();
    }
  }

  /**
   * Ends everything. No process may have ended by itself, and each must drain and exit 0 on SIGTERM.
   */
  async close(): Promise<void> {
    await this.outsider.close();
    const ended = await Promise.allSettled(this.#roles.map((role) => role.terminate()));
    await this.server.stop();
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }
}
