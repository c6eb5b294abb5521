// Owns: which calls of Effects there are in the sources, and which of them the suite has seen made: a call that no script
// reaches is a crash point that nobody has tried.

import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RoleName } from '#tools/roles/role-process.ts';
import type { ToldCall } from './mortal-role.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCES = ['services/**/*.ts', 'shared/jetstream/*.ts'];
/** Effects itself, and what makes it. */
const NOT_CALLERS = /\/(jetstream-)?effects\.ts$/;
const CALL = /\b#?effects\s*\.\s*(\w+)\(/g;
const METHOD = /^ {2}(\w+)\(/gm;

/** Calls that this suite cannot reach, and why. */
const UNREACHED: readonly { readonly file: string; readonly name: string; readonly why: string }[] = [
  { file: 'services/collector/pass.ts', name: 'lastInLog', why: 'conflicts without a sequence are said by R3 alone' },
  { file: 'services/executor/batch.ts', name: 'lastInLog', why: 'conflicts without a sequence are said by R3 alone' },
];

/** The methods of Effects. */
export function methodsOfEffects(): string[] {
  const source = readFileSync(`${ROOT}shared/jetstream/effects.ts`, 'utf8');
  const [, body = ''] = /export interface Effects \{([\s\S]*?)\n\}/.exec(source) ?? [];
  return Array.from(body.matchAll(METHOD), ([, name = '']) => name);
}

/** What was called, by whom, from where. */
export class CallSites {
  /** `append services/executor/batch.ts:111` and who called it how often. */
  readonly #seen = new Map<string, Map<RoleName, number>>();

  take(role: RoleName, { name, site }: ToldCall): void {
    const key = `${name} ${site}`;
    const roles = this.#seen.get(key) ?? new Map<RoleName, number>();
    this.#seen.set(key, roles.set(role, (roles.get(role) ?? 0) + 1));
  }

  /** Methods that nobody called. */
  methodsMissed(): string[] {
    const called = new Set([...this.#seen.keys()].map((key) => key.split(' ')[0]));
    return methodsOfEffects().filter((name) => !called.has(name));
  }

  /** Calls in the sources that nobody made, but for those that cannot be; and those of these that were made after all. */
  sitesMissed(): string[] {
    const missed = sitesInSources().filter(({ key }) => !this.#seen.has(key));
    const excused = (site: Site) => UNREACHED.some(({ file, name }) => site.file === file && site.name === name);
    const reachable = sitesInSources().filter((site) => excused(site) && this.#seen.has(site.key));
    const stale = UNREACHED.filter(
      ({ file, name }) => !missed.some((site) => site.file === file && site.name === name),
    );
    return [
      ...missed.filter((site) => !excused(site)).map(({ key }) => key),
      ...reachable.map(({ key }) => `${key} is reached after all`),
      ...stale.map(({ file, name }) => `${name} in ${file} is excused for nothing`),
    ];
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
