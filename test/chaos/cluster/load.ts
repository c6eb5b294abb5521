// Owns: a load of fights that goes on while servers die, and the ledger of what the server has acknowledged. Written as a
// game server would be, on the npm package `nats` 2.x and docs/contract.md alone.
//
// 1. A move goes into the ledger when its publish has been acknowledged; until then the same signal is published again under
//    the same Msg-Id, as the contract says, whatever came instead of an answer.
// 2. Nothing is decided by what was heard: results may be missed while a connection is sought, so whoever hears nothing for
//    a while asks how the session stands.

import { setTimeout as pause } from 'node:timers/promises';
import { connect, headers, type JetStreamClient, type NatsConnection } from 'nats';

/** What a fight is made of: who is there to strike. */
type Kind = 'duel' | 'silent' | 'bots';
const KINDS: readonly Kind[] = ['duel', 'bots', 'duel', 'silent'];

/** The thinking time of a player. */
const THINK_MS = 120;
/** Whoever hears nothing for so long asks. */
const ASK_AFTER_MS = 1_000;
const REQUEST_LIMIT_MS = 1_000;
const PUBLISH_LIMIT_MS = 2_000;
const REPUBLISH_PAUSE_MS = 50;
/** Sessions that do not end: something is stuck. */
const END_LIMIT_MS = 120_000;
/** Of the player who never answers: some blow is always waiting for its timer. */
export const SILENT_TIMEOUTS_MS = [1_500, 1_000];
const STATS = { hp: 60, damage: 12, spread: 4 };
/** Who is struck once in a second is struck down after a few. */
const SILENT_STATS = { hp: 30, damage: 12, spread: 4 };

/** Whoever is stuck for so long is stuck for good. */
const PROGRESS_LIMIT_MS = 90_000;
const LOOK_EVERY_MS = 50;

/** What one session has had acknowledged. */
export interface Account {
  readonly kind: Kind;
  readonly sessionId: string;
  /** Log sequences of acknowledged signals, by the id of their one move. */
  readonly moves: ReadonlyMap<string, number>;
}

interface Fight extends Account {
  readonly moves: Map<string, number>;
  closed: boolean;
  heardAt: number;
  /** By this process's clock; 0 while there was none. */
  resultAt: number;
  acting: boolean;
  /** Something was heard while it was acting. */
  again: boolean;
}

/** The state of a session as `session.get` tells it, as far as it is looked at. */
interface State {
  readonly status?: string;
  readonly queue?: readonly string[];
  readonly error?: string;
}

/** Fights, as many at once as asked for, until told to stop. */
export class Load {
  readonly #nc: NatsConnection;
  readonly #js: JetStreamClient;
  readonly #name: string;
  readonly #fights: Fight[] = [];
  readonly #places: Promise<void>[] = [];
  #stopping = false;
  #moves = 0;

  private constructor(nc: NatsConnection, name: string) {
    this.#nc = nc;
    this.#js = nc.jetstream({ timeout: PUBLISH_LIMIT_MS });
    this.#name = name;
  }

  /**
   * Begins.
   * @param name of the sessions: `<name>-1`, ...
   * @param atOnce fights at the same time
   */
  static async begin(url: string, name: string, atOnce: number): Promise<Load> {
    const nc = await connect({
      servers: url.split(','),
      name: 'game-server',
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      pingInterval: 1_000,
      maxPingOut: 2,
      timeout: 2_000,
    });
    const load = new Load(nc, name);
    load.#listen();
    for (let place = 0; place < atOnce; place++) load.#places.push(load.#place());
    return load;
  }

  /** Sessions opened so far, with what was acknowledged of each. */
  get accounts(): readonly Account[] {
    return this.#fights;
  }

  /** Moves acknowledged so far. */
  get acknowledged(): number {
    return this.#fights.reduce((sum, { moves }) => sum + moves.size, 0);
  }

  /** Resolves when every fight that is open now has had another result, or its end. */
  async progress(): Promise<void> {
    const since = performance.now();
    const open = this.#fights.filter(({ closed }) => !closed);
    for (;;) {
      const stuck = open.filter(({ closed, resultAt }) => !closed && resultAt <= since);
      if (stuck.length === 0) return;
      if (performance.now() - since > PROGRESS_LIMIT_MS)
        throw new Error(
          `no result any more: ${(await Promise.all(stuck.map((fight) => this.#described(fight)))).join('; ')}`,
        );
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Opens no more, fights what is open to its end, and resolves when every session is closed. */
  async finish(): Promise<void> {
    this.#stopping = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not over in time: ${this.#unfinished().join(', ')}`)), END_LIMIT_MS);
    });
    try {
      await Promise.race([Promise.all(this.#places), late]);
    } finally {
      clearTimeout(timer);
      await this.#nc.close();
    }
  }

  /** Breaks off, where it has not ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#nc.close();
  }

  #unfinished(): string[] {
    return this.#fights.filter(({ closed }) => !closed).map(({ sessionId, kind }) => `${sessionId} (${kind})`);
  }

  /** A fight, for the message of a failure: what its game server does, what `session.get` says of it, and what its log holds. */
  async #described({ sessionId, kind, acting, moves }: Fight): Promise<string> {
    const told = (asked: Promise<unknown>) => asked.then((answer) => JSON.stringify(answer), String);
    const filter = `*.*.${sessionId}`;
    const [state, log] = await Promise.all([
      told(this.#ask(sessionId, 'r1')),
      told(
        this.#nc
          .jetstreamManager()
          .then((manager) => manager.streams.info('COMBAT', { subjects_filter: filter }))
          .then((info) => info.state.subjects ?? {}),
      ),
    ]);
    const account = `acting ${acting}, ${moves.size} moves acknowledged, state ${state}, messages ${log}`;
    return `${sessionId} (${kind}; ${account})`;
  }

  /** One fight after the other. */
  async #place(): Promise<void> {
    while (!this.#stopping) {
      const number = this.#fights.length + 1;
      const fight: Fight = {
        sessionId: `${this.#name}-${number}`,
        kind: KINDS[number % KINDS.length]!,
        moves: new Map(),
        closed: false,
        heardAt: 0,
        resultAt: 0,
        acting: false,
        again: false,
      };
      this.#fights.push(fight);
      await this.#open(fight);
      while (!fight.closed) {
        if (performance.now() - fight.heardAt > ASK_AFTER_MS) void this.#act(fight);
        await pause(LOOK_EVERY_MS);
        if (this.#nc.isClosed()) return;
      }
    }
  }

  async #open({ sessionId, kind }: Fight): Promise<void> {
    const teams = {
      red: kind === 'bots' ? ['r1', 'r2'] : ['r1'],
      blue: ['b1', 'b2'].slice(0, kind === 'bots' ? 2 : 1),
    };
    const sheet = { kind: kind === 'bots' ? 'ai' : 'player', stats: kind === 'silent' ? SILENT_STATS : STATS };
    const actors = Object.fromEntries([...teams.red, ...teams.blue].map((id) => [id, sheet]));
    const also = kind === 'silent' ? { move_timeouts_ms: SILENT_TIMEOUTS_MS } : {};
    const opened = { type: 'opened', session_id: sessionId, teams, actors, ...also };
    await this.#publish(`combat.session.${sessionId}`, opened, `open-${sessionId}`, 0);
  }

  /** Strikes whom the players of a fight may strike. */
  async #act(fight: Fight): Promise<void> {
    fight.again = fight.acting;
    if (fight.acting || fight.closed) return;
    fight.acting = true;
    do {
      fight.again = false;
      fight.heardAt = performance.now();
      const players = fight.kind === 'duel' ? ['r1', 'b1'] : ['r1'];
      await Promise.all(players.map((id) => this.#strike(fight, id)));
    } while (fight.again && !fight.closed);
    fight.acting = false;
  }

  async #strike(fight: Fight, id: string): Promise<void> {
    const { sessionId } = fight;
    const state = await this.#ask(sessionId, id);
    if (state?.status === 'closed') fight.closed = true;
    if (fight.kind === 'bots' || state?.queue === undefined) return;
    for (const target of state.queue) {
      await pause(THINK_MS);
      this.#moves += 1;
      const move = { move_id: `m${this.#moves}`, char_id: id, strategy: 'exchange', payload: { target_id: target } };
      const signal = { session_id: sessionId, signal_type: 'check_immediate', char_id: id, moves: [move] };
      const seq = await this.#publish(`collector.signal.${sessionId}`, signal, `${this.#name}-${move.move_id}`);
      if (seq !== null) fight.moves.set(move.move_id, seq);
    }
  }

  async #ask(sessionId: string, id: string): Promise<State | null> {
    try {
      const ask = JSON.stringify({ actor_id: id });
      return (await this.#nc.request(`session.get.${sessionId}`, ask, { timeout: REQUEST_LIMIT_MS })).json<State>();
    } catch {
      return null; // nobody answers just now: it is asked again
    }
  }

  /** Publishes until it is acknowledged; resolves to its sequence, or null where an earlier attempt must have been first. */
  async #publish(subject: string, body: object, msgId: string, expected?: number): Promise<number | null> {
    const bytes = JSON.stringify(body);
    for (;;) {
      const head = headers();
      head.set('Nats-Msg-Id', msgId);
      if (expected !== undefined) head.set('Nats-Expected-Last-Subject-Sequence', String(expected));
      try {
        return (await this.#js.publish(subject, bytes, { headers: head })).seq;
      } catch (error) {
        if (this.#nc.isClosed()) return null;
        // A cluster says so of a publish on its way, too, and that one may come to nothing when the leader changes.
        if (/wrong last sequence/.test(String(error)) && (await this.#isStored(subject))) return null;
        await pause(REPUBLISH_PAUSE_MS);
      }
    }
  }

  async #isStored(subject: string): Promise<boolean> {
    try {
      const manager = await this.#nc.jetstreamManager();
      return (await manager.streams.getMessage('COMBAT', { last_by_subj: subject })).seq > 0;
    } catch {
      return false; // nobody answers, or there is none: it is published again
    }
  }

  #listen(): void {
    const byId = (subject: string): Fight | undefined => {
      const sessionId = subject.split('.')[2];
      return this.#fights.findLast((fight) => fight.sessionId === sessionId);
    };
    this.#nc.subscribe('combat.result.*', {
      callback: (_, msg) => {
        const fight = byId(msg.subject);
        if (fight === undefined) return;
        fight.resultAt = performance.now();
        void this.#act(fight);
      },
    });
    this.#nc.subscribe('combat.session.*', {
      callback: (_, msg) => {
        const fight = byId(msg.subject);
        if (fight !== undefined && msg.json<{ type: string }>().type === 'closed') fight.closed = true;
      },
    });
  }
}
