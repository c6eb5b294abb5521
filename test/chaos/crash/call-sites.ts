// Owns: which calls of Effects there are in the sources, and which of them the suite has seen made: a call that no script
// reaches is a crash point that nobody has tried.

import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RoleName } from '#tools/roles/role-process.ts';
import { waysToDie } from './enumeration.ts';
import type { ToldCall } from './mortal-role.ts';
import type { When } from './order.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = ['services/**/*.ts', 'shared/jetstream/*.ts'];
/** Effects itself, and what makes it. */
const NOT_CALLERS = /\/(jetstream-)?effects\.ts$/;
const CALL = /\b#?effects\s*\.\s*(\w+)\(/g;
const METHOD = /^ {2}(\w+)\(/gm;

/** Calls that this suite cannot reach, and why. */
const UNREACHED: readonly { readonly file: string; readonly name: string; readonly why: string }[] = [
  { file: 'services/collector/pass.ts', name: 'readTail', why: 'conflicts without a sequence are said by R3 alone' },
  { file: 'services/executor/batch.ts', name: 'readTail', why: 'conflicts without a sequence are said by R3 alone' },
  {
    file: 'services/collector/main.ts',
    name: 'retry',
    why: 'wakes are in doubt only where a connection has been lost',
  },
];

/** The methods of Effects. */
export function methodsOfEffects(): string[] {
  const source = readFileSync(`${ROOT}shared/jetstream/effects.ts`, 'utf8');
  const [, body = ''] = /export interface Effects \{([\s\S]*?)\n\}/.exec(source) ?? [];
  return Array.from(body.matchAll(METHOD), ([, name = '']) => name);
}

/** What was called, by whom, from where, and who died there. */
export class CallSites {
  /** `append services/executor/batch.ts:111` and who called it how often. */
  readonly #seen = new Map<string, Map<RoleName, number>>();
  /** `executor append services/executor/batch.ts:111`, of calls at which a process could have been told to die, and how some were. */
  readonly #ways = new Map<string, { readonly name: string; readonly died: Set<When> }>();

  take(role: RoleName, { name, call, site }: ToldCall): void {
    const key = `${name} ${site}`;
    const roles = this.#seen.get(key) ?? new Map<RoleName, number>();
    this.#seen.set(key, roles.set(role, (roles.get(role) ?? 0) + 1));
    const place = `${role} ${key}`;
    if (call !== null && !this.#ways.has(place)) this.#ways.set(place, { name, died: new Set() });
  }

  /** A process of a role has died at a call. */
  takeDeath(role: RoleName, { name, site }: ToldCall, when: When): void {
    this.#ways.get(`${role} ${name} ${site}`)?.died.add(when);
  }

  /** Methods that nobody called. */
  methodsMissed(): string[] {
    const called = new Set([...this.#seen.keys()].map((key) => key.split(' ')[0]));
    return methodsOfEffects().filter((name) => !called.has(name));
  }

  /** Calls in the sources that nobody made, but for those that cannot be; and excuses for what was made, or is not there. */
  sitesMissed(): string[] {
    const missed = sitesInSources().filter(({ key }) => !this.#seen.has(key));
    const isOf = (site: Site) => (excuse: { file: string; name: string }) =>
      site.file === excuse.file && site.name === excuse.name;
    const needless = UNREACHED.filter((excuse) => !missed.some((site) => isOf(site)(excuse)));
    return [
      ...missed.filter((site) => !UNREACHED.some(isOf(site))).map(({ key }) => key),
      ...needless.map(({ file, name }) => `${name} in ${file} is excused for nothing`),
    ];
  }

  /** Ways to die at a call that somebody made, which nobody died. */
  deathsMissed(): string[] {
    return [...this.#ways].flatMap(([place, { name, died }]) =>
      waysToDie(name).flatMap((when) => (died.has(when) ? [] : [`${place} ${when}`])),
    );
  }

  /** Who called what from where, a line each. */
  table(): string[] {
    const rows = [...this.#seen].sort(([left], [right]) => (left < right ? -1 : 1));
    return rows.map(([key, roles]) => {
      const [name = '', site = ''] = key.split(' ');
      const by = [...roles].map(([role, count]) => `${role} ${count}`);
      return `${name.padEnd(16)}${site.padEnd(46)}${by.join(', ')}`;
    });
  }

  get methods(): number {
    return methodsOfEffects().length - this.methodsMissed().length;
  }

  get sites(): number {
    return this.#seen.size;
  }
}

interface Site {
  readonly name: string;
  readonly file: string;
  readonly key: string;
}

function sitesInSources(): Site[] {
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: ROOT })).filter(
    (file) => !NOT_CALLERS.test(file),
  );
  return files.flatMap((file) => {
    const source = readFileSync(ROOT + file, 'utf8');
    return Array.from(source.matchAll(CALL), ({ 0: text, 1: name = '', index }) => {
      const line = source.slice(0, index + text.lastIndexOf(name)).split('\n').length;
      return { name, file, key: `${name} ${file}:${line}` };
    });
  });
}
