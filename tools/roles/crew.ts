// Owns: the three roles of a command, kept running: one that dies is started again, so often and no more.
//
//     starting --all ready--> running --a role dies too often--> lost
//         \--one does not start--> failed        \--stop--> stopped
//
// What the roles say beyond routine reaches a person as one line each, and not more of them than can be read.

import { LineBudget } from '#process/line-budget.ts';
import type { LogLine } from './log-line.ts';
import { ROLES, type RoleExit, type RoleName, RoleProcess } from './role-process.ts';

/** Deaths of one role within the window after which something is wrong that a new start does not mend. */
const DEATHS_MAX = 5;
const DEATHS_WINDOW_MS = 60_000;

/** A role in trouble says so a hundred times a second. */
const LINES_MAX = 5;
const LINES_WINDOW_MS = 5_000;

/** The environment of a role. */
type EnvironmentOf = (role: RoleName) => NodeJS.ProcessEnv;

/** Who is told about the crew. */
export interface CrewTold {
  /** Takes one line for a person. */
  say(line: string, level: 'warn' | 'error'): void;
  /** A role cannot be kept running. Called once; the crew is then to be stopped. */
  lost(reason: string): void;
}

/** The roles of a command. */
export class Crew {
  readonly #environmentOf: EnvironmentOf;
  readonly #told: CrewTold;
  readonly #running = new Map<RoleName, RoleProcess>();
  readonly #deaths = new Map<RoleName, number[]>();
  readonly #lines = new LineBudget(LINES_MAX, LINES_WINDOW_MS);
  #stopping = false;

  private constructor(environmentOf: EnvironmentOf, told: CrewTold) {
    this.#environmentOf = environmentOf;
    this.#told = told;
  }

  /**
   * Starts the roles and resolves when all are ready.
   * @param environmentOf what each is started with
   * @throws RoleNotReady with what the role said; nothing is left running then
   */
  static async start(environmentOf: EnvironmentOf, told: CrewTold, signal: AbortSignal): Promise<Crew> {
    const crew = new Crew(environmentOf, told);
    const stop = () => void crew.stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const started = ROLES.map((role) => crew.#spawn(role));
      await Promise.all(started.map(({ ready }) => ready));
      for (const role of started) crew.#watch(role);
      return crew;
    } catch (error) {
      await crew.stop();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Drains the roles, all at once; resolves when every one has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running.values()].map((role) => role.stop()));
  }

  #spawn(name: RoleName): RoleProcess {
    const role = new RoleProcess(name, this.#environmentOf(name), (line) => this.#hear(name, line));
    this.#running.set(name, role);
    void role.exited.then(() => {
      if (this.#running.get(name) === role) this.#running.delete(name);
    });
    return role;
  }

  #watch(role: RoleProcess): void {
    void role.exited.then((exit) => this.#died(role, exit));
  }

  #died({ role: name, last }: RoleProcess, exit: RoleExit): void {
    if (this.#stopping) return;
    const now = performance.now();
    const deaths = [...(this.#deaths.get(name) ?? []), now].filter((at) => at > now - DEATHS_WINDOW_MS);
    this.#deaths.set(name, deaths);
    const how = `the ${name} has died (${exit.signal ?? `exit code ${exit.code}`}); the last it said: ${last}`;
    if (deaths.length >= DEATHS_MAX) {
      this.#told.lost(`${how}. That was ${deaths.length} times within a minute: it is not started again`);
      return;
    }
    this.#told.say(`${how}. It is started again`, 'warn');
    this.#watch(this.#spawn(name));
  }

  #hear(name: RoleName, { level, text }: LogLine): void {
    if (level === 'routine' || text === '') return;
    const suppressed = this.#lines.take(performance.now());
    if (suppressed === null) return;
    this.#told.say(`${name}: ${text}${suppressed > 0 ? ` (and ${suppressed} lines before it)` : ''}`, level);
  }
}
