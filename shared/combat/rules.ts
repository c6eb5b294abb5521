/**
 * Owns the interface between the combat core and a rule set: the plug that games put their own rules into
 * (docs/semantics.md, "Rules"). Rules are pure: what they may know is in the view, what chance they need is in `chance`.
 */

import type * as z from 'zod';
import type { CombatAction } from '#contracts/action.ts';
import { checkQuickly, type Decoded, describeIssues, messageOf, refusal } from '#contracts/decode.ts';
import { isJsonObject, isShallow, utf8Bytes } from '#contracts/json.ts';
import { NESTING_MAX } from '#contracts/limits.ts';
import { type Hit, quickVitals, Vitals } from '#contracts/result.ts';
import type { RulesRef } from '#contracts/session-message.ts';
import type { Chance } from './chance.ts';

/** A rule set. A session names one by name and version when it opens and keeps it for life. */
export interface RuleSet<Stats, V extends Vitals = Vitals> {
  readonly name: string;
  readonly version: number;
  /** Of an actor; checked when the session opens or the actor joins. A refusal here is a refusal there. */
  readonly stats: z.ZodType<Stats>;
  /** An actor's vitals when it enters the fight. */
  initial(stats: Stats): V;
  /**
   * Resolves one action. `action.move.targets` of an instant or item holds only those who still live; both sides of an
   * exchange live. Vitals and stats in the view are frozen: what changes is said in the outcome. To throw is to fail
   * this one action, and nothing else.
   */
  resolve(action: CombatAction, view: BattleView<Stats, V>, chance: Chance): Outcome<V>;
}

/** A rule set whose own types are nobody else's business. */
// biome-ignore lint/suspicious/noExplicitAny: the stats and vitals of foreign rules are opaque here, in both directions.
export type AnyRuleSet = RuleSet<any, any>;

/** An actor as rules see it. */
export interface BattleActor<Stats, V extends Vitals = Vitals> {
  readonly id: string;
  readonly team: string;
  readonly stats: Stats;
  readonly vitals: V;
}

/** The battle as the action before left it. */
export interface BattleView<Stats, V extends Vitals = Vitals> {
  /** Exchanges done so far. */
  readonly step: number;
  /** Everybody still in the session by id, the dead included, in roster order. */
  readonly actors: ReadonlyMap<string, BattleActor<Stats, V>>;
  /** Anybody in the session; throws for an id that is not, which no action names. */
  actor(id: string): BattleActor<Stats, V>;
}

/** What an action came to. */
export interface Outcome<V extends Vitals = Vitals> {
  readonly hits: readonly Hit[];
  /**
   * New vitals of whoever changed, by id: a group heal, a curse, a reflected blow are all sayable. Death is final. Rules
   * in plain JavaScript may give an object instead of a Map.
   */
  readonly vitals: ReadonlyMap<string, V>;
}

/** The rule sets a process knows. */
export interface RuleBook {
  /** `undefined` for rules this process does not know. */
  find(rules: RulesRef): AnyRuleSet | undefined;
}

/** A book of the given rule sets; throws where two have the same name and version. */
export function ruleBook(sets: readonly AnyRuleSet[]): RuleBook {
  const byKey = new Map<string, AnyRuleSet>();
  for (const set of sets) {
    const key = keyOf(set);
    if (byKey.has(key)) throw new Error(`two rule sets are called ${key}`);
    byKey.set(key, set);
  }
  return { find: (rules) => byKey.get(keyOf(rules)) };
}

const keyOf = (rules: RulesRef): string => `${rules.name}@${rules.version}`;

/** An actor that its rules have let into the fight. */
export type Admitted = { readonly stats: unknown; readonly vitals: Vitals };

/**
 * Lets an actor in under its rules, or says in one line what they have against its stats. Foreign rules may throw where
 * they should refuse, and may give vitals that no message can carry: both are refusals.
 */
export function admit(rules: AnyRuleSet, stats: unknown): Decoded<Admitted> {
  try {
    const read = rules.stats.safeParse(stats);
    if (!read.success) return refusal(describeIssues(read.error));
    const vitals = asCarried(quickVitals, Vitals, rules.initial(deepFreeze(read.data)));
    return vitals.ok ? { ok: true, value: { stats: read.data, vitals: deepFreeze(vitals.value.value) } } : vitals;
  } catch (error) {
    return refusal(messageOf(error));
  }
}

/** What a message or a snapshot puts around a value is nested a few deep itself, and must stay readable with it. */
const CARRIED_NESTING_MAX = NESTING_MAX - 10;

/** A value as a message carries it, and its size as compact JSON. */
export interface Carried<Value> {
  readonly value: Value;
  readonly bytes: number;
}

/** A value of foreign rules as a message would carry it, so that live state and folded state are the same. */
export function asCarried<Schema extends z.ZodType>(
  quick: (value: unknown) => z.output<Schema> | null,
  schema: Schema,
  value: unknown,
): Decoded<Carried<z.output<Schema>>> {
  const text = JSON.stringify(value ?? null) ?? 'null';
  if (!isShallow(text, CARRIED_NESTING_MAX)) return refusal(`nested deeper than ${CARRIED_NESTING_MAX}`);
  const carried: unknown = JSON.parse(text);
  if ([carried].flat().some(hasLostField)) return refusal('a field named __proto__, which a message would lose');
  const read = checkQuickly(quick, schema, carried);
  return read.ok ? { ok: true, value: { value: read.value, bytes: utf8Bytes(text) } } : read;
}

/** Schemas leave out a field of this name. Deeper in a value, where no schema looks, it is a name like any other. */
const hasLostField = (value: unknown): boolean => isJsonObject(value) && Object.hasOwn(value, '__proto__');

/**
 * Freezes a value through and through, so that rules cannot change what they are shown. What foreign rules froze on the
 * outside only is walked all the same. The value must be a tree, as JSON is.
 */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const key in value) deepFreeze(value[key]);
  return Object.freeze(value);
}
