import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { streamDefinitions } from '#contracts/streams.ts';
import {
  aiTurnSubject,
  deadSubject,
  executorBatchSubject,
  isInbox,
  type LogKind,
  lockKey,
  logFilter,
  logSubject,
  parseLogSubject,
  sessionGetSubject,
  sessionLogFilter,
  sessionOfSubject,
  timerDueSubject,
  timerSetSubject,
} from '#contracts/subjects.ts';

const KINDS = ['session', 'signal', 'action', 'result'] as const satisfies readonly LogKind[];
const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

/** NATS's own matching, by tokens. */
function matches(filter: string, subject: string): boolean {
  const [wanted, tokens] = [filter.split('.'), subject.split('.')];
  if (wanted.at(-1) === '>')
    return (
      tokens.length >= wanted.length && wanted.slice(0, -1).every((token, at) => token === '*' || token === tokens[at])
    );
  return wanted.length === tokens.length && wanted.every((token, at) => token === '*' || token === tokens[at]);
}

describe('subjects', () => {
  test('of the log are those of the contract', () => {
    expect(KINDS.map((kind) => logSubject(kind, 's1'))).toEqual([
      'combat.session.s1',
      'collector.signal.s1',
      'combat.action.s1',
      'combat.result.s1',
    ]);
    expect([
      executorBatchSubject('s1'),
      aiTurnSubject('s1', '-7'),
      timerSetSubject('s1'),
      timerDueSubject('s1'),
    ]).toEqual(['executor.batch.s1', 'ai.turn.s1.-7', 'timer.set.s1', 'timer.due.s1']);
    expect([sessionGetSubject('s1'), lockKey('s1'), deadSubject('collector.signal.s1')]).toEqual([
      'session.get.s1',
      'sys.busy.s1',
      'dead.collector.signal.s1',
    ]);
  });

  test('round trip: what is built is taken apart, and matched by its filters', () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), id, (kind, sessionId) => {
        const subject = logSubject(kind, sessionId);
        expect(parseLogSubject(subject)).toEqual({ kind, sessionId });
        expect(matches(logFilter(kind), subject)).toBe(true);
        expect(matches(sessionLogFilter(sessionId), subject)).toBe(true);
        expect(KINDS.filter((other) => matches(logFilter(other), subject))).toEqual([kind]);
        for (const other of [executorBatchSubject, timerSetSubject, timerDueSubject, sessionGetSubject]) {
          expect(sessionOfSubject(other(sessionId))).toBe(sessionId);
        }
      }),
    );
  });

  test('anything else is none, and throws at nobody', () => {
    fc.assert(
      fc.property(anyText, (subject) => {
        const parsed = parseLogSubject(subject);
        if (parsed !== null) expect(logSubject(parsed.kind, parsed.sessionId)).toBe(subject);
      }),
    );
    for (const none of [
      '',
      '.',
      'combat.session',
      'combat.session.',
      'combat.session.a.b',
      'combat.session.a b',
      'Combat.session.a',
      'x.combat.session.a',
      'combat.constructor.a',
      'timer.due.a',
      `combat.session.${'x'.repeat(65)}`,
    ]) {
      expect([none, parseLogSubject(none)]).toEqual([none, null]);
    }
  });

  test('no two streams take the same subject, and every message has one', () => {
    const definitions = streamDefinitions({ replicas: 1, logMaxAgeMs: 1000, logMaxBytes: -1 });
    const subjects = [
      ...KINDS.map((kind) => logSubject(kind, 's1')),
      executorBatchSubject('s1'),
      aiTurnSubject('s1', 'b'),
      timerSetSubject('s1'),
      timerDueSubject('s1'),
      deadSubject('combat.session.s1'),
    ];
    const takers = subjects.map((subject) =>
      definitions
        .filter((stream) => stream.subjects?.some((filter) => matches(filter, subject)))
        .map(({ name }) => name),
    );
    expect(takers).toEqual([
      ['COMBAT'],
      ['COMBAT'],
      ['COMBAT'],
      ['COMBAT'],
      ['TASKS'],
      ['TASKS'],
      ['TIMERS'],
      ['TIMERS'],
      ['DEAD'],
    ]);
  });
});

describe('reply_to', () => {
  test.each(['_INBOX.a', '_INBOX.abc.def', '_INBOX_client-1.X.9'])('%s is an inbox', (subject) =>
    expect(isInbox(subject)).toBe(true),
  );
  test.each([
    '',
    '_INBOX',
    '_INBOX.',
    '_INBOX..a',
    '_INBOX.a.',
    '_INBOX.*',
    '_INBOX.>',
    '_INBOX.a b',
    'x._INBOX.a',
    'combat.action.s1',
    'collector.signal.s1',
    '$JS.API.STREAM.DELETE.COMBAT',
    '_inbox.a',
    `_INBOX.${'x'.repeat(256)}`,
    '_INBOX.a\n',
  ])('%j is none', (subject) => expect(isInbox(subject)).toBe(false));
});
