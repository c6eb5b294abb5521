// Owns: telling what the log says as lines for people: who struck whom, where, with what outcome, how much is left of them,
// who fell, who was forced, how it ended. It tells of every session on the server, its own and other people's, under any
// rules: what it does not know of a fight it leaves out.
//
// Between two results a fighter's hp is counted down hit by hit; what a result says of its actors then stands.

import type { ActionEvent, CombatEvent, OpenedBody, ResultEvent, SessionEvent } from '#client/combat-event.ts';
import type { Hit } from '#contracts/result.ts';
import type { Painter } from './paint.ts';
import { Tally } from './tally.ts';

/** One line, and whether it may be left out when there are too many. */
export interface Line {
  readonly text: string;
  readonly weight: 'blow' | 'news';
  readonly session: string;
}

interface Actor {
  readonly name: string;
  hp: number | null;
  most: number | null;
}

interface Fight {
  readonly actors: Map<string, Actor>;
  /** Actions that are forced and have no result yet. */
  readonly forced: Set<string>;
  step: number;
}

/** Fights remembered at once: beyond them those that began first lose their names. */
const FIGHTS_MAX = 4_096;
const TAG_CHARS = 9;
const NAME_CHARS = 8;
const WHAT_CHARS = 16;
/** Hit points of an actor whose stats do not say (docs/rules-classic.md). */
const CLASSIC_HP = 100;

/** Tells of fights. */
export class Account {
  readonly tally = new Tally();
  readonly #painter: Painter;
  readonly #tagOf: (sessionId: string) => string;
  readonly #fights = new Map<string, Fight>();

  /** @param tagOf what a session is called at the beginning of its lines */
  constructor(painter: Painter, tagOf: (sessionId: string) => string) {
    this.#painter = painter;
    this.#tagOf = tagOf;
  }

  /** The lines that an event is worth, in their order. */
  take(event: CombatEvent): Line[] {
    switch (event.kind) {
      case 'session':
        return this.#session(event);
      case 'action':
        return this.#action(event);
      case 'result':
        return this.#result(event);
      default:
        return event satisfies never;
    }
  }

  /** A line of somebody's own about a session. */
  remark(session: string, text: string): Line {
    return this.#line(session, 'news', text);
  }

  #session({ session_id: id, body }: SessionEvent): Line[] {
    switch (body.type) {
      case 'opened':
        // A second one changes nothing.
        return this.#fights.has(id) ? [] : this.#opened(id, body);
      case 'joined': {
        const fight = this.#fight(id);
        fight.actors.set(body.actor_id, actorOf(body.actor_id, body.actor));
        return [this.#news(id, `${this.#name(fight, body.actor_id)} joins team ${plain(body.team)}`)];
      }
      case 'left':
        return [this.#news(id, `${this.#name(this.#fight(id), body.actor_id)} leaves`)];
      case 'closed':
        return this.#closed(id, body);
      default:
        return body satisfies never;
    }
  }

  #opened(id: string, body: OpenedBody): Line[] {
    const fight = this.#fight(id);
    for (const [actorId, sheet] of Object.entries(body.actors)) fight.actors.set(actorId, actorOf(actorId, sheet));
    this.tally.opened += 1;
    const sides = Object.entries(body.teams).map(
      ([team, members]) => `${listed(members.map((member) => this.#name(fight, member)))} (${plain(team)})`,
    );
    return [this.#news(id, this.#painter.paint(sides.join(' against '), 'end'))];
  }

  #closed(id: string, { winner, reason }: Extract<SessionEvent['body'], { type: 'closed' }>): Line[] {
    const fight = this.#fights.get(id);
    if (fight === undefined) return [];
    this.#fights.delete(id);
    this.tally.ended(reason);
    const how = plain(winner === null ? `over: ${reason}` : `${winner} wins`);
    return [this.#news(id, this.#painter.paint(`${how} after ${fight.step} exchanges`, 'end'))];
  }

  #action({ session_id: id, body }: ActionEvent): Line[] {
    const fight = this.#fight(id);
    return body.actions
      .filter((action) => action.is_forced)
      .map(({ action_id: actionId, move }) => {
        fight.forced.add(actionId);
        this.tally.forced += 1;
        const target = this.#name(fight, String(move.payload.target_id));
        const what = `${target} gave no answer: ${this.#name(fight, move.char_id)} strikes a dummy`;
        return this.#news(id, this.#painter.paint(what, 'forced'));
      });
  }

  #result({ session_id: id, body }: ResultEvent): Line[] {
    const fight = this.#fight(id);
    const lines: Line[] = [];
    for (const { action_id: actionId, status, reason, hits } of body.results) {
      const isForced = fight.forced.delete(actionId);
      for (const hit of hits) {
        this.tally.count(hit);
        const text = this.#hit(fight, hit, isForced);
        lines.push(isForced ? this.#news(id, text) : this.#line(id, 'blow', text));
      }
      if (status === 'failed') {
        lines.push(
          this.#news(
            id,
            this.#painter.paint(`action ${actionId} failed: ${plain(reason ?? 'no reason given')}`, 'warn'),
          ),
        );
      }
    }
    this.tally.exchanges += Math.max(0, body.step - fight.step);
    fight.step = body.step;
    for (const [actorId, vitals] of Object.entries(body.actors)) {
      const actor = this.#actor(fight, actorId);
      actor.hp = vitals.hp;
      actor.most ??= vitals.hp;
    }
    for (const dead of body.deaths) {
      this.tally.deaths += 1;
      lines.push(this.#news(id, this.#painter.paint(`${this.#name(fight, dead)} falls`, 'death')));
    }
    return lines;
  }

  #hit(fight: Fight, hit: Hit, isForced: boolean): string {
    const target = this.#actor(fight, hit.target_id);
    const healed = typeof hit.healed === 'number' ? hit.healed : null;
    if (target.hp !== null) target.hp = Math.max(0, target.hp - hit.damage + (healed ?? 0));
    const who = `${column(this.#name(fight, hit.source_id), NAME_CHARS)} > ${column(target.name, NAME_CHARS)}`;
    return [who, this.#what(hit, healed), column(manner(hit, isForced), WHAT_CHARS), this.#health(target)]
      .join(' ')
      .trimEnd();
  }

  #what({ outcome, damage }: Hit, healed: number | null): string {
    if (healed !== null) return this.#painter.paint(column(`heals ${healed}`, NAME_CHARS), 'heal');
    const word = column(outcome === 'hit' || outcome === 'crit' ? `${outcome} ${damage}` : outcome, NAME_CHARS);
    return this.#painter.paint(word, outcome === 'hit' ? 'hit' : outcome === 'crit' ? 'crit' : 'evaded');
  }

  #health({ name, hp, most }: Actor): string {
    if (hp === null) return '';
    const bar = most === null ? '' : `${this.#painter.bar(hp, most)} `;
    return `${column(name, NAME_CHARS)} ${bar}${hp}${most === null ? '' : `/${most}`}`;
  }

  #fight(id: string): Fight {
    const known = this.#fights.get(id);
    if (known !== undefined) return known;
    const fight: Fight = { actors: new Map(), forced: new Set(), step: 0 };
    this.#fights.set(id, fight);
    if (this.#fights.size > FIGHTS_MAX) this.#fights.delete(this.#fights.keys().next().value!);
    return fight;
  }

  #actor(fight: Fight, id: string): Actor {
    const known = fight.actors.get(id);
    if (known !== undefined) return known;
    const actor = { name: id, hp: null, most: null };
    fight.actors.set(id, actor);
    return actor;
  }

  #name(fight: Fight, id: string): string {
    return this.#actor(fight, id).name;
  }

  #news(session: string, text: string): Line {
    return this.#line(session, 'news', text);
  }

  #line(session: string, weight: Line['weight'], text: string): Line {
    return { session, weight, text: `${this.#painter.paint(column(this.#tagOf(session), TAG_CHARS), 'dim')} ${text}` };
  }
}

function actorOf(id: string, { name, stats }: OpenedBody['actors'][string]): Actor {
  const hp = typeof stats.hp === 'number' ? stats.hp : CLASSIC_HP;
  return { name: plain(name ?? id), hp, most: hp };
}

/** Where and how a blow fell. Zones, skills and items are classic's; other rules may say none. */
function manner(hit: Hit, isForced: boolean): string {
  const ability = hit.skill_id ?? hit.item_id;
  if (typeof ability === 'string') return `with ${plain(ability)}`;
  const how = hit.hand === 'off' ? 'off hand' : hit.wave > 1 ? 'counter' : isForced ? 'forced' : '';
  return [typeof hit.zone === 'string' ? plain(hit.zone) : '', how].filter(Boolean).join(', ');
}

function listed(names: readonly string[]): string {
  return names.length <= LISTED_MAX ? names.join(' and ') : `${names.slice(0, LISTED_MAX).join(', ')} and others`;
}

const LISTED_MAX = 4;

function column(text: string, chars: number): string {
  return text.length > chars ? `${text.slice(0, chars - 1)}~` : text.padEnd(chars);
}

/** A name as a client gave it, without what a terminal would obey. */
function plain(text: string): string {
  return text.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '?');
}
