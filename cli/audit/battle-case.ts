/**
 * Owns judging the results of one session: that every action gets exactly one, in emission order, with totals that agree (I4),
 * and that each message is what the rules give on the prefix of the log it names (I5). The battle is folded as far as a
 * result was resolved on, and no further; what stands in the log after that waits.
 */
import { type Battle, evolveBattle, initialBattle, resolve } from '#combat/battle.ts';
import { followsUp } from '#combat/ordinals.ts';
import type { RuleBook } from '#combat/rules.ts';
import { objectOf } from '#contracts/json.ts';
import type { LogEntry } from '#contracts/log-message.ts';
import type { ResultMessage } from '#contracts/result.ts';
import { type Fault, fault } from './breach.ts';
import { contentOf, differenceOf } from './content.ts';
import { Lagging } from './lagging.ts';
import { withStandIns } from './stand-in.ts';

/** As the executor says it of rules that hang or kill their process: they must not be tried here either. */
const GIVEN_UP = /^begun [0-9]+ times and never finished$/;

/** Results kept until it is known whether their session ever opens. */
const EARLY_MAX = 100;

/** Takes what is wrong at a place of the log. */
export type TellFault = (seq: number, fault: Fault) => void;

/** The results of one session. */
export class BattleCase {
  readonly #tell: TellFault;
  readonly #rules: RuleBook;
  readonly #standIns: RuleBook;
  readonly #battle: Battle;
  readonly #ahead: Lagging;
  /** Of each result that counts, by ordinal: what it said, for telling a second one from a foreign one. */
  readonly #said: number[] = [];
  /** Results where no fight had begun: bad input, where one begins later or is refused; else its beginning was lost. */
  readonly #early: { readonly seq: number; readonly first: string }[] = [];
  #lastResult = 0;
  #unjudged = 0;

  constructor(id: string, rules: RuleBook, tell: TellFault) {
    this.#tell = tell;
    this.#rules = rules;
    this.#standIns = withStandIns(rules);
    this.#battle = initialBattle(id);
    this.#ahead = new Lagging((entry) => this.#fold(entry));
  }

  /** Actions with a result. */
  get executed(): number {
    return this.#battle.melee?.executed ?? 0;
  }

  /** Results whose outcome could not be resolved again here. */
  get unjudged(): number {
    return this.#unjudged;
  }

  /** Actions that count and have no result, of a session that has opened. Call it when everything has been folded. */
  get waiting(): readonly string[] {
    return this.#battle.melee!.pending.map(({ action_id }) => action_id);
  }

  /** Takes the next message of the session that is no signal. */
  take(entry: LogEntry): void {
    const { message, seq } = entry;
    const found = message.kind === 'result' ? this.#faultOf(seq, message.body) : null;
    if (found !== null) this.#tell(seq, found);
    this.#ahead.push(entry);
    if ((message.kind === 'unreadable' ? message.of : message.kind) === 'result') this.#lastResult = seq;
  }

  /** Folds all there is. */
  foldAll(): void {
    this.#ahead.foldTo(Number.POSITIVE_INFINITY);
    for (const { seq, first } of this.#early.splice(0)) {
      if (this.#battle.status !== 'absent') continue;
      this.#tell(seq, fault('I4', `a result of action ${first}, and the session never opened`));
    }
  }

  #faultOf(seq: number, message: ResultMessage): Fault | null {
    const { through } = message;
    this.#ahead.foldTo(Math.min(through, seq - 1));
    if (this.#battle.melee === null) {
      this.#ahead.foldTo(seq - 1);
      if (this.#battle.melee !== null)
        return fault('I5', `resolved on ${through}, where no fight had begun`, { unlessBuried: true });
      if (this.#early.length < EARLY_MAX) this.#early.push({ seq, first: message.results[0]!.action_id });
      return null;
    }
    if (through >= seq) return fault('I5', `resolved on ${through}, which is not before it`, { unlessBuried: true });
    if (through < this.#lastResult) {
      this.#ahead.foldTo(this.#lastResult);
      const said = this.#repeated(message);
      return said === null
        ? this.#faultOfChain(message)
        : fault('I5', `a stale writer: action ${said} had its result already`);
    }
    const { melee } = this.#battle;
    if (!followsUp(message, melee)) return this.#faultOfChain(message);
    const isExchange = (at: number) => melee.pending[at]!.type === 'exchange';
    const done = message.results.filter(({ status }, at) => status === 'done' && isExchange(at));
    const step = melee.step + done.length;
    if (message.step !== step) return fault('I4', `step ${message.step}, counted ${step}`);
    if (this.#ahead.position <= through && this.#rules.find(melee.rules) !== undefined)
      return this.#difference(message);
    this.#unjudged += message.results.length;
    return null;
  }

  /** I5: the same prefix, resolved again, gives the same message. */
  #difference(message: ResultMessage): Fault | null {
    const { through, results } = message;
    const reason = results[0]!.reason ?? '';
    const giveUpOnFirst = GIVEN_UP.test(reason) ? reason : null;
    const expected = resolve(this.#battle, { size: results.length, giveUpOnFirst })!;
    for (const [at, result] of results.entries()) {
      const where = differenceOf(result, expected.results[at] ?? null);
      const what = `the result of action ${result.action_id} is not what the log to ${through} gives`;
      if (where !== null) return fault('I5', `${what}: ${where}`, { general: true });
    }
    const where = differenceOf(effectsOf(message), effectsOf(expected));
    return where === null
      ? null
      : fault('I5', `it is not what the log to ${through} gives: ${where}`, { general: true });
  }

  /** Why no fold counts a result: what keeps it from being the next. */
  #faultOfChain(message: ResultMessage): Fault {
    const melee = this.#battle.melee!;
    const broken = (what: string) => fault('I4', what, { unlessBuried: true });
    const first = message.results[0]!.action_id;
    if (Number(first) <= melee.executed) {
      const said = this.#repeated(message);
      // The same words again are a writer of ours; others are anybody's.
      return said === null
        ? broken(`a second result of action ${first}, and another one`)
        : fault('I4', `a second result of action ${said}`);
    }
    for (const [at, { action_id: id }] of message.results.entries()) {
      const due = melee.executed + 1 + at;
      if (Number(id) > melee.emitted) return broken(`a result of action ${id}, which had not been emitted`);
      if (id !== `${due}`) return broken(`a result of action ${id} where that of ${due} is due`);
    }
    const executed = melee.executed + message.results.length;
    if (message.executed !== executed) return broken(`executed ${message.executed}, counted ${executed}`);
    return broken(`step ${message.step}, which was ${melee.step} before`);
  }

  /** The first action of which the message says again what was said; null where it repeats nothing. */
  #repeated({ results }: ResultMessage): string | null {
    const again = results.find((result) => this.#said[Number(result.action_id)] === contentOf(result));
    return again?.action_id ?? null;
  }

  #fold(entry: LogEntry): void {
    const { message } = entry;
    const before = this.executed;
    evolveBattle(this.#battle, entry, this.#standIns);
    if (message.kind !== 'result' || this.executed === before) return;
    for (const result of message.body.results) this.#said[Number(result.action_id)] = contentOf(result);
  }
}

/** What a message says beyond its results; of its actors the order means nothing. */
function effectsOf({ actors, deaths, target_returns }: ResultMessage): object {
  return { actors: objectOf(actors), deaths, target_returns };
}
