// Owns: the scripts that the crash suite plays. Each comes to the same end however often a process dies in it: nothing in
// them depends on time but blows that nobody answers, and whoever meets an answer sends it in the same signal. Between
// them they reach every method of Effects and every place in the services that calls one; the suite checks that.

import type { RoleName } from '#tools/roles/role-process.ts';
import type { Outsider, Session } from '../../interop/outsider.ts';
import { openedBody } from '../../interop/outsider.ts';
import type { Action, Move, Result } from '../../interop/wire.ts';
import type { Order } from './order.ts';

/** Longer than any two crashes one after the other take to be recovered from. */
const STEP_LIMIT_MS = 60_000;
/** A `session.get` that is not answered by then went to a process that has died. */
const ANSWER_LIMIT_MS = 1_000;
/** More messages than TIMERS gets until the session ends, however often a collector dies. */
const NAMES_TAKEN = 20;

/** What a script has to work with. */
export interface Scene {
  readonly outsider: Outsider;
  readonly session: Session;
  /** Ends the role under test by SIGTERM, or every role of the scenario's; resolves when others are in their place. */
  drain(): Promise<void>;
}

/** A script. */
export interface Scenario {
  readonly name: string;
  /** The roles that die in it. */
  readonly victims: readonly RoleName[];
  /** What happens to the first process of a role beside its death. */
  readonly mishaps?: Readonly<Partial<Record<RoleName, Partial<Pick<Order, 'lost' | 'late'>>>>>;
  /** Played first; then the processes that are to die are replaced, so that they meet a session older than they are. */
  before?(scene: Scene): Promise<void>;
  /** Resolves when the session is closed, with the origins of the dead letters there must be. */
  play(scene: Scene): Promise<string[]>;
  /** The calls at which to die, where not all. */
  readonly only?: RegExp;
  /** The last call of a role at which to die, where what comes after is as in another script. */
  readonly until?: Readonly<Partial<Record<RoleName, string>>>;
  /** The first process of a role does not know the rules of the session: it is ended when it has said so, and replaced. */
  readonly ignorant?: RoleName;
}

const DUEL = { red: ['a'], blue: ['b'] };
/** A blow nobody answers is forced after a second: the shortest that a schedule tells from none. */
const IMPATIENT = { move_timeouts_ms: [1_000] };

const blow = (move_id: string, from: string, to: string): Move => ({
  move_id,
  char_id: from,
  strategy: 'exchange',
  payload: { target_id: to },
});
const fireball = (move_id: string, from: string, to: string): Move => ({
  move_id,
  char_id: from,
  strategy: 'instant',
  payload: { target_id: to, skill_id: 'fireball' },
});

async function open({ session, outsider }: Scene, opening: Parameters<typeof openedBody>[1]): Promise<void> {
  const body = openedBody(session.id, { stats: { hp: 30, damage: 10 }, ...opening });
  await outsider.publish(`combat.session.${session.id}`, body, { 'Nats-Expected-Last-Subject-Sequence': '0' });
}

/** Sends moves in one signal, and asks for verdicts, which are best effort and not waited for. */
async function send({ session, outsider }: Scene, ...moves: readonly Move[]): Promise<number> {
  return await session.send({ signal_type: 'check_immediate', moves, reply_to: outsider.replyTo(() => {}) });
}

async function resultOf({ session }: Scene, moveId: string): Promise<Result> {
  const holds = ({ move, partner_move }: Action) => move.move_id === moveId || partner_move?.move_id === moveId;
  const look = () => {
    const id = session.actions().find(holds)?.action_id;
    return session.results().find(({ action_id }) => action_id === id);
  };
  return await session.until(`the result of ${moveId}`, look, STEP_LIMIT_MS);
}

/** Waits until a bot has moves in the log, so many times. */
async function turnOf({ session }: Scene, bot: string, count: number): Promise<void> {
  const turns = () => session.signals().filter(({ signal }) => signal.char_id === bot && signal.moves !== undefined);
  await session.until(`turn ${count} of ${bot}`, () => turns().length >= count || undefined, STEP_LIMIT_MS);
}

async function closed({ session }: Scene): Promise<void> {
  await session.ended(STEP_LIMIT_MS);
}

async function pair(scene: Scene, one: string, other: string): Promise<void> {
  await send(scene, blow(one, 'a', 'b'), blow(other, 'b', 'a'));
  await resultOf(scene, one);
}

/** A client asks until somebody answers. */
async function ask({ session, outsider }: Scene): Promise<void> {
  const data = new TextEncoder().encode(JSON.stringify({ actor_id: 'a' }));
  const answered = (): Promise<boolean> =>
    outsider.nc.request(`session.get.${session.id}`, data, { timeout: ANSWER_LIMIT_MS }).then(
      () => true,
      () => false,
    );
  const end = performance.now() + STEP_LIMIT_MS;
  while (!(await answered())) {
    if (performance.now() > end) throw new Error(`nobody answers session.get.${session.id}`);
    // No responders are told at once: a process is on its way.
    await new Promise((resolve) => setTimeout(resolve, ANSWER_LIMIT_MS / 10));
  }
}

/** A pair, a blow that is sent twice and forced by its deadline, and a skill that ends it. */
async function duel(scene: Scene): Promise<string[]> {
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await pair(scene, 'm1', 'm2');
  await finish(scene);
  return [];
}

async function finish(scene: Scene): Promise<void> {
  await send(scene, blow('m3', 'a', 'b'));
  await send(scene, blow('m3', 'a', 'b'));
  await resultOf(scene, 'm3');
  await send(scene, fireball('m4', 'a', 'b'));
  await closed(scene);
}

/** A session before another of its victims: a first pair is done, and both its snapshots are written. */
async function firstPair(scene: Scene): Promise<void> {
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await pair(scene, 'm1', 'm2');
  await snapshots(scene.session);
}

async function snapshots(session: Session): Promise<readonly Readonly<Record<string, unknown>>[]> {
  return await Promise.all([
    session.snapshot('sessions', 'a step', ({ meta }) => (meta as { step?: number } | null)?.step === 1),
    session.snapshot('battles', 'a step', ({ step }) => step === 1),
  ]);
}

/** What stands in the buckets under the session's name comes from another server's life, and from further on. */
async function foreignSnapshots(scene: Scene): Promise<void> {
  const { outsider, session } = scene;
  const donor = outsider.session(`${session.id}-donor`);
  await firstPair({ ...scene, session: donor });
  const [light, heavy] = await snapshots(donor);
  for (const [bucket, snapshot] of [['sessions', light] as const, ['battles', heavy] as const]) {
    const kv = await outsider.bucket(bucket);
    await kv.put(session.id, JSON.stringify({ ...snapshot, session_id: session.id, seq: Number.MAX_SAFE_INTEGER }));
  }
  await donor.life({ type: 'closed', session_id: donor.id, winner: null, reason: 'cancelled', through: 0 });
}

/** Two bots, one of whom comes later; the player answers each as it strikes. */
async function bots(scene: Scene): Promise<string[]> {
  const { session } = scene;
  const statsOf = { a: { hp: 100, damage: 10 }, z: { hp: 20, damage: 10 } };
  await open(scene, { teams: { red: ['a'], blue: ['z'] }, bots: ['z'], statsOf });
  await turnOf(scene, 'z', 1);
  await send(scene, blow('m1', 'a', 'z'));
  await resultOf(scene, 'm1');
  const actor = { kind: 'ai', stats: { hp: 10, damage: 10 } };
  await session.life({ type: 'joined', session_id: session.id, actor_id: 'y', team: 'blue', actor });
  await turnOf(scene, 'z', 2);
  await turnOf(scene, 'y', 1);
  await send(scene, blow('m2', 'a', 'z'), blow('m3', 'a', 'y'));
  await closed(scene);
  return [];
}

/** What nobody can use, on every subject there is; then a fight. */
async function letters(scene: Scene): Promise<string[]> {
  const { session, outsider } = scene;
  await open(scene, { teams: DUEL });
  const garbage = new TextEncoder().encode('\u0000 no JSON');
  const origins: string[] = [];
  const bury = async (stream: string, subject: string): Promise<void> => {
    origins.push(`${stream}:${await outsider.publish(subject, garbage)}`);
  };
  await bury('COMBAT', `collector.signal.${session.id}`);
  await bury('COMBAT', `collector.signal.${session.id}!`);
  await bury('TASKS', `executor.batch.${session.id}`);
  await bury('TASKS', `ai.turn.${session.id}.${session.id}`);
  await bury('TIMERS', `timer.due.${session.id}`);
  await bury('COMBAT', `combat.action.${session.id}`);
  await pair(scene, 'm1', 'm2');
  await send(scene, fireball('m3', 'a', 'b'));
  await send(scene, fireball('m4', 'a', 'b'));
  await closed(scene);
  return origins;
}

/** A task made by nobody, for a place the log has not reached, stands before those of a fight; clients ask meanwhile. */
async function farTask(scene: Scene): Promise<string[]> {
  const { session, outsider } = scene;
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await send({ ...scene, session: outsider.session(`${session.id}-none`) }, blow('m9', 'a', 'b'));
  await ask(scene);
  const task = { session_id: session.id, batch_size: 5, through: Number.MAX_SAFE_INTEGER, lock_rev: 0 };
  await outsider.publish(`executor.batch.${session.id}`, task);
  await pair(scene, 'm1', 'm2');
  await finish(scene);
  return [];
}

/** The executor or the collector drains while it has a session to snapshot. */
async function drained(scene: Scene): Promise<string[]> {
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await pair(scene, 'm1', 'm2');
  await scene.drain();
  await finish(scene);
  return [];
}

/** Somebody has the actions executed while the collector still waits to hear of its own append: its lock was for nothing. */
async function overtaken(scene: Scene): Promise<string[]> {
  const { session, outsider } = scene;
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await send(scene, blow('m1', 'a', 'b'), blow('m2', 'b', 'a'));
  const emitted = () => session.entries.find(({ kind }) => kind === 'action')?.seq;
  const through = await session.until('the action of m1', emitted, STEP_LIMIT_MS);
  const task = { session_id: session.id, batch_size: 5, through, lock_rev: 0 };
  await outsider.publish(`executor.batch.${session.id}`, task);
  await resultOf(scene, 'm1');
  await finish(scene);
  return [];
}

/** Somebody's messages bear the names under which the wakes of the session's next timers are published. */
async function impersonated(scene: Scene): Promise<string[]> {
  const { session, outsider } = scene;
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await pair(scene, 'm1', 'm2');
  const { state } = await outsider.jsm.streams.info('TIMERS');
  for (let ahead = 1; ahead <= NAMES_TAKEN; ahead++) {
    await session.send({ signal_type: 'check_immediate' }, { 'Nats-Msg-Id': `TIMERS:${state.last_seq + ahead}` });
  }
  await finish(scene);
  return [];
}

/** A pair whose executor dies again and again; the game server ends the session when the pair has its result. */
async function stubborn(scene: Scene): Promise<string[]> {
  const { session } = scene;
  await open(scene, { teams: DUEL });
  await pair(scene, 'm1', 'm2');
  await session.life({ type: 'closed', session_id: session.id, winner: null, reason: 'cancelled', through: 0 });
  return [];
}

const FIGHTERS = ['collector', 'executor'] as const;

/** For deaths in a row that are too many for an action. */
export const STUBBORN: Scenario = { name: 'stubborn', victims: ['executor'], play: stubborn };

/** Every script that is enumerated. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'duel', victims: FIGHTERS, play: duel },
  { name: 'bots', victims: ['ai', 'collector'], play: bots },
  {
    name: 'answers-lost',
    victims: FIGHTERS,
    mishaps: {
      collector: { lost: ['append#1', 'writeLock#1', 'setTimer#1', 'enqueue#2', 'enqueue#3', 'enqueue#4', 'signal#1'] },
      executor: { lost: ['append#1', 'signal#2', 'writeSnapshot#1'] },
    },
    play: duel,
  },
  {
    name: 'answers-late',
    victims: ['collector'],
    mishaps: { collector: { late: ['append#1'] } },
    until: { collector: 'ack#2' },
    play: duel,
  },
  { name: 'turns-lost', victims: ['ai'], mishaps: { ai: { lost: ['signal#1', 'signal#3'] } }, play: bots },
  {
    name: 'older',
    victims: FIGHTERS,
    before: firstPair,
    async play(scene) {
      await finish(scene);
      return [];
    },
  },
  {
    name: 'other-life',
    victims: FIGHTERS,
    before: foreignSnapshots,
    until: { collector: 'append#1', executor: 'append#1' },
    play: duel,
  },
  { name: 'letters', victims: ['collector', 'executor', 'ai'], play: letters },
  {
    name: 'letters-lost',
    victims: ['collector', 'executor', 'ai'],
    mishaps: {
      collector: { lost: ['deadLetter#1', 'deadLetter#2', 'deadLetter#3', 'deadLetter#4'] },
      executor: { lost: ['deadLetter#1'] },
      ai: { lost: ['deadLetter#1'] },
    },
    only: /^(deadLetter|retry)#/,
    play: letters,
  },
  {
    name: 'far-task',
    victims: FIGHTERS,
    until: { collector: 'enqueue#1', executor: 'ack#2' },
    play: farTask,
  },
  {
    name: 'overtaken',
    victims: FIGHTERS,
    mishaps: { collector: { lost: ['append#1'], late: ['append#1'] } },
    until: { collector: 'ack#2', executor: 'ack#1' },
    play: overtaken,
  },
  { name: 'impersonated', victims: ['collector'], only: /^(signal|ack|retry|setTimer)#/, play: impersonated },
  { name: 'drained', victims: FIGHTERS, only: /^writeSnapshot#1$/, play: drained },
  { name: 'rules-unknown', victims: ['executor'], ignorant: 'executor', until: { executor: 'retry#1' }, play: duel },
];
