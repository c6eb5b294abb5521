// Owns: the scripts that the crash suite plays. Each comes to the same end however often a process dies in it: nothing in
// them depends on time but blows that nobody answers, and whoever meets an answer sends it in the same signal.

import { type Outsider, openedBody, type Session } from '../../interop/outsider.ts';
import type { Action, Move, Result } from '../../interop/wire.ts';

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
export async function duel(scene: Scene): Promise<string[]> {
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await pair(scene, 'm1', 'm2');
  await finish(scene);
  return [];
}

export async function finish(scene: Scene): Promise<void> {
  await send(scene, blow('m3', 'a', 'b'));
  await send(scene, blow('m3', 'a', 'b'));
  await resultOf(scene, 'm3');
  await send(scene, fireball('m4', 'a', 'b'));
  await closed(scene);
}

/** A session before another of its victims: a first pair is done, and both its snapshots are written. */
export async function firstPair(scene: Scene): Promise<void> {
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
export async function foreignSnapshots(scene: Scene): Promise<void> {
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
export async function bots(scene: Scene): Promise<string[]> {
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
export async function letters(scene: Scene): Promise<string[]> {
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

/** What nobody can use, for a session that nobody can name; then a fight. */
export async function nameless(scene: Scene): Promise<string[]> {
  const { session, outsider } = scene;
  await open(scene, { teams: DUEL });
  const seq = await outsider.publish(`collector.signal.${session.id}!`, new TextEncoder().encode('no JSON'));
  await pair(scene, 'm1', 'm2');
  await send(scene, fireball('m3', 'a', 'b'));
  await send(scene, fireball('m4', 'a', 'b'));
  await closed(scene);
  return [`COMBAT:${seq}`];
}

/** A task made by nobody, for a place the log has not reached, stands before those of a fight; clients ask meanwhile. */
export async function farTask(scene: Scene): Promise<string[]> {
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
export async function drained(scene: Scene): Promise<string[]> {
  await open(scene, { teams: DUEL, also: IMPATIENT });
  await pair(scene, 'm1', 'm2');
  await scene.drain();
  await finish(scene);
  return [];
}

/** Somebody has the actions executed while the collector still waits to hear of its own append: its lock was for nothing. */
export async function overtaken(scene: Scene): Promise<string[]> {
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
export async function impersonated(scene: Scene): Promise<string[]> {
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
export async function stubborn(scene: Scene): Promise<string[]> {
  const { session } = scene;
  await open(scene, { teams: DUEL });
  await pair(scene, 'm1', 'm2');
  await session.life({ type: 'closed', session_id: session.id, winner: null, reason: 'cancelled', through: 0 });
  return [];
}
