/**
 * Owns the plugs of RULES_MODULES and POLICY_MODULES: finding a module, importing it, and checking that what it exports has
 * the shape it must have, so that a bad one is a line at the start and not an error in the middle of a fight.
 *
 * A module is a path, a file URL or the name of a package: both are looked for from the working directory, for Riposte itself may
 * be installed elsewhere. It exports one rule set (policy) or
 * an array of them, as `ruleSets` (`policies`) or as the default.
 *
 * Left to the callers: the built-in ones, which come first and cannot be replaced.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { resolve as resolvePackage } from 'import-meta-resolve';
import type { AnyRuleSet } from '#combat/rules.ts';
import { messageOf, oneLine } from '#contracts/decode.ts';
import { isJsonObject } from '#contracts/json.ts';
import { RulesRef } from '#contracts/session-message.ts';
import type { Policy } from '#policies/policy.ts';
import { ConfigError } from './start-error.ts';

/**
 * The built-in rule sets and those of the modules, in that order.
 * @param modules as RULES_MODULES names them
 * @throws ConfigError that names the module: not to be loaded, of the wrong shape, or a name and version already there
 */
export function loadRuleSets(modules: readonly string[], builtIn: readonly AnyRuleSet[]): Promise<AnyRuleSet[]> {
  return load(RULE_SETS, modules, builtIn);
}

/**
 * The built-in policies and those of the modules, in that order.
 * @param modules as POLICY_MODULES names them
 * @throws ConfigError that names the module: not to be loaded, of the wrong shape, or a name already there
 */
export function loadPolicies(modules: readonly string[], builtIn: readonly Policy[]): Promise<Policy[]> {
  return load(POLICIES, modules, builtIn);
}

/** A kind of thing that modules add. */
interface Plug<Thing> {
  readonly variable: string;
  readonly exportName: string;
  readonly noun: string;
  /** What is wrong with a value, or null. */
  fault(value: { readonly [key: string]: unknown }): string | null;
  /** What no two of them may share. */
  key(thing: Thing): string;
}

const RULE_SETS: Plug<AnyRuleSet> = {
  variable: 'RULES_MODULES',
  exportName: 'ruleSets',
  noun: 'rule set',
  fault({ name, version, stats, initial, resolve }) {
    if (!RulesRef.shape.name.safeParse(name).success) return 'name is not a string of 1 to 64 characters';
    if (!RulesRef.shape.version.safeParse(version).success) return 'version is not a positive integer';
    if (!hasSafeParse(stats)) return 'stats is not a schema with safeParse';
    if (typeof initial !== 'function') return 'initial is not a function';
    return typeof resolve === 'function' ? null : 'resolve is not a function';
  },
  key: (set) => `${set.name}@${set.version}`,
};

const POLICIES: Plug<Policy> = {
  variable: 'POLICY_MODULES',
  exportName: 'policies',
  noun: 'policy',
  fault({ name, handles, choose }) {
    if (typeof name !== 'string' || name === '') return 'name is not a string';
    if (handles !== undefined && typeof handles !== 'function') return 'handles is not a function';
    return typeof choose === 'function' ? null : 'choose is not a function';
  },
  key: (policy) => policy.name,
};

function hasSafeParse(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'safeParse' in value && typeof value.safeParse === 'function';
}

async function load<Thing>(plug: Plug<Thing>, modules: readonly string[], builtIn: readonly Thing[]): Promise<Thing[]> {
  const things = [...builtIn];
  const keys = new Set(builtIn.map(plug.key));
  for (const module of modules) {
    const fail = (wrong: string) => new ConfigError(`${plug.variable}: ${JSON.stringify(module)} ${oneLine(wrong)}`);
    for (const value of exported(plug, await importModule(module, fail), fail)) {
      const fault = isJsonObject(value) ? plug.fault(value) : 'it is not an object';
      if (fault !== null) throw fail(`exports a bad ${plug.noun}: ${fault}`);
      const thing = value as Thing;
      const key = plug.key(thing);
      if (keys.has(key)) throw fail(`exports the ${plug.noun} ${key}, which is there already`);
      keys.add(key);
      things.push(thing);
    }
  }
  return things;
}

type Fail = (wrong: string) => ConfigError;

async function importModule(module: string, fail: Fail): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(module);
  const isPath = /^\.{0,2}\//.test(module) || statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  try {
    return await import(
      isPath ? pathToFileURL(path).href : resolvePackage(module, pathToFileURL(`${resolve()}/`).href)
    );
  } catch (error) {
    throw fail(`cannot be loaded: ${reasonOf(error, path)}`);
  }
}

/** Why an import failed, with what to do where Node.js does not say it. */
function reasonOf(error: unknown, path: string): string {
  if (!(error instanceof Error)) return messageOf(error);
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ERR_MODULE_NOT_FOUND' && !existsSync(path)) {
    return `there is no file ${path}, and no package of this name; ${error.message}`;
  }
  if (/outside a module/.test(error.message)) {
    return `${error.message}: name it .mts or .mjs, or set "type": "module" in the package.json of its folder`;
  }
  return error.message;
}

function exported(plug: Plug<never>, namespace: Readonly<Record<string, unknown>>, fail: Fail): readonly unknown[] {
  const value = namespace[plug.exportName] ?? namespace.default;
  if (value === undefined) throw fail(`exports neither ${plug.exportName} nor a default`);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (values.length === 0) throw fail(`exports no ${plug.noun}`);
  return values;
}
