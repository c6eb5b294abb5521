// Owns: a load of fights that goes on while faults are injected: so many at once, one after the other, until it is told to
// end; then what is open is fought to its end. Duels of two scripted players, players whose enemy never answers (so that
// some blow is always waiting for its timer), and bots among themselves.
//
// Nothing is decided by what was heard: results may be missed while a connection is sought, so whoever hears nothing for
// a while asks how the session stands.

import { setTimeout as pause } from 'node:timers/promises';
import { depth } from '../../harness/depth.ts';
import type { GameServer } from './game-server.ts';

/** What a fight is made of. */
type Kind = 'duel' | 'silent' | 'bots';
const KINDS: readonly Kind[] = ['duel', 'bots', 'duel', 'silent'];

/** The thinking time of a player. */
const THINK_MS = 30;
/** Whoever hears nothing for so long asks. */
const ASK_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 100;
/** Sessions that do not end by then: something is stuck. */
const END_LIMIT_MS = 60_000;
/** Results that do not come by then: likewise. */
const RESULTS_LIMIT_MS = 40_000;
const SILENT_TIMEOUTS_MS = [1_000];
/** A slice waits for the end of every fight, and most of its time is that. */
const STATS = { hp: depth({ slice: 30, full: 90 }), damage: 12, spread: 4 };
const SILENT_STATS = { hp: depth({ slice: 8, full: 30 }), damage: 12, spread: 4 };

interface Fight {
  readonly sessionId: string;
  readonly kind: Kind;
  closed: boolean;
  heardAt: number;
  acting: boolean;
  /** Something was heard while it was acting. */
  again: boolean;
}

/** Fights, as many at once as asked for, until told to end. */
export class Load {
  readonly #game: GameServer;
  readonly #fights = new Map<string, Fight>();
  readonly #places: Promise<void>[] = [];
  readonly #waiting = new Set<{ readonly results: number; readonly done: () => void }>();
  #results = 0;
  #moves = 0;
  #ending = false;

  constructor(game: GameServer, atOnce: number) {
    this.#game = game;
    game.listen({
      result: (sessionId) => this.#heardResult(sessionId),
      closed: (sessionId) => {
        const fight = this.#fights.get(sessionId);
        if (fight !== undefined) fight.closed = true;
      },
    });
    for (let place = 0; place < atOnce; place++) this.#places.push(this.#place());
  }

  /** Resolves when so many more results have been heard: that many blows later. */
  async results(more: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiter = { results: this.#results + more, done: resolve };
    this.#waiting.add(waiter);
    await within(promise, RESULTS_LIMIT_MS, () => `${more} more results: the fights stand still`);
  }

  /** Opens no more, and resolves when every fight is over. */
  async finish(): Promise<void> {
    this.#ending = true;
    await within(Promise.all(this.#places), END_LIMIT_MS, () => {
      const open = [...this.#fights.values()].filter(({ closed }) => !closed);
      return `the end of ${open.map(({ sessionId, kind }) => `${sessionId} (${kind})`).join(', ')}`;
    });
  }

  #heardResult(sessionId: string): void {
    this.#results += 1;
    for (const waiter of this.#waiting) {
      if (waiter.results > this.#results) continue;
      this.#waiting.delete(waiter);
      waiter.done();
    }
    const fight = this.#fights.get(sessionId);
    if (fight !== undefined) void this.#act(fight);
  }

  /** One fight after the other. */
  async #place(): Promise<void> {
    while (!this.#ending) {
      const number = this.#fights.size + 1;
      const kind = KINDS[number % KINDS.length]!;
      const fight: Fight = {
        sessionId: `load-${number}`,
        kind,
        closed: false,
        heardAt: 0,
        acting: false,
        again: false,
      };
      this.#fights.set(fight.sessionId, fight);
      await this.#game.open(fight.sessionId, openedFor(kind));
      while (!fight.closed) {
        if (performance.now() - fight.heardAt > ASK_AFTER_MS) void this.#act(fight);
        await pause(LOOK_EVERY_MS);
        if (this.#game.nc.isClosed()) return;
      }
    }
  }

  /** Strikes whom the players of a fight may strike. */
  async #act(fight: Fight): Promise<void> {
    fight.again = fight.acting;
    if (fight.acting || fight.closed) return;
    fight.acting = true;
    try {
      do {
        fight.again = false;
        fight.heardAt = performance.now();
        await Promise.all(playersOf(fight.kind).map((id) => this.#play(fight, id)));
      } while (fight.again && !fight.closed);
    } catch (error) {
      if (!this.#game.nc.isClosed()) throw error;
    } finally {
      fight.acting = false;
    }
  }

  async #play(fight: Fight, id: string): Promise<void> {
    const { sessionId, kind } = fight;
    const state = await this.#game.state(sessionId, id);
    if (state?.status === 'closed') fight.closed = true;
    if (kind === 'bots') return;
    for (const target of state?.queue ?? []) {
      await pause(THINK_MS);
      this.#moves += 1;
      const payload = { target_id: target };
      await this.#game.submit(sessionId, { move_id: `m${this.#moves}`, char_id: id, strategy: 'exchange', payload });
    }
  }
}

function openedFor(kind: Kind): object {
  const teams = kind === 'bots' ? { red: ['r1', 'r2'], blue: ['b1', 'b2'] } : { red: ['r1'], blue: ['b1'] };
  const sheet = { kind: kind === 'bots' ? 'ai' : 'player', stats: kind === 'silent' ? SILENT_STATS : STATS };
  const actors = Object.fromEntries(Object.values(teams).flatMap((ids) => ids.map((id) => [id, sheet])));
  return { teams, actors, ...(kind === 'silent' && { move_timeouts_ms: SILENT_TIMEOUTS_MS }) };
}

const playersOf = (kind: Kind): readonly string[] => (kind === 'duel' ? ['r1', 'b1'] : ['r1']);

async function within<T>(work: Promise<T>, limitMs: number, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs / 1000} s for ${what()}`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
