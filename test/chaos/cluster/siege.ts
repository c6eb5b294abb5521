// Owns: one scenario of the cluster suite: three servers, the roles as real processes, a load of fights; faults put in one
// after the other, each with the time at which it came; and in the end the verdict and its figures.

import { connect } from '@nats-io/transport-node';
import { audit, breachLine } from '#cli/audit/audit.ts';
import { ACTIONS, COMBAT } from '#contracts/streams.ts';
import { logFilter } from '#contracts/subjects.ts';
import type { RoleName } from '#tools/roles/role-process.ts';
import { Cluster, type Replicated } from '../../harness/cluster.ts';
import { FAST_CLOCKS, TestRoles } from '../../harness/roles.ts';
import { Load, SILENT_TIMEOUTS_MS } from './load.ts';
import { type Judgement, judge, longestGap } from './verdict.ts';

const CREW: readonly RoleName[] = ['collector', 'collector', 'executor', 'executor', 'ai'];
/** Every publish reaches three servers, on two cores. */
const FIGHTS_AT_ONCE = 10;

const COMPLAINTS_SHOWN = 20;

/** The environment of every role here. */
export const ENVIRONMENT = { ...FAST_CLOCKS, REPLICAS: '3' } as const;

/** A fault, by the clock that also stamps the log: servers and tests are on one machine. */
interface Fault {
  readonly what: string;
  readonly fromMs: number;
  /** When all that the node led had another leader; null where nobody looked. */
  ledMs: number | null;
  /** When everything was whole again. */
  toMs: number;
}

/** What a scenario comes to. */
export interface Outcome extends Judgement {
  readonly breaches: readonly string[];
  readonly faults: number;
  /** How long after the last fight the public record (ACTIONS) was complete. */
  readonly recordLagMs: number;
  /** The longest time without any result of any session, from a fault until all was whole again. */
  readonly longestStallMs: number;
  /** From a fault to the first result of the session that waited longest for one, less what its own clock asks for. */
  readonly longestWaitMs: number;
  /** After each fault, in their order. */
  readonly waitsMs: readonly number[];
  /** The longest time that the servers took to elect leaders, where that was looked at. */
  readonly longestElectionMs: number;
  /** What a session waited for beyond that: the longest over the faults. */
  readonly longestBeyondMs: number;
}

/** One scenario. */
export class Siege {
  readonly cluster: Cluster;
  readonly load: Load;
  readonly #roles: TestRoles;
  readonly #faults: Fault[] = [];

  private constructor(cluster: Cluster, roles: TestRoles, load: Load) {
    this.cluster = cluster;
    this.#roles = roles;
    this.load = load;
  }

  /** Starts everything, and resolves when every fight has had a result. */
  static async begin(name: string, ownNetwork = false): Promise<Siege> {
    const cluster = await Cluster.start(ownNetwork);
    try {
      return await Siege.on(cluster, name);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Starts the roles and the load on a cluster that may still be finding itself. */
  static async on(cluster: Cluster, name: string): Promise<Siege> {
    const roles = await TestRoles.start({ url: cluster.url, roles: CREW, env: ENVIRONMENT });
    try {
      await cluster.whole();
      const load = await Load.begin(cluster.url, name, FIGHTS_AT_ONCE);
      await load.progress();
      return new Siege(cluster, roles, load);
    } catch (error) {
      await roles.stop();
      throw explained(error, roles);
    }
  }

  /** Starts one more role, on one server alone. */
  async reinforce(role: RoleName, url: string): Promise<TestRoles> {
    return await TestRoles.start({ url, roles: [role], env: ENVIRONMENT });
  }

  /**
   * Puts in a fault, and waits until the cluster is whole and every fight goes on.
   * @param heal what puts it right; the fault is over when it is
   */
  async fault(what: string, inject: () => Promise<void>, heal: () => Promise<void>): Promise<void> {
    const fault: Fault = { what, fromMs: Date.now(), ledMs: null, toMs: 0 };
    this.#faults.push(fault);
    try {
      await inject();
      await heal();
      await this.cluster.whole();
      await this.load.progress();
    } catch (error) {
      throw explained(error, this.#roles, what);
    }
    fault.toMs = Date.now();
  }

  /** To be called while a fault lasts: notes when each of the given has a leader again. */
  async elected(led: readonly Replicated[]): Promise<void> {
    await Promise.all(led.map((of) => this.cluster.leaderOf(of)));
    this.#faults.at(-1)!.ledMs = Date.now();
  }

  /** Over the sessions that had a result before a fault and one after it: the longest time from the fault to that. */
  #longestWait({ timesOf }: Judgement, { fromMs }: Fault): number {
    const waits = this.load.accounts.map(({ sessionId, kind }) => {
      const times = timesOf.get(sessionId) ?? [];
      const next = times.find((time) => time > fromMs);
      if (next === undefined || times[0]! > fromMs) return 0;
      // Where a player never answers, a blow has to wait for its deadline, fault or none.
      return next - fromMs - (kind === 'silent' ? Math.min(...SILENT_TIMEOUTS_MS) : 0);
    });
    return Math.max(0, ...waits);
  }

  /** Fights to the end, and judges. The roles must all have lived through it, and drain in time. */
  async end(): Promise<Outcome> {
    await this.load.finish().catch((error: unknown) => {
      throw explained(error, this.#roles);
    });
    const { url } = this.cluster;
    const recordLagMs = await this.cluster.sourced(ACTIONS, COMBAT, logFilter('action'));
    const judgement = await judge(url, this.load.accounts);
    const nc = await connect({ servers: url.split(',') });
    const { breaches } = await audit(nc, { atRest: true }).finally(() => nc.close());
    const survivors = CREW.filter(
      (role, index) => this.#roles.of(role).length > CREW.slice(0, index).filter((other) => other === role).length,
    );
    const exits = await this.#roles.stop();
    const died =
      survivors.length < CREW.length ? [`${CREW.length - survivors.length} roles have ended by themselves`] : [];
    const late = exits.filter(({ code }) => code !== 0).map((exit) => `a role ended with ${JSON.stringify(exit)}`);
    const waitsMs = this.#faults.map((fault) => this.#longestWait(judgement, fault));
    return {
      ...judgement,
      breaches: [...breaches.map(breachLine), ...died, ...late],
      faults: this.#faults.length,
      recordLagMs,
      longestStallMs: Math.max(
        0,
        ...this.#faults.map(({ fromMs, toMs }) => longestGap(judgement.resultTimes, fromMs, toMs)),
      ),
      longestWaitMs: Math.max(0, ...waitsMs),
      waitsMs,
      longestElectionMs: Math.max(0, ...this.#faults.map(({ fromMs, ledMs }) => (ledMs ?? fromMs) - fromMs)),
      longestBeyondMs: Math.max(
        0,
        ...this.#faults.map(({ fromMs, ledMs }, index) => fromMs + waitsMs[index]! - (ledMs ?? fromMs)),
      ),
    };
  }

  /** Stops whatever still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.load.stop();
    await this.#roles.stop();
    await this.cluster.stop();
  }
}

/** A failure, with what the roles have said of late. */
function explained(error: unknown, { complaints }: TestRoles, during = 'the load'): Error {
  const said = complaints.slice(-COMPLAINTS_SHOWN).join('\n  ');
  return new Error(`${during}: ${error instanceof Error ? error.message : String(error)}\n  ${said}`, { cause: error });
}
