/**
 * Owns a bench's log as the streams would hold it, for the judge: COMBAT, with DEAD and ACTIONS as they follow from it; to be
 * read as they are, or tampered with first.
 */
import type { Breach } from '#cli/audit/breach.ts';
import { Judge, type Read } from '#cli/audit/judge.ts';
import { evolve, initialSession } from '#combat/session.ts';
import { encode } from '#contracts/decode.ts';
import { readLogMessage } from '#contracts/log-message.ts';
import { ORIGIN_HEADER, REASON_HEADER } from '#contracts/streams.ts';
import { deadSubject, type LogKind, logSubject, parseLogSubject } from '#contracts/subjects.ts';
import type { LogBench } from '#test/unit/combat/log-bench.ts';

/** A message of a stream, to be tampered with. */
export interface Stored {
  seq: number;
  time: number;
  subject: string;
  data: Uint8Array;
  headers: Record<string, string>;
}

/** The three streams of a run. */
export interface Streams {
  combat: Stored[];
  dead: Stored[];
  actions: Stored[];
}

/** The log of a bench. */
export function logOf({ id, raw }: LogBench): Stored[] {
  return raw.map(({ seq, time, kind, bytes }) => stored(seq, time, logSubject(kind, id), bytes));
}

/** The streams of a run that left this log: what folds refuse is buried, actions are sourced. */
export function streamsOf(bench: LogBench, combat: Stored[] = logOf(bench)): Streams {
  const dead: Stored[] = [];
  const session = initialSession(bench.id);
  for (const { seq, time, subject, data } of combat) {
    const parsed = parseLogSubject(subject);
    if (parsed === null) continue;
    const message = readLogMessage(parsed.kind, bench.id, data);
    const { refused } = evolve(session, { seq, time, message }, bench.rules);
    if (refused === null) continue;
    const headers = { [REASON_HEADER]: refused, [ORIGIN_HEADER]: `COMBAT:${seq}` };
    dead.push(stored(dead.length + 1, time, deadSubject(subject), data, headers));
  }
  const emitted = combat.filter(({ subject }) => subject === logSubject('action', bench.id));
  const actions = emitted.map(({ seq, time, subject, data }, at) =>
    stored(at + 1, time, subject, data, { 'Nats-Stream-Source': `COMBAT ${seq} combat.action.* > combat.action.*` }),
  );
  return { combat, dead, actions };
}

/** What the judge says of streams that have come to rest. */
export function judged({ rules }: Pick<LogBench, 'rules'>, { combat, dead, actions }: Streams, atRest = false) {
  const judge = new Judge(rules, { firstSeq: 1, isWhole: false });
  const lastSeq = combat.at(-1)?.seq ?? 0;
  for (const message of combat) judge.take(asRead(message));
  for (const letter of dead) judge.letters.take(asRead(letter));
  for (const message of actions) judge.record.take(asRead(message), 1, lastSeq);
  if (atRest) for (const trial of judge.held()) trial.judgeRest();
  return judge.finish(lastSeq, 0, atRest);
}

/** Breaches as `seq invariant what`. */
export function told(breaches: readonly Breach[]): string[] {
  return breaches.map(({ seq, invariant, what }) => `${seq} ${invariant} ${what}`);
}

/** A message of a stream. */
export function stored(
  seq: number,
  time: number,
  subject: string,
  data: Uint8Array,
  headers: Record<string, string> = {},
): Stored {
  return { seq, time, subject, data, headers };
}

/** The messages of one kind. */
export function ofKind(kind: LogKind, messages: readonly Stored[]): Stored[] {
  return messages.filter(({ subject }) => parseLogSubject(subject)?.kind === kind);
}

/** A message's body. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into bodies of every kind to spoil them.
export function bodyOf({ data }: Stored): any {
  return JSON.parse(new TextDecoder().decode(data));
}

/** Spoils a message's body. */
// biome-ignore lint/suspicious/noExplicitAny: likewise.
export function spoil(message: Stored, change: (body: any) => void): void {
  const body = bodyOf(message);
  change(body);
  message.data = encode(body);
}

function asRead({ headers, ...message }: Stored): Read {
  return { ...message, header: (name) => headers[name] ?? '' };
}
