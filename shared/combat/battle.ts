/**
 * Owns the battle aggregate: what actions do. It folds the same log as session.ts, with the stats and vitals that a
 * session leaves out, and without the moves and queues that a battle does not need. Read it in this order: state,
 * initial, evolve (the fold), resolve (the decision).
 *
 * Keeps I4 (every emitted action gets exactly one result, in emission order) and I9. `resolve` changes nothing: its
 * message is folded when the log has taken it. How actions are cut into batches never changes an outcome.
 */
import type { ActionMessage, CombatAction } from '#contracts/action.ts';
import { messageOf, oneLine } from '#contracts/decode.ts';
import { jsonBytes } from '#contracts/json.ts';
import { ACTORS_MAX, RESULT_MESSAGE_MAX_BYTES } from '#contracts/limits.ts';
import type { LogEntry, LogMessage } from '#contracts/log-message.ts';
import { exchangeTarget } from '#contracts/move.ts';
import type { ActionResult, ResultMessage, Vitals } from '#contracts/result.ts';
import type { RulesRef, SessionJoined, SessionMessage, SessionOpened } from '#contracts/session-message.ts';
import { ActorsView } from './actors-view.ts';
import { chanceOf } from './chance.ts';
import { continues, followsUp } from './ordinals.ts';
import { checkOutcome, RESULT_FRAME_BYTES } from './outcome.ts';
import { type AnyRuleSet, admit, type BattleActor, type BattleView, deepFreeze, type RuleBook } from './rules.ts';
import { enlist, type Teams } from './teams.ts';

// ---------------------------------------------------------------------------------------------------------------- state

/** A battle, folded from its session's log through `seq`. */
export interface Battle {
  readonly id: string;
  /** Log sequence of the last message folded, readable or not. */
  seq: number;
  /** Log sequence of the last message on `combat.result`, readable or not (I5). */
  lastResult: number;
  status: 'absent' | 'refused' | 'open' | 'closed';
  /** The rules this process would need and does not know; null where it knows them. */
  rulesUnknown: RulesRef | null;
  melee: Melee | null;
}

/** What goes on in a battle that opened. */
export interface Melee {
  readonly rules: RulesRef;
  /** Undefined where this process does not know the rules: it must leave the battle to another. */
  readonly ruleSet: AnyRuleSet | undefined;
  readonly seed: string;
  readonly teams: Teams<Fighter>;
  readonly byId: Map<string, Fighter>;
  /** Actions without a result, in emission order. */
  readonly pending: CombatAction[];
  emitted: number;
  executed: number;
  step: number;
}

/** One actor of a battle. */
export interface Fighter {
  readonly id: string;
  /** Its stats as its sheet had them: what a snapshot keeps. */
  readonly sheet: unknown;
  /** As the rules see it: frozen through and through, and made anew when its vitals change. */
  seen: BattleActor<unknown>;
  gone: boolean;
}

/** A result message's JSON beyond its parts. */
const MESSAGE_FRAME_BYTES = 1024;

// -------------------------------------------------------------------------------------------------------------- initial

/** A battle of which nothing has been folded. */
export function initialBattle(id: string): Battle {
  return { id, seq: 0, lastResult: 0, status: 'absent', rulesUnknown: null, melee: null };
}

// --------------------------------------------------------------------------------------------------------------- evolve

/** Folds the next message of the log. Messages at or below `battle.seq` have been folded already and change nothing. */
export function evolveBattle(battle: Battle, { seq, message }: LogEntry, rules: RuleBook): void {
  if (seq <= battle.seq) return;
  battle.seq = seq;
  if (isOnResults(message)) battle.lastResult = seq;
  switch (message.kind) {
    case 'session':
      evolveLife(battle, message.body, rules);
      break;
    case 'action':
      evolveAction(battle, message.body);
      break;
    case 'result':
      evolveResult(battle, message.body);
      break;
    case 'unreadable':
      if (message.opening && battle.status === 'absent') battle.status = 'refused';
      break;
    case 'signal':
      break;
    default:
      message satisfies never;
  }
}

function evolveLife(battle: Battle, body: SessionMessage, rules: RuleBook): void {
  switch (body.type) {
    case 'opened':
      evolveOpened(battle, body, rules);
      break;
    case 'joined':
      evolveJoined(battle, body, rules);
      break;
    case 'left': {
      const fighter = battle.melee?.byId.get(body.actor_id);
      if (battle.status === 'open' && fighter !== undefined) fighter.gone = true;
      break;
    }
    case 'closed':
      if (battle.status !== 'absent') battle.status = 'closed';
      break;
    default:
      body satisfies never;
  }
}

const isOnResults = (message: LogMessage): boolean =>
  (message.kind === 'unreadable' ? message.of : message.kind) === 'result';

function evolveOpened(battle: Battle, opened: SessionOpened, rules: RuleBook): void {
  if (battle.status !== 'absent') return;
  const ruleSet = rules.find(opened.rules);
  if (ruleSet === undefined) {
    battle.status = 'refused';
    battle.rulesUnknown = opened.rules;
    return;
  }
  const sheets = new Map(opened.actors);
  const teams: Teams<Fighter> = [];
  const byId = new Map<string, Fighter>();
  for (const [team, members] of opened.teams) {
    for (const id of members) {
      const fighter = newFighter(ruleSet, id, team, sheets.get(id)!.stats);
      if (fighter === null) {
        battle.status = 'refused';
        return;
      }
      enlist(teams, team, fighter);
      byId.set(id, fighter);
    }
  }
  battle.status = 'open';
  battle.melee = {
    rules: opened.rules,
    ruleSet,
    seed: opened.seed ?? battle.id,
    teams,
    byId,
    pending: [],
    emitted: 0,
    executed: 0,
    step: 0,
  };
}

function evolveJoined(battle: Battle, joined: SessionJoined, rules: RuleBook): void {
  const { melee } = battle;
  if (battle.status !== 'open' || melee === null) return;
  if (melee.byId.has(joined.actor_id) || melee.byId.size >= ACTORS_MAX) return;
  const ruleSet = rules.find(melee.rules);
  if (ruleSet === undefined) {
    battle.rulesUnknown = melee.rules;
    return;
  }
  const fighter = newFighter(ruleSet, joined.actor_id, joined.team, joined.actor.stats);
  if (fighter === null) return;
  enlist(melee.teams, joined.team, fighter);
  melee.byId.set(fighter.id, fighter);
}

function newFighter(rules: AnyRuleSet, id: string, team: string, sheet: unknown): Fighter | null {
  const admitted = admit(rules, sheet);
  if (!admitted.ok) return null;
  return { id, sheet, seen: deepFreeze({ id, team, ...admitted.value }), gone: false };
}

/** The actor anew; its stats are frozen already. */
function withVitals(actor: BattleActor<unknown>, vitals: Vitals): BattleActor<unknown> {
  return Object.freeze({ id: actor.id, team: actor.team, stats: actor.stats, vitals: deepFreeze(vitals) });
}

function evolveAction(battle: Battle, message: ActionMessage): void {
  const { melee } = battle;
  if (battle.status !== 'open' || melee === null) return; // actions after `closed` are ignored by every fold
  if (!continues(message.actions, melee.emitted)) return;
  melee.emitted += message.actions.length;
  for (const action of message.actions) melee.pending.push(action);
}

function evolveResult(battle: Battle, message: ResultMessage): void {
  const { melee } = battle;
  if (melee === null || !followsUp(message, melee)) return;
  melee.executed = message.executed;
  melee.step = message.step;
  melee.pending.splice(0, message.results.length);
  for (const [id, vitals] of message.actors) {
    const fighter = melee.byId.get(id);
    if (fighter !== undefined) fighter.seen = withVitals(fighter.seen, vitals);
  }
}

// -------------------------------------------------------------------------------------------------------------- resolve

/** How many actions a resolution may take, and what it must give up on. */
export interface Batch {
  readonly size: number;
  /** Why the first action is `failed` without being tried: rules that hang or kill the process. Null to try it. */
  readonly giveUpOnFirst?: string | null;
}

/**
 * Resolves up to `batch.size` waiting actions on the battle as it stands; fewer where the message would grow too large,
 * and at least one. Returns null where nothing waits. The battle's rules must be known to this process.
 */
export function resolve(battle: Battle, batch: Batch): ResultMessage | null {
  const { melee } = battle;
  if (melee === null || melee.pending.length === 0) return null;
  const scene = new Scene(battle, melee);
  const taken = melee.pending.slice(0, batch.size);
  for (const [index, action] of taken.entries()) {
    const giveUp = index === 0 ? (batch.giveUpOnFirst ?? null) : null;
    if (!scene.play(action, giveUp)) break;
  }
  return scene.message();
}

/** A resolution under way: the battle with what the actions so far have changed laid over it. */
class Scene {
  readonly #battle: Battle;
  readonly #melee: Melee;
  readonly #changed = new Map<string, BattleActor<unknown>>();
  readonly #results: ActionResult[] = [];
  readonly #returns: [string, string][] = [];
  readonly #deaths: string[] = [];
  #bytes = MESSAGE_FRAME_BYTES;
  readonly #actors: ReadonlyMap<string, BattleActor<unknown>>;
  #step: number;

  constructor(battle: Battle, melee: Melee) {
    this.#battle = battle;
    this.#melee = melee;
    this.#actors = Object.freeze(new ActorsView(melee, this.#changed));
    this.#step = melee.step;
  }

  /** Plays one action; false where its result does not fit into the message any more, which leaves the scene unchanged. */
  play(action: CombatAction, giveUp: string | null): boolean {
    const excuse = this.#excuse(action);
    let played: Played;
    if (excuse !== null) played = unplayed('skipped', excuse);
    else if (giveUp !== null) played = unplayed('failed', giveUp);
    else played = this.#try(action);
    if (this.#bytes + played.bytes > RESULT_MESSAGE_MAX_BYTES) {
      if (this.#results.length > 0) return false;
      played = unplayed('failed', `the outcome has ${played.bytes} bytes, more than a message can carry`);
    }
    this.#commit(action, played);
    return true;
  }

  message(): ResultMessage {
    const { id, seq } = this.#battle;
    return {
      session_id: id,
      through: seq,
      executed: this.#melee.executed + this.#results.length,
      step: this.#step,
      results: this.#results,
      actors: [...this.#changed.values()].map((actor) => [actor.id, actor.vitals]),
      deaths: this.#deaths,
      target_returns: this.#returns,
    };
  }

  /** Why an action is skipped; null where it can be played. */
  #excuse(action: CombatAction): string | null {
    if (this.#battle.status === 'closed') return 'session_closed';
    const source = this.#absence(action.move.char_id);
    if (source !== null) return `source_${source}`;
    if (action.type !== 'exchange') return this.#livingTargets(action).length === 0 ? 'no_target' : null;
    const target = this.#absence(exchangeTarget(action.move) ?? '');
    return target === null ? null : `target_${target}`;
  }

  #try(action: CombatAction): Played {
    const { ruleSet, seed } = this.#melee;
    if (ruleSet === undefined) throw new Error('resolve() needs the rules of the battle');
    const given: CombatAction =
      action.type === 'exchange'
        ? action
        : { ...action, move: { ...action.move, targets: this.#livingTargets(action) } };
    try {
      const outcome = ruleSet.resolve(deepFreeze(given), this.#view(), chanceOf(seed, action.action_id, 'rules'));
      const checked = checkOutcome(outcome, (id) => this.#find(id)?.vitals);
      return checked.ok
        ? { status: 'done', reason: null, ...checked.value }
        : unplayed('failed', `invalid outcome: ${checked.reason}`);
    } catch (error) {
      return unplayed('failed', messageOf(error));
    }
  }

  /** What rules are shown: nothing of it can be changed. */
  #view(): BattleView<unknown> {
    return Object.freeze({
      step: this.#step,
      actors: this.#actors,
      actor: (id: string) => {
        const actor = this.#find(id);
        if (actor === undefined) throw new Error(`no actor ${id} in the battle`);
        return actor;
      },
    });
  }

  #commit(action: CombatAction, played: Played): void {
    this.#bytes += played.bytes;
    const { status, reason, hits } = played;
    this.#results.push({
      action_id: action.action_id,
      status,
      ...(reason === null ? {} : { reason }),
      hits: [...hits],
    });
    if (status === 'done' && action.type === 'exchange') this.#step += 1;
    for (const [id, vitals] of played.vitals) {
      const before = this.#find(id)!;
      if (vitals.dead && !before.vitals.dead) this.#deaths.push(id);
      this.#changed.set(id, withVitals(before, vitals));
    }
    if (action.type === 'exchange') this.#return(action);
  }

  /** The source gets its target back; the target gets the source back only if it answered. Only living pairs. */
  #return(action: CombatAction): void {
    const source = action.move.char_id;
    const target = exchangeTarget(action.move) ?? '';
    if (this.#absence(source) !== null || this.#absence(target) !== null) return;
    this.#returns.push([source, target]);
    if (action.partner_move !== null) this.#returns.push([target, source]);
  }

  #livingTargets(action: CombatAction): string[] {
    return (action.move.targets ?? []).filter((id) => this.#absence(id) === null);
  }

  #absence(id: string): 'dead' | 'gone' | null {
    const actor = this.#find(id);
    if (actor === undefined) return 'gone';
    return actor.vitals.dead ? 'dead' : null;
  }

  #find(id: string): BattleActor<unknown> | undefined {
    return this.#actors.get(id);
  }
}

/** What an action came to, before it is written down. */
interface Played {
  readonly status: ActionResult['status'];
  readonly reason: string | null;
  readonly hits: ActionResult['hits'];
  readonly vitals: ReadonlyMap<string, Vitals>;
  /** What it adds to the message, at the most. */
  readonly bytes: number;
}

/** Reasons are ours or an error's: two ids of returns and the frame of a result come on top. */
function unplayed(status: 'skipped' | 'failed', text: string): Played {
  const reason = oneLine(text);
  return { status, reason, hits: [], vitals: new Map(), bytes: jsonBytes(reason) + RESULT_FRAME_BYTES };
}
