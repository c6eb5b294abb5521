/**
 * Owns a second reading of docs/semantics.md: the session's fold and decision written down naively, with plain lists, by
 * somebody who distrusts the first. Nothing here is fast, and nothing is shared with shared/combat but the generator of
 * chance. Caps of a message (256 actions, 256 KiB) and of remembered ids are not modelled; the unit tests have them.
 */
import { chanceOf } from '#combat/chance.ts';
import type { CombatAction } from '#contracts/action.ts';
import type { LogEntry } from '#contracts/log-message.ts';
import { type CombatMove, type MoveTarget, readDeclaredMove } from '#contracts/move.ts';
import type { ResultMessage } from '#contracts/result.ts';
import type { SessionMessage } from '#contracts/session-message.ts';
import type { CollectorSignal } from '#contracts/signal.ts';
import { PLAIN_BOOK, plain } from '#test/unit/combat/plain-rules.ts';

export interface ReferenceActor {
  readonly id: string;
  readonly team: string;
  readonly bot: boolean;
  standing: 'alive' | 'dead' | 'gone';
  afk: number;
  queue: string[];
  situation: { seq: number; time: number };
}

interface OpenMove {
  readonly move: CombatMove;
  readonly target: MoveTarget;
  /** The one actor it is aimed at, where it is one. */
  readonly aim: string | null;
  readonly deadline: number | null;
  marked: boolean;
}

export interface ReferenceDecision {
  readonly actions: readonly CombatAction[];
  /** `[bot, missing, request_id]`, sorted. */
  readonly requests: readonly string[];
  readonly batchSize: number | null;
  readonly deadline: number | null;
  readonly close: { readonly winner: string | null; readonly reason: string } | null;
}

const NOTHING: ReferenceDecision = { actions: [], requests: [], batchSize: null, deadline: null, close: null };

export class ReferenceSession {
  status: 'absent' | 'refused' | 'open' | 'closed' = 'absent';
  closed: { winner: string | null; reason: string } | null = null;
  opened: Extract<SessionMessage, { type: 'opened' }> | null = null;
  /** In roster order, always: sorted anew whenever somebody joins. */
  actors: ReferenceActor[] = [];
  pool: OpenMove[] = [];
  accepted = new Set<string>();
  /** Emitted and not yet executed, in order. */
  unexecuted: CombatAction[] = [];
  emitted = 0;
  executed = 0;
  step = 0;
  failedInRow = 0;
  activeAt = 0;
  seq = 0;
  time = 0;

  /** Folds the next message; returns the codes of its moves (`accepted <deadline>` where there is one). */
  fold({ seq, time, message }: LogEntry): string[] {
    this.seq = seq;
    this.time = time;
    if (message.kind === 'unreadable') {
      if (message.opening && this.status === 'absent') this.status = 'refused';
      return [];
    }
    if (message.kind !== 'signal' || message.body.signal_type !== 'check_timeout') this.activeAt = time;
    switch (message.kind) {
      case 'session':
        this.#life(message.body);
        return [];
      case 'signal':
        return this.#signal(message.body);
      case 'action':
        this.#transfer(message.body.actions);
        return [];
      case 'result':
        this.#result(message.body);
        return [];
      default:
        return message satisfies never;
    }
  }

  actor(id: string): ReferenceActor | undefined {
    return this.actors.find((actor) => actor.id === id);
  }

  alive(id: string | null): boolean {
    return id !== null && this.actor(id)?.standing === 'alive';
  }

  living(): ReferenceActor[] {
    return this.actors.filter((actor) => actor.standing === 'alive');
  }

  // ------------------------------------------------------------------------------------------------------------- life

  #life(body: SessionMessage): void {
    switch (body.type) {
      case 'opened': {
        if (this.status !== 'absent') return;
        this.status = 'refused';
        if (PLAIN_BOOK.find(body.rules) === undefined) return;
        const sheets = new Map(body.actors);
        if (body.actors.some(([, sheet]) => !plain.stats.safeParse(sheet.stats).success)) return;
        this.status = 'open';
        this.opened = body;
        const given = new Map(body.targets ?? []);
        for (const [team, members] of body.teams) {
          for (const id of members) this.#enter(id, team, sheets.get(id)!);
        }
        this.#sortRoster();
        for (const actor of this.actors) {
          const enemies = this.actors.filter((other) => other.team !== actor.team).map(({ id }) => id);
          actor.queue = (given.get(actor.id) ?? enemies).filter((id) => this.alive(id));
        }
        return;
      }
      case 'joined': {
        if (this.status !== 'open' || this.actor(body.actor_id) !== undefined) return;
        if (!plain.stats.safeParse(body.actor.stats).success) return;
        const newcomer = this.#enter(body.actor_id, body.team, body.actor);
        this.#sortRoster();
        newcomer.queue = this.living()
          .filter((other) => other.team !== newcomer.team)
          .map(({ id }) => id);
        if (newcomer.standing !== 'alive') return;
        for (const enemy of this.living()) {
          if (enemy.team !== newcomer.team) this.#queue(enemy, [...enemy.queue, newcomer.id]);
        }
        return;
      }
      case 'left': {
        if (this.status !== 'open') return;
        const actor = this.actor(body.actor_id);
        if (actor !== undefined && actor.standing !== 'gone') this.#takeOut(actor, 'gone');
        return;
      }
      case 'closed':
        if (this.status === 'absent' || this.status === 'closed') return;
        this.status = 'closed';
        this.closed = { winner: body.winner, reason: body.reason };
        this.pool = [];
        return;
      default:
        body satisfies never;
    }
  }

  #enter(id: string, team: string, sheet: { kind: string; stats: unknown }): ReferenceActor {
    const { dead } = plain.initial(plain.stats.parse(sheet.stats));
    const actor: ReferenceActor = {
      id,
      team,
      bot: sheet.kind === 'ai',
      standing: dead ? 'dead' : 'alive',
      afk: 0,
      queue: [],
      situation: { seq: this.seq, time: this.time },
    };
    this.actors.push(actor);
    return actor;
  }

  /** Teams by name in code units, each in the order in which its members came. Array.sort is stable. */
  #sortRoster(): void {
    this.actors.sort((left, right) => (left.team < right.team ? -1 : left.team > right.team ? 1 : 0));
  }

  #queue(actor: ReferenceActor, queue: string[]): void {
    if (queue.length === actor.queue.length) return;
    actor.queue = queue;
    actor.situation = { seq: this.seq, time: this.time };
  }

  #takeOut(actor: ReferenceActor, standing: 'dead' | 'gone'): void {
    actor.standing = standing;
    actor.queue = [];
    this.pool = this.pool.filter(({ move, aim }) => move.char_id !== actor.id && aim !== actor.id);
    for (const other of this.living())
      this.#queue(
        other,
        other.queue.filter((id) => id !== actor.id),
      );
  }

  // ---------------------------------------------------------------------------------------------------------- signals

  #signal(signal: CollectorSignal): string[] {
    if (signal.signal_type === 'check_immediate') return (signal.moves ?? []).map((input) => this.#register(input));
    if (signal.signal_type === 'check_timeout' && this.status === 'open') this.#timeout(signal);
    return [];
  }

  #register(input: unknown): string {
    if (this.status === 'absent') return 'session_not_found';
    if (this.status !== 'open') return 'session_closed';
    const declared = readDeclaredMove(input);
    if (declared === null) return 'invalid_move';
    const { move, target } = declared;
    if (this.accepted.has(move.move_id)) return 'duplicate_move';
    const actor = this.actor(move.char_id);
    if (actor === undefined || actor.standing === 'gone') return 'actor_unknown';
    if (actor.standing === 'dead') return 'actor_dead';
    const aim = target.kind === 'actor' ? target.id : null;
    if (aim !== null) {
      const standing = this.actor(aim)?.standing ?? 'gone';
      if (standing === 'gone') return 'target_unknown';
      if (standing === 'dead') return 'target_dead';
    }
    const isExchange = move.strategy === 'exchange';
    if (isExchange && !actor.queue.includes(aim!)) return 'target_not_in_queue';
    let deadline: number | null = null;
    if (isExchange) {
      const timeouts = this.opened!.move_timeouts_ms;
      deadline = this.time + timeouts[Math.min(this.actor(aim!)!.afk, timeouts.length - 1)]!;
      this.#queue(
        actor,
        actor.queue.filter((id) => id !== aim),
      );
    }
    actor.afk = 0;
    this.accepted.add(move.move_id);
    this.pool.push({ move, target, aim, deadline, marked: false });
    return deadline === null ? 'accepted' : `accepted ${deadline}`;
  }

  #timeout({ move_id, char_id }: CollectorSignal): void {
    for (const open of this.pool) {
      if (open.deadline === null) continue;
      // "A check_timeout for a move that found its pair, or never was, marks nothing."
      if (open.move.move_id === move_id && this.#partnerOf(open) === undefined) open.marked = true;
      const everybody = move_id != null || char_id == null;
      if (open.deadline <= this.time && (everybody || open.move.char_id === char_id)) open.marked = true;
    }
    for (const bot of this.#owing()) {
      if (this.time - bot.situation.time >= 30_000) bot.situation = { seq: this.seq, time: this.time };
    }
  }

  #partnerOf(open: OpenMove): OpenMove | undefined {
    if (open.deadline === null) return undefined;
    return this.pool.find(
      (other) => other.deadline !== null && other.move.char_id === open.aim && other.aim === open.move.char_id,
    );
  }

  #owing(): ReferenceActor[] {
    return this.living().filter((actor) => actor.bot && actor.queue.length > 0);
  }

  // ------------------------------------------------------------------------------------------------ actions and results

  #transfer(actions: readonly CombatAction[]): void {
    if (this.status !== 'open') return;
    if (actions.some(({ action_id }, at) => action_id !== String(this.emitted + at + 1))) return;
    for (const action of actions) {
      const ids = [action.move.move_id, action.partner_move?.move_id];
      this.pool = this.pool.filter(({ move }) => !ids.includes(move.move_id));
      const target = this.actor(String(action.move.payload.target_id));
      if (action.is_forced && target !== undefined) target.afk += 1;
      this.unexecuted.push(action);
      this.emitted += 1;
    }
  }

  #result(message: ResultMessage): void {
    if (this.opened === null) return;
    const { results } = message;
    if (results.some(({ action_id }, at) => action_id !== String(this.executed + at + 1))) return;
    if (message.executed !== this.executed + results.length || message.executed > this.emitted) return;
    if (message.step < this.step) return;
    this.unexecuted.splice(0, results.length);
    this.executed = message.executed;
    this.step = message.step;
    for (const { status } of results) this.failedInRow = status === 'failed' ? this.failedInRow + 1 : 0;
    if (this.status === 'open') {
      for (const [id, target] of message.target_returns) {
        const actor = this.actor(id);
        if (actor === undefined || !this.alive(id) || !this.alive(target) || actor.queue.includes(target)) continue;
        this.#queue(actor, [...actor.queue, target]);
      }
    }
    for (const id of message.deaths) {
      const actor = this.actor(id);
      if (actor?.standing === 'alive') this.#takeOut(actor, 'dead');
    }
  }

  // --------------------------------------------------------------------------------------------------------- decision

  decide(askedThrough: number): ReferenceDecision {
    if (this.status === 'refused') return { ...NOTHING, close: { winner: null, reason: 'invalid' } };
    if (this.opened === null || this.status === 'absent') return NOTHING;
    const batchSize = (waiting: number) =>
      waiting === 0 ? null : Math.max(5, Math.min(100, Math.floor(200 / this.living().length)));
    const waiting = this.unexecuted.length;
    if (this.status === 'closed') return { ...NOTHING, batchSize: batchSize(waiting) };
    const end = this.#end();
    if (end !== null && waiting === 0) return { ...NOTHING, close: end };
    const actions = end === null ? this.#actions() : [];
    return {
      actions,
      requests: end === null ? this.#requests(askedThrough) : [],
      batchSize: batchSize(waiting + actions.length),
      deadline: this.#deadline(),
      close: null,
    };
  }

  #idle(): boolean {
    return this.unexecuted.length === 0 && this.pool.length === 0;
  }

  #end(): ReferenceDecision['close'] {
    const teams = [...new Set(this.living().map(({ team }) => team))];
    if (teams.length === 1) return { winner: teams[0]!, reason: 'victory' };
    if (teams.length === 0) return { winner: null, reason: 'draw' };
    if (this.failedInRow >= 10) return { winner: null, reason: 'cancelled' };
    if (this.step >= this.opened!.max_steps) return { winner: null, reason: 'exhausted' };
    if (this.#idle() && this.time - this.activeAt >= this.opened!.idle_close_ms) {
      return { winner: null, reason: 'abandoned' };
    }
    return null;
  }

  #actions(): CombatAction[] {
    const actions: CombatAction[] = [];
    const emit = (type: CombatAction['type'], move: CombatMove, partner_move: CombatMove | null, is_forced: boolean) =>
      actions.push({ action_id: String(this.emitted + actions.length + 1), type, move, partner_move, is_forced });
    for (const open of this.pool) {
      const { move } = open;
      if (move.strategy === 'exchange') continue;
      const targets = this.#targetsOf(open, String(this.emitted + actions.length + 1));
      emit(move.strategy, { ...move, targets }, null, false);
    }
    for (const [at, open] of this.pool.entries()) {
      const partner = this.#partnerOf(open);
      if (partner !== undefined && this.pool.indexOf(partner) < at) emit('exchange', partner.move, open.move, false);
    }
    for (const open of this.pool) {
      if (open.marked && this.#partnerOf(open) === undefined) emit('exchange', open.move, null, true);
    }
    return actions;
  }

  #targetsOf({ move, target }: OpenMove, ordinal: string): string[] {
    const { team } = this.actor(move.char_id)!;
    const enemies = this.living().filter((actor) => actor.team !== team);
    const allies = this.living().filter((actor) => actor.team === team);
    const ids = (actors: ReferenceActor[]) => actors.map(({ id }) => id);
    switch (target.kind) {
      case 'actor':
        return [target.id];
      case 'self':
        return [move.char_id];
      case 'all_enemies':
        return ids(enemies);
      case 'all_allies':
        return ids(allies);
      case 'random_enemy':
        return chanceOf(this.opened!.seed ?? this.opened!.session_id, ordinal, 'targets').draw(
          ids(enemies),
          target.count,
        );
      default:
        return target satisfies never;
    }
  }

  #requests(askedThrough: number): string[] {
    return this.#owing()
      .filter(({ situation }) => situation.seq > askedThrough)
      .map(({ id, queue, situation }) => `${id}@${situation.seq}: ${queue.slice(0, 64).join(' ')}`)
      .sort();
  }

  /** What is to be looked at next: a blow nobody has forced, a silent bot, the idle close. */
  #deadline(): number {
    const blows = this.pool
      .filter(({ deadline, marked }) => deadline !== null && !marked)
      .map(({ deadline }) => deadline!);
    const bots = this.#owing().map(({ situation }) => situation.time + 30_000);
    const idle = (this.#idle() ? this.activeAt : this.time) + this.opened!.idle_close_ms;
    return Math.min(idle, ...blows, ...bots);
  }
}
