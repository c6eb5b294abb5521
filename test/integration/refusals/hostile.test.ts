// Proves I10 on every subject there is: what cannot be decoded, speaks of another session, is too large or makes no sense is
// refused or dead-lettered whole, no process ends, and a bystander session fights on through all of it, its log complete.
// One collector, one executor, one AI worker; what is sent is described in tables.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { violationsOf } from '../../interop/history.ts';
import { openedBody, type Session, strike } from '../../interop/outsider.ts';
import { FAST_CLOCKS, PLAIN_RULES } from '../../interop/roles.ts';
import { STAGE_LIMIT_MS, Stage, TEST_LIMIT_MS } from '../../interop/stage.ts';
import { type Action, actionMessageOf, type LogEntry, type Result, resultMessageOf } from '../../interop/wire.ts';
import { until } from '../jetstream/rig.ts';

const DUEL = { red: ['a'], blue: ['b'] };
const TEN_YEARS_MS = 3_660 * 86_400_000;
const MESSAGE_BYTES = 512 * 1_024;
const STILL_OPEN = /never closed/;
/** Nobody dies of blows, however many there are. */
const STURDY = { hp: 1_000_000, damage: 1 };

let stage: Stage;
let bystander: Session;
let fighting: Promise<number>;
let over = false;

beforeAll(async () => {
  const environment = { ...FAST_CLOCKS, ...PLAIN_RULES };
  stage = await Stage.open({ collectors: 1, executors: 1, ais: 1, environment });
  bystander = stage.session('bystander');
  await bystander.open({ teams: DUEL, stats: STURDY });
  fighting = (async () => {
    let pairs = 0;
    for (; !over; pairs += 1) await bystander.pair(strike('a', 'b'), strike('b', 'a'));
    return pairs;
  })();
  fighting.catch(() => {});
}, STAGE_LIMIT_MS);

afterAll(async () => {
  await stage?.close();
}, STAGE_LIMIT_MS);

const text = (body: string): Uint8Array => new TextEncoder().encode(body);
const json = (body: unknown): Uint8Array => text(JSON.stringify(body));

/** A session that is open, and in use: the collector has answered for it. */
async function duel(also: Readonly<Record<string, unknown>> = {}): Promise<Session> {
  const session = stage.session();
  await session.open({ teams: DUEL, stats: STURDY, also });
  await session.state();
  return session;
}

/** The session's log as every fold reads it: what has been dead-lettered says nothing. */
function read(session: Session): LogEntry[] {
  const dead = new Set(session.deadLetters.map(({ origin }) => origin));
  return session.entries.map((entry) => (dead.has(`COMBAT:${entry.seq}`) ? { ...entry, body: undefined } : entry));
}

const resultsOf = (session: Session): Result[] =>
  read(session).flatMap((entry) => resultMessageOf(entry)?.results ?? []);
const actionsOf = (session: Session): Action[] =>
  read(session).flatMap((entry) => actionMessageOf(entry)?.actions ?? []);

/** One pair more is resolved. */
async function goesOn(session: Session): Promise<void> {
  const [ab, ba] = [strike('a', 'b'), strike('b', 'a')];
  await session.accept(ab, ba);
  await session.until(`the result of ${ab.move_id}`, () => {
    const action = actionsOf(session).find(({ move }) => move.move_id === ab.move_id);
    return resultsOf(session).find(({ action_id }) => action_id === action?.action_id);
  });
}

/** The session's log, but for its end, is as the rules of the game want it. */
function isWhole(session: Session): void {
  expect(violationsOf(read(session)).filter((line) => !STILL_OPEN.test(line))).toEqual([]);
}

const stream = (subject: string): string => {
  if (subject.startsWith('timer.')) return 'TIMERS';
  return subject.startsWith('executor.') || subject.startsWith('ai.') ? 'TASKS' : 'COMBAT';
};

/** Publishes, and checks that exactly these bytes are dead-lettered with a reason in one line. */
async function deadLettered(subject: string, data: Uint8Array): Promise<string> {
  const seq = await stage.outsider.publish(subject, data);
  const origin = `${stream(subject)}:${seq}`;
  // A letter is filed under the last token of its subject.
  const filed = stage.session(subject.split('.').at(-1));
  const letter = await filed.until(`the dead letter of ${origin} (${subject})`, () => {
    return filed.deadLetters.find((one) => one.origin === origin);
  });
  expect(letter.subject).toBe(`dead.${subject}`);
  expect(letter.reason).toMatch(/^[\x20-\x7e]{1,240}$/);
  expect(Buffer.from(letter.data).equals(data)).toBe(true);
  return letter.reason;
}

/** Every subject of a session that a message can be published to. */
const SUBJECTS = [
  'collector.signal.#',
  'combat.session.#',
  'combat.action.#',
  'combat.result.#',
  'executor.batch.#',
  'ai.turn.#.b',
  'timer.due.#',
];

const UNDECODABLE: [string, Uint8Array][] = [
  ['nothing', new Uint8Array()],
  ['a byte that begins nothing', Uint8Array.of(0xff)],
  ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00)],
  ['a byte order mark', text('\ufeff{}')],
  ['an overlong encoding', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22)],
  ['an encoded surrogate', Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
  ['half an object', text('{"session_id":')],
  ['two objects', text('{}{}')],
  ['NaN', text('NaN')],
  ['null', text('null')],
  ['an array', text('[]')],
  ['a string', text('"collector"')],
  ['a number', text('1e999')],
  ['an empty object', text('{}')],
  ['a prototype', text('{"__proto__":{"session_id":"x","type":"opened"},"constructor":{}}')],
];

describe.concurrent('bytes that are no message', { timeout: TEST_LIMIT_MS }, () => {
  test.each(SUBJECTS)('on %s are dead-lettered whole, and the session goes on', async (pattern) => {
    const session = await duel();
    await goesOn(session);
    const subject = pattern.replace('#', session.id);
    for (const [, data] of UNDECODABLE) await deadLettered(subject, data);
    await goesOn(session);
    isWhole(session);
  });

  test.each(SUBJECTS)(
    'larger than 512 KiB on %s are not taken in, or dead-lettered; the session goes on',
    async (pattern) => {
      const session = await duel();
      const subject = pattern.replace('#', session.id);
      const data = json({ session_id: session.id, pad: 'x'.repeat(MESSAGE_BYTES) });
      await expect(stage.outsider.publish(subject, data)).rejects.toThrow(/exceed/);
      await goesOn(session);
      isWhole(session);
    },
  );

  test.each(SUBJECTS)('of 512 KiB, rubbish from end to end, on %s are dead-lettered whole', async (pattern) => {
    const session = await duel();
    await goesOn(session);
    // Headers count: some hundred bytes are left for those of a dead letter.
    await deadLettered(pattern.replace('#', session.id), new Uint8Array(MESSAGE_BYTES).fill(0x5b));
    await goesOn(session);
  });

  test('as a question to session.get are answered, never in silence', async () => {
    const session = await duel();
    const bodies = [...UNDECODABLE.slice(1).map(([, data]) => data), json({ actor_id: 'x'.repeat(MESSAGE_BYTES) })];
    for (const data of [
      ...bodies,
      json({ actor_id: 'no id!' }),
      json({ actor_id: { a: 1 } }),
      json({ actor_id: 1e300 }),
    ]) {
      const answer = await stage.outsider.nc.request(`session.get.${session.id}`, data, { timeout: TEST_LIMIT_MS });
      expect(answer.json()).toMatchObject({});
    }
    for (const name of ['nobody', 'no%id', 'x'.repeat(65), 'valueOf', 'constructor', 'é']) {
      const answer = await stage.outsider.nc.request(`session.get.${name}`, json({}), { timeout: TEST_LIMIT_MS });
      expect(answer.json()).toEqual({ error: 'session_not_found' });
    }
    expect((await session.state('a')).queue).toEqual(['b']);
  });
});

describe.concurrent('a body that speaks of another session than its subject', { timeout: TEST_LIMIT_MS }, () => {
  const action = { action_id: '1', type: 'exchange', move: strike('a', 'b'), partner_move: null, is_forced: true };
  const result = { executed: 1, step: 1, results: [{ action_id: '1', status: 'done', hits: [] }], actors: {} };
  test.each<[string, object]>([
    ['collector.signal.#', { signal_type: 'check_immediate', moves: [strike('a', 'b')] }],
    ['collector.signal.#', { signal_type: 'heartbeat' }],
    ['collector.signal.#', { signal_type: 'check_timeout' }],
    ['combat.session.#', { type: 'closed', winner: 'red', reason: 'victory' }],
    ['combat.session.#', { type: 'left', actor_id: 'a' }],
    ['combat.session.#', { type: 'joined', actor_id: 'c', team: 'red', actor: { kind: 'player', stats: STURDY } }],
    ['combat.action.#', { through: 1, actions: [action] }],
    ['combat.result.#', { through: 1, ...result, deaths: ['a'], target_returns: [] }],
    ['executor.batch.#', { batch_size: 5, through: 1, lock_rev: 1 }],
    ['ai.turn.#.b', { bot_id: 'b', missing_targets: ['a'], request_id: 'b@1' }],
    ['timer.due.#', {}],
  ])('on %s: %o is dead-lettered and changes neither', async (pattern, body) => {
    const [session, other] = [await duel(), await duel()];
    const subject = pattern.replace('#', session.id);
    expect(await deadLettered(subject, json({ ...body, session_id: other.id }))).toMatch(/disagree/);
    await goesOn(session);
    await goesOn(other);
    for (const one of [session, other]) {
      expect(resultsOf(one).map(({ action_id, status }) => [action_id, status])).toEqual([['1', 'done']]);
      isWhole(one);
    }
  });

  test('on ai.turn: a request whose bot is not that of the subject', async () => {
    const session = await duel();
    const body = { session_id: session.id, bot_id: 'a', missing_targets: ['b'], request_id: 'a@1' };
    expect(await deadLettered(`ai.turn.${session.id}.b`, json(body))).toMatch(/bot_id/);
    await goesOn(session);
  });

  test('that is named as an integer is the same session, where it is', async () => {
    const session = stage.session(`${Math.trunc(Math.random() * 1e9)}`);
    await session.open({ teams: DUEL, stats: STURDY });
    const moves = [strike('a', 'b'), strike('b', 'a')] as const;
    await session.send({ session_id: Number(session.id), signal_type: 'check_immediate', moves });
    await session.resultOf(moves[0]);
  });
});

describe.concurrent('a subject whose session no id can name', { timeout: TEST_LIMIT_MS }, () => {
  test.each([
    'collector.signal.no%id',
    'combat.session.no%id',
    `collector.signal.${'x'.repeat(65)}`,
    'executor.batch.no%id',
    'ai.turn.no%id.b',
    'timer.due.no%id',
  ])('%s is dead-lettered', async (subject) => {
    const signal = { session_id: 's', signal_type: 'heartbeat' };
    await deadLettered(subject, json(signal));
  });
});

describe.concurrent('a session that nobody opened', { timeout: TEST_LIMIT_MS }, () => {
  test('is not made by tasks, timers, actions, results or signals, and opens as if there had been none', async () => {
    const session = stage.session();
    const { id } = session;
    const put = (subject: string, body: object) => stage.outsider.publish(subject, { session_id: id, ...body });
    await put(`executor.batch.${id}`, { batch_size: 5, through: 0, lock_rev: 0 });
    await put(`ai.turn.${id}.b`, { bot_id: 'b', missing_targets: ['a', 'nobody'], request_id: 'b@1' });
    await put(`timer.due.${id}`, { move_id: 'm' });
    await put(`collector.signal.${id}`, { signal_type: 'heartbeat', lock_rev: 4_711 });
    await put(`combat.result.${id}`, {
      through: 1,
      executed: 1,
      step: 1,
      results: [],
      actors: {},
      deaths: [],
      target_returns: [],
    });
    await until('the moves of the AI', () => session.signals().some(({ signal }) => (signal.moves ?? []).length > 0));
    await until('the timeout', () => session.timedOut);
    expect(await session.refusal(strike('a', 'b'))).toBe('session_not_found');
    expect((await session.ask({})).body).toEqual({ error: 'session_not_found' });
    expect(session.actions()).toEqual([]);
    await session.open({ teams: DUEL, stats: STURDY });
    await goesOn(session);
    expect(session.outcomes()).toEqual(['1 done']);
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['unknown rules', { rules: { name: 'no-such-rules', version: 1 } }],
    ['an unknown version', { rules: { name: 'plain', version: 2 } }],
    ['rules named as a prototype', { rules: { name: '__proto__', version: 1 } }],
    ['a version of no integer', { rules: { name: 'plain', version: 1e300 } }],
    [
      'stats the rules refuse',
      { actors: { a: { kind: 'player', stats: { hp: -1 } }, b: { kind: 'player', stats: STURDY } } },
    ],
    ['stats of infinite size', { max_steps: 'INFINITE' }],
    ['an idle time beyond the log', { idle_close_ms: Number.MAX_SAFE_INTEGER }],
    ['no time at all', { move_timeouts_ms: [] }],
    ['a time before now', { move_timeouts_ms: [-1] }],
    ['steps of no integer', { max_steps: 1e300 }],
  ])('and that is opened with %s is closed as invalid, with a dead letter', async (_what, also) => {
    const session = stage.session();
    const body = JSON.stringify(openedBody(session.id, { teams: DUEL, stats: STURDY, also })).replace(
      '"INFINITE"',
      '1e999',
    );
    const seq = await session.life(text(body));
    expect(await session.ended()).toMatchObject({ reason: 'invalid', winner: null });
    expect((await session.deadLetterOf(seq)).reason).toMatch(/./);
    expect(await session.refusal(strike('a', 'b'))).toBe('session_closed');
  });
});

describe.concurrent('values that are odd and sound', { timeout: TEST_LIMIT_MS }, () => {
  const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'] as const;

  test('sessions, teams and actors named as parts of a prototype fight like others', async () => {
    const session = stage.session('__proto__');
    const [red1, red2, blue1, blue2] = NAMES;
    const actors = NAMES.map(
      (id) => `${JSON.stringify(id)}:{"kind":"player","stats":{"hp":1000,"__proto__":{"hp":1}}}`,
    );
    const teams = `{"__proto__":["${red1}","${red2}"],"valueOf":["${blue1}","${blue2}"]}`;
    await session.life(
      text(
        `{"type":"opened","session_id":"__proto__","teams":${teams},"actors":{${actors}},"rules":{"name":"plain","version":1}}`,
      ),
    );
    const moves = [strike(red1, blue1), strike(blue1, red1), strike(blue2, red2), strike(red2, blue2)] as const;
    await session.accept(...moves);
    await session.resolved(2);
    expect(session.outcomes()).toEqual(['1 done', '2 done']);
    const asked = await session.ask({ actor_id: red1 });
    expect(asked.text).toContain('"__proto__":["__proto__","constructor"]');
    expect(asked.body).toMatchObject({ status: 'open', step: 2 });
    const snapshot = await session.snapshot(
      'sessions',
      'the pairs',
      (value) => Number(value.seq) >= session.entries.at(-2)!.seq,
    );
    expect(JSON.stringify(snapshot)).toContain('hasOwnProperty');
    isWhole(session);
    expect(({} as { hp?: number }).hp).toBeUndefined();
  });

  test('a payload with __proto__, lone surrogates, huge and tiny numbers is passed on exactly', async () => {
    const session = await duel();
    const odd =
      '{"target_id":"b","__proto__":{"target_id":"a"},"lone":"\\ud800 \\udc00","nul":"\\u0000","huge":1e308,"tiny":5e-324,"minus":-0.5,"deep":[[[[[[]]]]]],"":""}';
    const move = `{"move_id":"odd","char_id":"a","strategy":"exchange","payload":${odd}}`;
    await session.sendBytes(text(`{"session_id":"${session.id}","signal_type":"check_immediate","moves":[${move}]}`));
    const answer = strike('b', 'a');
    await session.accept(answer);
    await session.resultOf(answer);
    const entry = session.entries.find(({ kind }) => kind === 'action')!;
    const sent = JSON.stringify(JSON.parse(odd));
    expect(Buffer.from(entry.data).toString()).toContain(`"payload":${sent}`);
    isWhole(session);
  });

  test('numbers beyond what a number can hold are refused or carried alike by every replica', async () => {
    const session = await duel();
    const signal = (payload: string, id: string): Uint8Array =>
      text(
        `{"session_id":"${session.id}","signal_type":"check_immediate","moves":[{"move_id":"${id}","char_id":"a","strategy":"instant","payload":{"target_id":"b","skill_id":"x",${payload}}}]}`,
      );
    for (const [n, damage] of ['1e999', '-1e999', '1e-999', '1e308'].entries()) {
      await session.sendBytes(signal(`"damage":${damage}`, `n${n}`));
    }
    await session.resolved(4);
    expect(session.results()).toHaveLength(4);
    isWhole(session);
    await until(
      'life or death',
      async () => session.closed() !== undefined || (await session.ask({})).body !== undefined,
    );
  });

  test('a session whose moves may wait for ever has snapshots that can be read again', async () => {
    const session = await duel({ move_timeouts_ms: [TEN_YEARS_MS] });
    await session.send({ signal_type: 'check_immediate', moves: [strike('a', 'b')] });
    await session.snapshot('sessions', 'the open move', (value) => (value.moves as unknown[]).length === 1);
    const second = await stage.start('collector');
    await Promise.all(
      Array.from({ length: 20 }, () =>
        stage.outsider.nc.request(`session.get.${session.id}`, json({}), { timeout: TEST_LIMIT_MS }),
      ),
    );
    const complaints = [...stage.roles('collector'), second].flatMap(({ lines }) =>
      lines.filter((line) => line.includes(session.id)),
    );
    expect(complaints.filter((line) => /cannot be read/.test(line))).toEqual([]);
  });

  test('256 moves of one signal, each wrong in another way, are refused one by one and the good one among them stands', async () => {
    const session = await duel();
    const good = strike('a', 'b');
    const wrong: unknown[] = [null, 0, '', [], {}, 'x', true, { move_id: 'm' }, { ...good, move_id: {} }];
    const odd = [
      { ...good, char_id: 1.5 },
      { ...good, payload: null },
      { ...good, payload: [] },
      { ...good, strategy: '__proto__' },
    ];
    const aims = ['', 'self', 'all_enemies', 'random_enemy_1', 'b ', 'B', ['b'], { b: 1 }, 1e300, null];
    const aimed = aims.map((target_id, n) => ({ ...good, move_id: `aim${n}`, payload: { target_id } }));
    const fat = { ...good, move_id: 'fat', payload: { target_id: 'b', pad: 'x'.repeat(2_048) } };
    const moves = [...wrong, ...odd, ...aimed, fat, good];
    const { verdicts } = await session.submit(...moves);
    expect(verdicts.filter((verdict) => verdict.accepted).map((verdict) => verdict.move_id)).toEqual([good.move_id]);
    const codes = new Set(verdicts.flatMap((verdict) => (verdict.accepted ? [] : [verdict.code])));
    expect([...codes].sort()).toEqual(['invalid_move', 'target_unknown']);
    await session.accept(strike('b', 'a'));
    await session.resultOf(good);
  });
});

describe.concurrent('reply_to', { timeout: TEST_LIMIT_MS }, () => {
  test('that is no inbox is not obeyed: nothing is written anywhere else', async () => {
    const session = await duel();
    const heard: string[] = [];
    const spy = stage.outsider.nc.subscribe('>', {
      callback: (_error, message) => {
        if (/"accepted":(true|false)/.test(message.string())) heard.push(message.subject);
      },
    });
    const places = [
      `combat.action.${session.id}`,
      `combat.result.${session.id}`,
      `combat.session.${session.id}`,
      `collector.signal.${session.id}`,
      `executor.batch.${session.id}`,
      `$KV.locks.sys.busy.${session.id}`,
      `$KV.sessions.${session.id}`,
      '$JS.API.STREAM.PURGE.TASKS',
      'dead.letters',
      'anything',
      '_INBOX',
      '_INBOX.',
      '_INBOX.*',
      '_INBOX.>',
      '_INBOX..x',
      ' _INBOX.x',
      '_INBOX.x y',
      '_INBOX.x\r\nPUB evil 0\r\n\r\n',
      'x_INBOX.y',
      `_INBOX.${'x'.repeat(300)}`,
      '',
    ];
    const before = session.entries.length;
    for (const reply_to of places) {
      await session.send({ signal_type: 'check_immediate', moves: [strike('a', 'nobody')], reply_to });
    }
    for (const reply_to of [7, {}, []] as unknown as string[]) {
      await session.send({ signal_type: 'check_immediate', moves: [strike('a', 'nobody')], reply_to });
    }
    // A verdict that is obeyed comes after all of them.
    await session.accept(strike('a', 'b'), strike('b', 'a'));
    await session.resolved(1);
    spy.unsubscribe();
    expect(heard.filter((subject) => !/^_INBOX\.outsider\./.test(subject))).toEqual([]);
    const kinds = session.entries.slice(before).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind !== 'signal')).toEqual(['action', 'result']);
  });
});

describe.concurrent('messages that are sound and not ours', { timeout: TEST_LIMIT_MS }, () => {
  test('a foreign action or result that does not continue the count is dead-lettered, and nobody follows it', async () => {
    const session = await duel();
    await goesOn(session);
    const { id } = session;
    const action = { action_id: '9', type: 'exchange', move: strike('a', 'b'), partner_move: null, is_forced: true };
    const results = [{ action_id: '9', status: 'done', hits: [] }];
    const tail = {
      executed: 9,
      step: 9,
      results,
      actors: { a: { hp: 0, dead: true } },
      deaths: ['a'],
      target_returns: [],
    };
    await deadLettered(`combat.action.${id}`, json({ session_id: id, through: 1, actions: [action] }));
    await deadLettered(`combat.result.${id}`, json({ session_id: id, through: 1, ...tail }));
    await goesOn(session);
    expect((await session.state()).actors.a).toMatchObject({ dead: false });
  });

  test('a foreign action that stands in the log before the session is in use is dead-lettered as well', async () => {
    const session = stage.session();
    const body = json({ session_id: session.id, through: 1, actions: [] });
    const seq = await stage.outsider.publish(`combat.action.${session.id}`, body);
    await session.open({ teams: DUEL, stats: STURDY });
    await goesOn(session);
    expect(Buffer.from((await session.deadLetterOf(seq)).data).equals(body)).toBe(true);
  });

  test('heartbeats with revisions nobody wrote, timeouts of nobody and turns of strangers change nothing', async () => {
    const session = await duel();
    const { id } = session;
    for (const lock_rev of [0, 1, Number.MAX_SAFE_INTEGER, -1, 1.5, 'x', null]) {
      await session.send({ signal_type: 'heartbeat', lock_rev });
      await goesOn(session);
    }
    for (const [bot_id, missing_targets] of [
      ['a', ['b']],
      ['ghost', ['a', 'b']],
      ['b', ['b']],
    ] as const) {
      await stage.outsider.publish(`ai.turn.${id}.${bot_id}`, {
        session_id: id,
        bot_id,
        missing_targets,
        request_id: 'x',
      });
    }
    await until('the turn of a', () => session.signals().some(({ signal }) => signal.char_id === 'a'));
    const answer = strike('b', 'a');
    await session.accept(answer);
    await session.resultOf(answer);
    isWhole(session);
  });

  test('100 tasks for a session that has nothing to do are done, and each brings one heartbeat', async () => {
    const session = await duel();
    await goesOn(session);
    const beats = () => session.signals().filter(({ signal }) => signal.signal_type === 'heartbeat').length;
    const before = beats();
    const task = { session_id: session.id, batch_size: 5, through: session.entries.at(-1)!.seq, lock_rev: 1 };
    await Promise.all(Array.from({ length: 100 }, () => stage.outsider.publish(`executor.batch.${session.id}`, task)));
    await until('their heartbeats', () => beats() >= before + 100);
    await goesOn(session);
    isWhole(session);
  });
});

test('the bystander has fought on through all of it, its log complete', { timeout: TEST_LIMIT_MS }, async () => {
  over = true;
  const pairs = await fighting;
  expect(pairs).toBeGreaterThan(10);
  expect(bystander.outcomes()).toEqual(Array.from({ length: pairs }, (_, n) => `${n + 1} done`));
  expect(bystander.deadLetters).toEqual([]);
  isWhole(bystander);
  for (const name of ['collector', 'executor', 'ai'] as const) expect(stage.roles(name).length).toBeGreaterThan(0);
});
