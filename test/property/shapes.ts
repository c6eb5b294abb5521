/**
 * Owns values of a schema's shape: arbitraries read off the schemas of shared/contracts themselves, so that a field added
 * there is fuzzed from that day on. What a schema cannot say of itself (an id, an object read as pairs, a list refused at
 * its first fault) is told by the name of its field.
 */
import * as fc from 'fast-check';
import type * as z from 'zod';
import { ActionMessage, CombatAction } from '#contracts/action.ts';
import { LockValue, Tries } from '#contracts/lock.ts';
import { CombatMove } from '#contracts/move.ts';
import { ActionResult, Hit, ResultMessage, Vitals } from '#contracts/result.ts';
import { ActorSheet, SessionMessage } from '#contracts/session-message.ts';
import { SessionGet } from '#contracts/session-view.ts';
import { CollectorSignal } from '#contracts/signal.ts';
import { AiTurnRequest, ExecutorBatch } from '#contracts/tasks.ts';
import { TimerBody } from '#contracts/timer.ts';

/** Every message there is, by what it is sent as. */
const SCHEMAS = {
  session: SessionMessage,
  signal: CollectorSignal,
  action: ActionMessage,
  result: ResultMessage,
  batch: ExecutorBatch,
  turn: AiTurnRequest,
  timer: TimerBody,
  get: SessionGet,
  lock: LockValue,
  tries: Tries,
} as const satisfies Readonly<Record<string, z.ZodType>>;
/** What a message is sent as. */
export type Shape = keyof typeof SCHEMAS;
export const SHAPES = Object.keys(SCHEMAS) as readonly Shape[];

/** Whom messages speak of, so that they concern a session that is there. */
export interface Cast {
  readonly session: string;
  readonly actors: readonly string[];
  /** Ids of moves that were or are open, or of none. */
  readonly moves: readonly string[];
}

type Fields = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** A message of a shape, valid by its schema. */
export function validMessage(shape: Shape, cast: Cast): fc.Arbitrary<unknown> {
  return valuesOf(SCHEMAS[shape], fieldsOf(cast), shape);
}

/** A strict value of any shape: what stands in a field of no account. */
const anything = fc.jsonValue({ maxDepth: 2 });
const POINTS = fc.oneof(fc.nat(100), fc.constantFrom(0, -1, 1e308, 5e-324, -0.5));

/** What fields hold, by name, where the schema cannot say. */
function fieldsOf({ session, actors, moves }: Cast): Fields {
  const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  const actor = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...actors) }, id, fc.maxSafeInteger());
  const named = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...moves) }, id, fc.nat(9));
  const target = fc.oneof(actor, fc.constantFrom('self', 'all_enemies', 'all_allies', 'random_enemy_2'));
  const list = (of: fc.Arbitrary<unknown>, maxLength = 4) => fc.array(of, { maxLength });
  const leaves: Fields = {
    session_id: fc.constant(session),
    char_id: actor,
    actor_id: actor,
    bot_id: actor,
    source_id: actor,
    target_id: actor,
    move_id: named,
    action_id: fc.oneof(fc.nat(12), id),
    missing_targets: list(actor).filter((ids) => ids.length > 0),
    deaths: list(actor),
    target_returns: list(fc.tuple(actor, actor)),
    stats: fc.oneof(fc.constant({}), fc.dictionary(fc.constantFrom('hp', 'damage', '__proto__', 'x'), POINTS)),
    payload: fc
      .tuple(target, fc.dictionary(fc.constantFrom('damage', 'boom', 'attack_zones', '__proto__', ''), anything))
      .map(([target_id, rest]) => ({ ...rest, target_id })),
    reply_to: fc.constantFrom('_INBOX.fuzz.1', '_INBOX.>', 'combat.action.x', '', ' '),
  };
  const inner = (schema: z.ZodType) => valuesOf(schema, leaves);
  const team = fc.constantFrom('red', 'blue', '__proto__', '9');
  const byActor = (of: fc.Arbitrary<unknown>) =>
    fc.array(fc.tuple(actor.map(String), of), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs));
  const results = valuesOf(ActionResult, { ...leaves, hits: list(inner(Hit)) });
  return {
    ...leaves,
    hits: list(inner(Hit)),
    results: list(results).filter((all) => all.length > 0),
    moves: list(fc.oneof({ weight: 4, arbitrary: inner(CombatMove.omit({ targets: true })) }, anything)),
    'result.actors': byActor(inner(Vitals)),
    'session.actors': byActor(inner(ActorSheet)),
    'session.targets': byActor(list(actor)),
    teams: fc.array(fc.tuple(team, list(actor)), { maxLength: 3 }).map((pairs) => Object.fromEntries(pairs)),
    actions: fc.array(valuesOf(CombatAction, { ...leaves, targets: list(actor) }), { minLength: 1, maxLength: 4 }),
  };
}

/** Whatever the schema takes. `field` is the name under which the value stands, `of` the shape it is part of. */
function valuesOf(schema: z.ZodType, fields: Fields, of = '', field = ''): fc.Arbitrary<unknown> {
  const told = fields[`${of}.${field}`] ?? fields[field];
  if (told !== undefined) return told;
  const { def } = (schema as unknown as { readonly _zod: { readonly def: Definition } })._zod;
  switch (def.type) {
    case 'object': {
      const shape = Object.entries(def.shape!).map(
        ([name, value]) => [name, valuesOf(value, fields, of, name)] as const,
      );
      return fc.record(Object.fromEntries(shape));
    }
    case 'union':
      return fc.oneof(...def.options!.map((option) => valuesOf(option, fields, of)));
    case 'array':
      return fc.array(valuesOf(def.element!, fields), { minLength: 1, maxLength: 4 });
    case 'optional':
    case 'default':
    case 'catch':
      return fc.option(valuesOf(def.innerType!, fields, of), { nil: undefined });
    case 'nullable':
      return fc.option(valuesOf(def.innerType!, fields, of));
    case 'enum':
      return fc.constantFrom(...Object.values(def.entries!));
    case 'literal':
      return fc.constantFrom(...def.values!);
    case 'boolean':
      return fc.boolean();
    case 'number':
      return fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(1, 100, Number.MAX_SAFE_INTEGER));
    case 'string':
      return fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
    case 'unknown':
    case 'custom':
    case 'pipe':
      return anything;
    default:
      throw new Error(`no values of ${def.type} are known here, as ${of}.${field} has them`);
  }
}

/** The part of a schema's definition that is read. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly options?: readonly z.ZodType[];
  readonly element?: z.ZodType;
  readonly innerType?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
  readonly values?: readonly (string | number)[];
}
