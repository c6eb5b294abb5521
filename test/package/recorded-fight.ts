// A fight by the classic rules, recorded through the pure core alone, and folded again: in Node.js and in a browser alike.

import type { LogKind } from '#contracts/subjects.ts';

/** `riposte/core` as it was built. */
export type Core = typeof import('../../exports/core.ts');

/** A message of the log as a program that stores or sends logs has it. */
export interface Recorded {
  readonly seq: number;
  readonly time: number;
  readonly kind: LogKind;
  readonly body: string;
}

/** What a fold ends with. */
export interface Ending {
  readonly session: unknown;
  readonly battle: unknown;
  readonly view: unknown;
  /** Results, and how many of them the actions before come to when they are resolved again. */
  readonly results: number;
  readonly resolvedAlike: number;
}

const ID = 'recorded';
const BATCH = { size: 10 };
const TEAMS = { red: ['ann', 'bea'], blue: ['cyd', 'dot'] };
const ZONES = ['head', 'chest', 'arms', 'body', 'legs'];
const stats = { hp: 90, accuracy: 0.8, crit_chance: 0.3, dodge: 0.1, parry: 0.1, counter: 0.5, armour: 1 };

/** Fights to the end: in each round everybody strikes at everybody, one team after the other. */
export function recordFight(core: Core): Recorded[] {
  const log: Recorded[] = [];
  const rules = core.ruleBook([core.classic]);
  const session = core.initialSession(ID);
  const battle = core.initialBattle(ID);
  const append = (kind: LogKind, body: object): void => {
    const seq = log.length + 1;
    log.push({ seq, time: seq * 1000, kind, body: JSON.stringify({ session_id: ID, ...body }) });
    const entry = { seq, time: seq * 1000, message: read(core, log.at(-1)!) };
    core.evolveSession(session, entry, rules);
    core.evolveBattle(battle, entry, rules);
  };
  const everybody = [...TEAMS.red, ...TEAMS.blue];
  const actors = Object.fromEntries(everybody.map((id) => [id, { kind: 'player', name: `${id} ✦`, stats }]));
  append('session', { type: 'opened', teams: TEAMS, actors, seed: 'recorded' });
  for (let move = 0; session.status === 'open'; ) {
    for (const [team, enemies] of [
      [TEAMS.red, TEAMS.blue],
      [TEAMS.blue, TEAMS.red],
    ] as const) {
      const moves = team.flatMap((from) =>
        enemies.map((to) => {
          move += 1;
          const zones = { attack_zones: [ZONES[move % 5]], block_zones: [ZONES[move % 4], ZONES[(move % 4) + 1]] };
          return { move_id: `m${move}`, char_id: from, strategy: 'exchange', payload: { target_id: to, ...zones } };
        }),
      );
      append('signal', { signal_type: 'check_immediate', moves });
    }
    for (let decision = core.decideSession(session, 0); ; decision = core.decideSession(session, 0)) {
      if (decision.actions.length > 0) append('action', { through: decision.through, actions: decision.actions });
      const result = core.resolve(battle, BATCH);
      if (result !== null) append('result', { ...result, actors: Object.fromEntries(result.actors) });
      if (decision.close !== null) append('session', { type: 'closed', ...decision.close });
      if (result === null && decision.actions.length === 0) break;
    }
  }
  return log;
}

/** Folds a recorded fight, and resolves every batch again before its result is folded. */
export function foldFight(core: Core, log: readonly Recorded[]): Ending {
  const rules = core.ruleBook([core.classic]);
  const session = core.initialSession(ID);
  const battle = core.initialBattle(ID);
  let results = 0;
  let resolvedAlike = 0;
  for (const recorded of log) {
    const message = read(core, recorded);
    if (message.kind === 'result') {
      results += 1;
      if (JSON.stringify(core.resolve(battle, BATCH)) === JSON.stringify(message.body)) resolvedAlike += 1;
    }
    const entry = { seq: recorded.seq, time: recorded.time, message };
    core.evolveSession(session, entry, rules);
    core.evolveBattle(battle, entry, rules);
  }
  const [snapshot, heavy] = [core.snapshotSession(session), core.snapshotBattle(battle)];
  return { session: snapshot, battle: heavy, view: core.viewOf(session, 'ann'), results, resolvedAlike };
}

const read = (core: Core, { kind, body }: Recorded) => core.readLogMessage(kind, ID, new TextEncoder().encode(body));
