// Proves how much a collector remembers of messages whose wakes went to another: the latest, and where its memory begins.

import { expect, test } from 'vitest';
import { encode } from '#contracts/decode.ts';
import { type LogEntry, readLogMessage } from '#contracts/log-message.ts';
import { newDesk, noteFolded, noteOn } from '#services/collector/desk.ts';

const NOTES_MAX = 1_024;

test('the oldest notes are dropped, and such a message must be read again', () => {
  const desk = newDesk('s1');
  const data = encode({ session_id: 's1', signal_type: 'check_timeout' });
  const timeout = readLogMessage('signal', 's1', data);
  for (let seq = 1; seq <= NOTES_MAX + 1; seq++) {
    const entry: LogEntry = { seq, time: 0, message: timeout };
    noteFolded(desk, entry, { refused: null, verdicts: [] });
  }
  const noteAt = (seq: number) =>
    noteOn({ memo: desk, foldedFrom: 0 } as Parameters<typeof noteOn>[0], { seq } as Parameters<typeof noteOn>[1]);
  expect(noteAt(1)).toBeUndefined();
  expect(noteAt(2)).toMatchObject({ timeout: true });
  expect(noteAt(NOTES_MAX + 1)).toMatchObject({ timeout: true });
  // Of what was folded since, nothing is to be said.
  expect(noteAt(NOTES_MAX + 2)).toEqual({ timeout: false, refused: null, verdicts: [], replyTo: null });
});
