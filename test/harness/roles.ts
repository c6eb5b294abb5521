// Owns: the roles of a test file as real processes: started with a given environment, waited for until each has logged its
// line `"msg":"ready"`, stopped or killed one by one, and never left behind: a role ends when its test process does,
// however that went (tools/roles/role-process.ts).

import type { LogLine } from '#tools/roles/log-line.ts';
import { ROLES, type RoleExit, type RoleName, RoleProcess } from '#tools/roles/role-process.ts';
import { bareEnvironment } from './environment.ts';

/** Lines of one test file's roles that are kept to explain a failure. */
const KEPT_LINES_MAX = 500;

/** The crash clocks at their lowest, so that what a crash leaves behind is picked up within seconds. */
export const FAST_CLOCKS = { LOCK_TTL_MS: '2000', ACK_WAIT_MS: '2000' } as const;

/** What the roles of a test are started with. */
export interface TestRolesOptions {
  readonly url: string;
  /** Which; default: one of each. A name may stand twice. */
  readonly roles?: readonly RoleName[];
  /** More environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** And more, for each role its own. */
  readonly envOf?: (role: RoleName) => NodeJS.ProcessEnv;
}

/** The running roles of a test. */
export class TestRoles {
  /** What they wrote beyond routine, as `executor: warn: ...`. */
  readonly complaints: string[] = [];
  readonly #env: NodeJS.ProcessEnv;
  readonly #envOf: (role: RoleName) => NodeJS.ProcessEnv;
  readonly #running = new Set<RoleProcess>();

  private constructor({ url, env, envOf = () => ({}) }: TestRolesOptions) {
    this.#env = { ...bareEnvironment(), ...env, NATS_URL: url };
    this.#envOf = envOf;
  }

  /** Starts roles and resolves when all are ready; none is left running where one is not. */
  static async start(options: TestRolesOptions): Promise<TestRoles> {
    const roles = new TestRoles(options);
    try {
      await Promise.all((options.roles ?? ROLES).map((name) => roles.start(name)));
      return roles;
    } catch (error) {
      await roles.stop();
      throw error;
    }
  }

  /** Starts one more and resolves when it is ready. */
  async start(name: RoleName): Promise<RoleProcess> {
    const role = new RoleProcess(name, { ...this.#env, ...this.#envOf(name) }, (line) => this.#hear(name, line));
    this.#running.add(role);
    void role.exited.then(() => this.#running.delete(role));
    await role.ready;
    return role;
  }

  /** `kill -9` of every process of a role. */
  async kill(name: RoleName): Promise<void> {
    const killed = this.of(name);
    for (const role of killed) role.kill();
    await Promise.all(killed.map(({ exited }) => exited));
  }

  /** The living processes of a role. */
  of(name: RoleName): RoleProcess[] {
    return [...this.#running].filter(({ role }) => role === name);
  }

  /** Drains what still lives; resolves with how each ended. */
  async stop(): Promise<RoleExit[]> {
    return await Promise.all([...this.#running].map((role) => role.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #hear(name: RoleName, { level, text }: LogLine): void {
    if (level === 'routine' || this.complaints.length >= KEPT_LINES_MAX) return;
    this.complaints.push(`${name}: ${level}: ${text}`);
  }
}
