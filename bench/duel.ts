/**
 * Owns what the bench's sessions are made of: two players of classic, who have more hit points than a run can take, and the
 * blows they exchange. A signal with one blow has about 300 bytes, as a game's would.
 */
import { encode } from '#contracts/decode.ts';
import { logSubject } from '#contracts/subjects.ts';

const RED = '1001';
const BLUE = '1002';
const ZONES = ['head', 'chest', 'arms', 'body', 'legs'];
/** The most that classic allows. At twenty a blow nobody dies within a year. */
const HIT_POINTS = 1_000_000_000;
/** Nobody is worn out before. */
const MAX_STEPS = 1_000_000_000;
/** What a game adds to a payload for itself; it is passed on as it came. */
const TRACE_ID = '7c1f0e5a-93d4-4b6e-8a17-2f60c9b1d3e8';

/** A message to publish. */
export interface Publication {
  readonly subject: string;
  readonly body: Uint8Array;
}

/** The session with this ordinal. */
export const duelId = (ordinal: number): string => `duel-${ordinal}`;

/** The message that opens a session. */
export function opening(sessionId: string): Publication {
  const stats = { hp: HIT_POINTS };
  const body = {
    type: 'opened',
    session_id: sessionId,
    teams: { red: [RED], blue: [BLUE] },
    actors: { [RED]: { kind: 'player', name: 'Red', stats }, [BLUE]: { kind: 'player', name: 'Blue', stats } },
    seed: `bench ${sessionId}`,
    max_steps: MAX_STEPS,
  };
  return { subject: logSubject('session', sessionId), body: encode(body) };
}

/** The signals of both players in one exchange, the first and the second. */
export function blows(sessionId: string, exchange: number): readonly [Publication, Publication] {
  return [blow(sessionId, exchange, RED, BLUE), blow(sessionId, exchange, BLUE, RED)];
}

function blow(sessionId: string, exchange: number, source: string, target: string): Publication {
  const move = {
    move_id: `${source}-${exchange}`,
    char_id: source,
    strategy: 'exchange',
    payload: { target_id: target, attack_zones: [zone()], block_zones: [zone(), zone()], trace_id: TRACE_ID },
  };
  const signal = { session_id: sessionId, signal_type: 'check_immediate', char_id: source, moves: [move] };
  return { subject: logSubject('signal', sessionId), body: encode(signal) };
}

function zone(): string {
  return ZONES[Math.floor(Math.random() * ZONES.length)]!;
}
