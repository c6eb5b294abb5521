// Owns: several lanes at work on one list of cases, as fast as the machine goes: a crash is mostly waiting, for
// redeliveries and for locks to expire, so that two cores have time for many lanes.

import { CallSites } from './call-sites.ts';
import { type Case, printCase } from './enumeration.ts';
import { Lane, type Played } from './lane.ts';
import type { Scenario } from './scenarios.ts';

/** What a play depends on may come in another order than the last time: a point that was missed is tried again. */
const TRIES = 3;
/** Its waits are bounded, and say what they waited for; this is for whatever else may stand still. */
const PLAY_LIMIT_MS = 5 * 60_000;
/** So many cases are worth a line to whoever waits. */
const LINE_EVERY_CASES = 50;

/** What became of a case. */
export interface Tried {
  readonly tried: Case;
  /** The last play; null where it did not come to rest. */
  readonly played: Played | null;
  /** What is wrong, one line each. */
  readonly breaches: readonly string[];
}

/** The lanes. */
export class Crew {
  readonly sites = new CallSites();
  readonly #lanes: (Lane | null)[];
  #opened = 0;

  constructor(lanes: number) {
    this.#lanes = Array<Lane | null>(lanes).fill(null);
  }

  /** Ends every lane. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane?.close()));
  }

  /** Plays scripts without a crash, in their order as lanes get free. */
  async baselines(scenarios: readonly Scenario[]): Promise<{ scenario: Scenario; played: Played }[]> {
    return await this.#share(scenarios, async (lane, scenario) => ({
      scenario,
      played: await lane.play(scenario, null),
    }));
  }

  /**
   * Plays cases, each until its point is come by, or TRIES times.
   * @param expected the outcome of the uncrashed play, by name of the script
   */
  async cases(cases: readonly Case[], expected: ReadonlyMap<string, readonly string[]>): Promise<Tried[]> {
    return await this.#share(
      cases,
      async (lane, tried): Promise<Tried> => {
        for (let tries = 1; ; tries++) {
          const played = await within(PLAY_LIMIT_MS, lane.play(tried.scenario, tried.deaths));
          this.#noteDeaths(tried, played);
          const breaches = [
            ...played.breaches,
            ...differences(expected.get(tried.scenario.name) ?? [], played.outcome),
          ];
          if (played.reached || breaches.length > 0 || tries === TRIES) return { tried, played, breaches };
        }
      },
      (tried, error) => {
        process.stdout.write(`${printCase(tried)} failed: ${error.message.split('\n')[0]}\n`);
        return { tried, played: null, breaches: [error.message] };
      },
    );
  }

  #noteDeaths({ deaths: { role, points } }: Case, { calls }: Played): void {
    for (const [life, { call, when }] of points.entries()) {
      if (life + 1 >= calls[role].length) return; // the last process is the one that lived
      const last = calls[role][life]?.find((made) => made.call === call);
      if (last !== undefined) this.sites.takeDeath(role, last, when);
    }
  }

  /** Shares work out among the lanes. A lane on which something failed is not trusted any more: another takes its place. */
  async #share<Work, Done>(
    all: readonly Work[],
    work: (lane: Lane, item: Work) => Promise<Done>,
    failed?: (item: Work, error: Error) => Done,
  ): Promise<Done[]> {
    const queue = [...all.entries()];
    const done: Done[] = [];
    await Promise.all(
      this.#lanes.map(async (_, index) => {
        for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
          const [at, item] = next;
          try {
            done[at] = await work(await this.#lane(index), item);
          } catch (error) {
            await this.#abandon(index);
            if (failed === undefined) throw error;
            done[at] = failed(item, error as Error);
          }
          const count = all.length - queue.length;
          if (count % LINE_EVERY_CASES === 0) process.stdout.write(`crash cases: ${count} of ${all.length}\n`);
        }
      }),
    );
    return done;
  }

  /** What is wrong with a lane must not hide what was wrong with a play. */
  async #abandon(index: number): Promise<void> {
    const lane = this.#lanes[index];
    this.#lanes[index] = null;
    await lane?.close().catch((error: Error) => process.stdout.write(`a lane did not close: ${error.message}\n`));
  }

  async #lane(index: number): Promise<Lane> {
    const open = this.#lanes[index];
    if (open != null) return open;
    this.#opened += 1;
    const lane = await Lane.open(`${this.#opened}x`, (role, call) => this.sites.take(role, call));
    this.#lanes[index] = lane;
    return lane;
  }
}

async function within<Result>(limitMs: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${limitMs} ms`)), limitMs);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function differences(expected: readonly string[], outcome: readonly string[]): string[] {
  if (expected.join() === outcome.join()) return [];
  return [`came to\n    ${outcome.join('\n    ')}\n  and not, as without a crash, to\n    ${expected.join('\n    ')}`];
}

/** One case for a person: what is wrong, and how to see it again. */
export function explain({ tried, played, breaches }: Tried): string {
  const name = printCase(tried);
  const replay = `CRASH_CASE='${name}' npm run test:chaos -- test/chaos/crash`;
  return [
    `${name}:`,
    ...breaches.map((breach) => `  ${breach}`),
    `  again: ${replay}`,
    played?.session.print() ?? '',
  ].join('\n');
}
