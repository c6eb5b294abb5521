/**
 * Owns what the roles and the server are counted by while profiles are taken: the roles' own metrics, and the requests that
 * reach the server's JetStream API. Watching costs the server a little, so ordinary runs go without.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { apiSubject } from '#contracts/subjects.ts';
import type { RoleProcess } from './crew.ts';

/** Counts so far, by name. */
export type Counts = ReadonlyMap<string, number>;

const API_PREFIX = apiSubject('');
/** `STREAM.MSG.GET.COMBAT`, `CONSUMER.MSG.NEXT.TASKS`; a direct get names its stream one token earlier. */
const API_TOKENS = 4;
const DIRECT_TOKENS = 3;

/** Counts everything that can be counted. */
export class Counting {
  readonly #requests = new Map<string, number>();
  readonly #roles: readonly RoleProcess[];

  constructor(nc: NatsConnection, roles: readonly RoleProcess[]) {
    this.#roles = roles;
    nc.subscribe(`${API_PREFIX}>`, {
      callback: (error, msg) => {
        if (error === null) this.#count(msg.subject.slice(API_PREFIX.length).split('.'));
      },
    });
  }

  /** The counts now. */
  async look(): Promise<Counts> {
    const counts = new Map([...this.#requests].map(([name, count]) => [`api ${name}`, count]));
    for (const { role, httpPort } of this.#roles) {
      if (httpPort === null) continue;
      const page = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
      for (const [name, count] of samplesOf(page)) {
        const of = `${role} ${name}`;
        counts.set(of, (counts.get(of) ?? 0) + count);
      }
    }
    return counts;
  }

  #count(tokens: readonly string[]): void {
    const name = tokens.slice(0, tokens[0] === 'DIRECT' ? DIRECT_TOKENS : API_TOKENS).join('.');
    this.#requests.set(name, (this.#requests.get(name) ?? 0) + 1);
  }
}

/** What was counted between two looks, per exchange; what did not move is left out. */
export function perExchange(before: Counts, after: Counts, exchanges: number): Record<string, number> {
  const moved = [...after].map(([name, count]) => [name, (count - (before.get(name) ?? 0)) / exchanges] as const);
  return Object.fromEntries(moved.filter(([, count]) => count > 0).sort(([left], [right]) => (left < right ? -1 : 1)));
}

const SAMPLE = /^riposte_(\w+?)_total\{(.*)\} (\S+)$/;

function* samplesOf(page: string): Iterable<[name: string, count: number]> {
  for (const line of page.split('\n')) {
    const [, name, labels = '', count] = SAMPLE.exec(line) ?? [];
    if (name === undefined) continue;
    const values = labels.split(',').filter((label) => !label.startsWith('role='));
    yield [[name, ...values.map((label) => label.slice(label.indexOf('=') + 2, -1))].join(' '), Number(count)];
  }
}
