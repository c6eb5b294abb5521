// Proves what a wake is answered whose message this process has not folded itself (a redelivery, a snapshot ahead of it): the
// verdicts that the state remembers, and a dead letter for what took no effect.

import { expect, test } from 'vitest';
import { encode } from '#contracts/decode.ts';
import { logSubject } from '#contracts/subjects.ts';
import type { Delivery } from '#jetstream/delivery.ts';
import { noteFromState } from '#services/collector/answer.ts';
import { exchange, instant, LogBench } from '#test/unit/combat/log-bench.ts';

const NOTHING = { timeout: false, refused: null, verdicts: [], replyTo: null };
const REFUSED = { ...NOTHING, refused: 'refused when it was folded' };

/** What is noted of the message at a place of a bench's log when it comes again. */
function noteAt(bench: LogBench, seq = bench.seq) {
  const { kind, bytes } = bench.raw.find((each) => each.seq === seq)!;
  return noteFromState(bench.session, wake(logSubject(kind, bench.id), seq, bytes));
}

function wake(subject: string, seq: number, data: Uint8Array): Delivery {
  return { stream: 'COMBAT', subject, seq, data, count: 2, ack() {}, retry() {}, working() {} };
}

const duel = () => LogBench.open({ teams: { red: ['a'], blue: ['x'] } });
const signal = (more: object) => ({ session_id: 's1', reply_to: '_INBOX.1', ...more });

test('what was accepted is said again, with the deadline while it is open; what was refused is not remembered', () => {
  const bench = duel();
  const moves = [exchange('ax', 'a', 'x'), exchange('again', 'a', 'x'), instant('fire', 'a', 'x'), 'no move'];
  bench.append('signal', signal({ signal_type: 'check_immediate', moves }));
  const { seq } = bench;
  const accepted = { session_id: 's1', accepted: true, seq };
  const fire = { ...accepted, move_id: 'fire' };
  expect(noteAt(bench)).toEqual({
    ...NOTHING,
    verdicts: [{ ...accepted, move_id: 'ax', deadline: expect.any(Number) }, fire],
    replyTo: '_INBOX.1',
  });
  bench.timeout({ move_id: 'ax' });
  bench.settle();
  expect(noteAt(bench, seq).verdicts).toEqual([{ ...accepted, move_id: 'ax' }, fire]);
});

test('a signal without moves has no verdicts; a timeout is noted as one', () => {
  const bench = duel();
  bench.nudge();
  expect(noteAt(bench)).toEqual(NOTHING);
  bench.append('signal', signal({ signal_type: 'check_timeout' }));
  expect(noteAt(bench)).toEqual({ ...NOTHING, timeout: true, replyTo: '_INBOX.1' });
});

test.each([
  ['absent', new LogBench(), 'session_not_found'],
  ['refused', refusedSession(), 'session_closed'],
])('moves for a session that is %s are refused', (_, bench, code) => {
  const refusals = bench.append(
    'signal',
    signal({ signal_type: 'check_immediate', moves: [exchange('ax', 'a', 'x'), 7] }),
  );
  const { seq } = bench;
  const told = noteAt(bench).verdicts;
  expect(told).toEqual(refusals.verdicts);
  expect(told).toEqual([
    { session_id: 's1', move_id: 'ax', accepted: false, seq, code },
    { session_id: 's1', move_id: null, accepted: false, seq, code },
  ]);
});

function refusedSession(): LogBench {
  return LogBench.open({ teams: { red: ['a'], blue: ['x'] }, actors: { x: { stats: { hp: 'many' } } } });
}

test('what cannot be read is a dead letter with the reason', () => {
  const bench = duel();
  bench.append('signal', new Uint8Array([0xff]));
  expect(noteAt(bench)).toEqual({ ...NOTHING, refused: 'not UTF-8' });
});

test('a message of the session is a dead letter where it took no effect, and only there', () => {
  const bench = duel();
  expect(noteAt(bench)).toEqual(NOTHING);
  bench.join('y', 'blue');
  expect(noteAt(bench)).toEqual(NOTHING);
  bench.join('y', 'red');
  expect(noteAt(bench)).toEqual(REFUSED);
  bench.leave('a');
  expect(noteAt(bench)).toEqual(NOTHING);
  bench.leave('a');
  expect(noteAt(bench)).toEqual(REFUSED);
  bench.leave('nobody');
  expect(noteAt(bench)).toEqual(REFUSED);
  bench.open({ teams: { red: ['a'], blue: ['x'] } });
  expect(noteAt(bench)).toEqual(NOTHING);
  bench.close();
  expect(noteAt(bench)).toEqual(NOTHING);
});

test('an action or a result wakes no collector, and says nothing where it does', () => {
  const bench = duel();
  const result = {
    session_id: 's1',
    through: 1,
    executed: 1,
    step: 1,
    results: [{ action_id: '1', status: 'done', hits: [] }],
  };
  const bytes = encode({ ...result, actors: {}, deaths: [], target_returns: [] });
  expect(noteFromState(bench.session, wake(logSubject('result', 's1'), 2, bytes))).toEqual(NOTHING);
});
