/**
 * Owns the other side: game servers that open, change and cancel fights, and players who strike by what they see, try what is
 * forbidden, send things twice when nobody answers, and fall silent in the end.
 */
import { queueOf } from '#combat/queue.ts';
import { encode } from '#contracts/decode.ts';
import { logSubject } from '#contracts/subjects.ts';
import type { Dice } from './dice.ts';
import type { Judge } from './judge.ts';
import type { ModelServer } from './model-server.ts';
import type { PubAnswer, Publish } from './model-stream.ts';
import type { Network } from './network.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Weather } from './weather.ts';

/** What players need. */
export interface PlayersWorld {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly weather: Weather;
  readonly network: Network;
  readonly server: ModelServer;
  readonly judge: Judge;
}

const ACTORS = ['101', '9', 'b', '-7', 'C', 'd0'];
const LATECOMERS = ['L1', 'L2'];
const ALIASES = ['self', 'all_enemies', 'all_allies', 'random_enemy_1', 'random_enemy_2'];
const SESSIONS_MOST = 3;
const OPENED_WITHIN_MS = 3_000;
/** Players are busy for so long, at the most. */
const PLAYING_MOST_MS = 25_000;
const DEEDS_MOST = 70;
const TRIES = 4;

/** The players of one run. */
export class Players {
  readonly #world: PlayersWorld;
  readonly sessions: readonly string[];
  #moves = 0;
  /** Moves already sent: some are sent again. */
  readonly #sent: object[] = [];

  constructor(world: PlayersWorld) {
    this.#world = world;
    this.sessions = Array.from({ length: world.dice.integer(1, SESSIONS_MOST) }, (_, at) => `s${at + 1}`);
  }

  /** Plans all that they will do. */
  begin(): void {
    const { time, dice } = this.#world;
    for (const id of this.sessions) {
      const opensAt = dice.integer(0, OPENED_WITHIN_MS);
      time.after(opensAt, () => this.#open(id));
      const playing = dice.integer(2_000, PLAYING_MOST_MS);
      const deeds = dice.integer(3, DEEDS_MOST);
      for (let deed = 0; deed < deeds; deed++) time.after(opensAt + dice.integer(0, playing), () => this.#act(id));
    }
  }

  #open(id: string): void {
    const { dice } = this.#world;
    const ids = ACTORS.slice(0, dice.integer(2, ACTORS.length));
    const teams: Record<string, string[]> = { red: [], blue: [] };
    for (const [at, actor] of ids.entries())
      teams[at === 0 ? 'red' : at === 1 ? 'blue' : dice.pick(['red', 'blue'])]!.push(actor);
    const bots = dice.pick([0, 0.3, 0.6, 1]);
    const actor = () => ({
      kind: dice.happens(bots) ? 'ai' : 'player',
      stats: dice.happens(0.02) ? { hp: 'none' } : { hp: dice.integer(10, 80), damage: dice.integer(0, 15) },
    });
    const body = {
      type: 'opened',
      session_id: id,
      teams,
      actors: Object.fromEntries(ids.map((each) => [each, actor()])),
      rules: { name: 'plain', version: 1 },
      seed: `${id} ${dice.integer(0, 1 << 30)}`,
      max_steps: dice.pick([4, 20, 80]),
      idle_close_ms: dice.integer(4_000, 20_000),
      move_timeouts_ms: dice.pick([[1_000], [4_000, 2_000, 500], [9_000, 3_000]]),
    };
    this.#publish({ subject: logSubject('session', id), data: encode(body), expected: 0 });
  }

  #act(id: string): void {
    const { dice } = this.#world;
    const roll = dice.roll();
    if (roll < 0.85)
      this.#signal(id, { signal_type: 'check_immediate', moves: this.#movesOf(id), reply_to: '_INBOX.a.b' });
    else if (roll < 0.89) this.#signal(id, { signal_type: 'check_immediate' });
    else if (roll < 0.93) this.#signal(id, { signal_type: 'check_timeout', ...this.#someOpenMove(id) });
    else if (roll < 0.96) this.#join(id);
    else if (roll < 0.99) this.#session(id, { type: 'left', actor_id: this.#anyone(id) });
    else this.#session(id, { type: 'closed', winner: null, reason: 'cancelled' });
  }

  #movesOf(id: string): object[] {
    const { dice } = this.#world;
    return Array.from({ length: dice.pick([1, 1, 1, 2, 3]) }, () => {
      if (this.#sent.length > 0 && dice.happens(0.05)) return dice.pick(this.#sent);
      const move = dice.happens(0.85) ? this.#blow(id) : this.#cast(id);
      this.#sent.push(move);
      return move;
    });
  }

  /** Mostly somebody who is in the queue. */
  #blow(id: string): object {
    const { dice, judge } = this.#world;
    const source = this.#anyone(id);
    const fight = judge.trials.get(id)?.session.fight;
    const actor = fight?.roster.byId.get(source);
    const queue = fight && actor ? queueOf(fight.roster, actor) : [];
    const target = queue.length > 0 && dice.happens(0.85) ? dice.pick(queue) : this.#anyone(id);
    return this.#move(source, 'exchange', { target_id: target });
  }

  #cast(id: string): object {
    const { dice } = this.#world;
    const target = dice.happens(0.6) ? dice.pick(ALIASES) : this.#anyone(id);
    return this.#move(this.#anyone(id), dice.pick(['instant', 'item']), {
      target_id: target,
      damage: dice.integer(0, 12),
    });
  }

  #move(source: string, strategy: string, payload: object): object {
    this.#moves += 1;
    const boom = this.#world.dice.happens(0.06) ? { boom: true } : {};
    return { move_id: `m${this.#moves}`, char_id: source, strategy, payload: { ...payload, ...boom } };
  }

  #someOpenMove(id: string): object {
    const { dice, judge } = this.#world;
    const open = [...(judge.trials.get(id)?.session.fight?.pool.byMoveId.keys() ?? [])];
    return open.length > 0 && dice.happens(0.7) ? { move_id: dice.pick(open) } : {};
  }

  #join(id: string): void {
    const { dice } = this.#world;
    const actor = { kind: dice.pick(['ai', 'player']), stats: { hp: dice.integer(5, 40) } };
    this.#session(id, {
      type: 'joined',
      actor_id: dice.pick(LATECOMERS),
      team: dice.pick(['red', 'blue', 'green']),
      actor,
    });
  }

  #anyone(id: string): string {
    const ids = [...(this.#world.judge.trials.get(id)?.session.fight?.roster.byId.keys() ?? []), 'nobody'];
    return this.#world.dice.pick(ids.length > 1 && this.#world.dice.happens(0.98) ? ids.slice(0, -1) : ids);
  }

  #signal(id: string, body: object): void {
    this.#publish({ subject: logSubject('signal', id), data: encode({ session_id: id, ...body }) });
  }

  #session(id: string, body: object): void {
    this.#publish({ subject: logSubject('session', id), data: encode({ session_id: id, ...body }) });
  }

  /** Sends until an answer comes, for some tries: the same bytes, so that it may stand in the log twice. */
  #publish(publish: Publish, tries = 1): void {
    const { network, server, time, dice, weather } = this.#world;
    const send = () =>
      network.askAsClient<PubAnswer>(
        (reply) => server.log.publish(publish, reply),
        (answer) => {
          const stored = answer?.includes('"seq"') ?? false;
          if (!stored && tries < TRIES) time.after(dice.integer(0, 500), () => this.#publish(publish, tries + 1));
        },
      );
    send();
    if (weather.strikes('sent twice')) time.after(dice.integer(0, 3_000), send);
  }
}
