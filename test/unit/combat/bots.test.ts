import { describe, expect, test } from 'vitest';
import { codes, exchange, LogBench, type Opening, START } from './log-bench.ts';

const BOT = { kind: 'ai' } as const;
const open = (teams: Opening['teams'], bots: readonly string[], rest: object = {}) =>
  LogBench.open({ teams, actors: Object.fromEntries(bots.map((id) => [id, BOT])), ...rest });

describe('AI requests', () => {
  test('C7 a bot with three enemies, one covered: one request with the two missing', () => {
    const bench = open({ blue: ['P', 'Q', 'R'], red: ['bot'] }, ['bot']);
    bench.strike('bot', 'Q');
    expect(bench.collect().requests).toEqual([
      { session_id: 's1', bot_id: 'bot', missing_targets: ['P', 'R'], request_id: 'bot@2' },
    ]);
    expect(bench.collect().requests).toEqual([]);
  });

  test('C17 ten nudges while a bot owes a blow: one request; the returned target brings exactly one more', () => {
    const bench = open({ blue: ['P'], red: ['bot'] }, ['bot']);
    for (let nudge = 0; nudge < 10; nudge++) {
      bench.nudge();
      bench.heartbeat();
      bench.collect();
    }
    expect(bench.requests.map(({ request_id }) => request_id)).toEqual(['bot@1']);
    expect(codes(bench.answer(bench.requests[0]!))).toEqual(['accepted']);
    const answered = bench.seq;
    bench.strike('P', 'bot');
    bench.settle();
    for (let nudge = 0; nudge < 10; nudge++) {
      bench.nudge();
      bench.collect();
    }
    const result = bench.entries.find(({ message }) => message.kind === 'result')!;
    expect(result.seq).toBeGreaterThan(answered);
    expect(bench.requests.map(({ request_id }) => request_id)).toEqual(['bot@1', `bot@${result.seq}`]);
  });

  test('a request answered twice changes nothing', () => {
    const bench = open({ blue: ['P', 'Q'], red: ['bot'] }, ['bot']);
    const request = bench.collect().requests[0]!;
    expect(codes(bench.answer(request))).toEqual(['accepted', 'accepted']);
    expect(codes(bench.answer(request))).toEqual(['duplicate_move', 'duplicate_move']);
    expect(bench.pool()).toHaveLength(2);
  });

  test('players are never asked, nor a bot without living enemies in its queue', () => {
    const bench = open({ blue: ['P', 'bot2'], red: ['bot', 'Q'] }, ['bot', 'bot2'], { targets: { bot2: [] } });
    expect(bench.collect().requests.map(({ bot_id }) => bot_id)).toEqual(['bot']);
  });

  test('a situation is the message that last put a target into the queue or took one out', () => {
    const bench = open({ blue: ['P', 'Q'], red: ['bot', 'E'] }, ['bot']);
    const situations: string[] = [];
    const look = () => {
      situations.push(...bench.collect().requests.map(({ request_id }) => request_id));
    };
    look(); //                                                 1 opened, folded as sequence 1
    bench.strike('P', 'bot'); //                               2 somebody else's blow: no change
    look();
    bench.strike('bot', 'Q'); //                               3 took one out
    look();
    bench.strike('bot', 'Q'); //                               4 refused: no change
    look();
    bench.join('N', 'red'); //                                 5 an ally: no change
    look();
    bench.join('M', 'blue'); //                                6 an enemy
    look();
    bench.leave('E'); //                                       7 an ally: no change
    look();
    bench.leave('Q'); //                                       8 stands in the open blow, not in the queue: no change
    look();
    bench.leave('M'); //                                       9 took one out
    look();
    expect(situations).toEqual(['bot@1', 'bot@3', 'bot@6', 'bot@9']);
  });

  test('the first 64 in queue order are asked, the rest when these are covered', () => {
    const enemies = Array.from({ length: 70 }, (_, at) => `P${at}`);
    const bench = open({ blue: enemies, red: ['bot'] }, ['bot']);
    const first = bench.collect().requests[0]!;
    expect(first.missing_targets).toEqual(enemies.slice(0, 64));
    expect(bench.collect().requests).toEqual([]);
    expect(new Set(codes(bench.answer(first)))).toEqual(new Set(['accepted']));
    const second = bench.collect().requests;
    expect(second).toEqual([
      { session_id: 's1', bot_id: 'bot', missing_targets: enemies.slice(64), request_id: 'bot@2' },
    ]);
    bench.answer(second[0]!);
    expect(bench.collect().requests).toEqual([]);
  });

  test('bots are asked while others wait for the executor, and not once the fight has ended', () => {
    const bench = open({ blue: ['P', 'Q'], red: ['bot', 'A'] }, ['bot']);
    bench.declare(exchange('ap', 'A', 'P', { damage: 1000 }), exchange('aq', 'A', 'Q', { damage: 1000 }));
    bench.timeout({ move_id: 'ap' });
    const { actions, requests, dispatch } = bench.collect();
    expect([actions.length, requests.length, dispatch]).toEqual([1, 1, { batchSize: 50 }]);
    bench.execute();
    expect(bench.collect().requests.map(({ missing_targets }) => missing_targets)).toEqual([['Q']]);
    bench.timeout({ move_id: 'aq' });
    bench.collect();
    bench.execute();
    const end = bench.collect();
    expect([end.close, end.requests]).toEqual([{ winner: 'red', reason: 'victory' }, []]);
  });
});

describe('a bot that stays silent', () => {
  test('C23 is a deadline: asked again by the first check_timeout after 30 s, not before, and again 30 s later', () => {
    const bench = open({ blue: ['P'], red: ['bot'] }, ['bot']);
    expect(bench.collect().deadline).toBe(START + 30_000);
    bench.wait(29_999).timeout();
    expect(bench.collect().requests).toEqual([]);
    bench.wait(1).nudge();
    expect(bench.collect().requests).toEqual([]);
    bench.timeout();
    const again = bench.collect();
    expect(again.requests).toEqual([
      { session_id: 's1', bot_id: 'bot', missing_targets: ['P'], request_id: `bot@${bench.seq}` },
    ]);
    expect(again.deadline).toBe(START + 60_000);
    bench.timeout();
    expect(bench.collect().requests).toEqual([]);
    bench.wait(30_000).timeout({ char_id: 'P' });
    expect(bench.collect().requests.map(({ request_id }) => request_id)).toEqual([`bot@${bench.seq}`]);
  });

  test('C23 with no AI at all the session closes as abandoned in the end', () => {
    const bench = open({ blue: ['P'], red: ['bot'] }, ['bot']);
    let fires = 0;
    for (; bench.session.status === 'open' && fires < 100; fires++) {
      const { deadline } = bench.collect();
      if (deadline === null) break;
      expect(deadline).toBeGreaterThan(bench.time);
      bench.time = deadline;
      bench.timeout();
    }
    expect(bench.session).toMatchObject({ status: 'closed', winner: null, closeReason: 'abandoned' });
    expect(bench.time).toBe(START + 600_000);
    expect(fires).toBe(20);
    expect(bench.requests).toHaveLength(20);
  });

  test('a renewal counts from the situation, and one bot’s is not another’s', () => {
    const bench = open({ blue: ['P', 'Q'], red: ['b1', 'b2'] }, ['b1', 'b2']);
    bench.collect();
    bench.wait(20_000).strike('b1', 'P');
    const struck = bench.seq;
    expect(bench.collect().requests.map(({ request_id }) => request_id)).toEqual([`b1@${struck}`]);
    bench.wait(10_000).timeout();
    expect(bench.collect().requests.map(({ request_id }) => request_id)).toEqual([`b2@${bench.seq}`]);
    bench.wait(20_000).timeout();
    expect(bench.collect().requests.map(({ request_id }) => request_id)).toEqual([`b1@${bench.seq}`]);
  });

  test('a bot whose queue is covered is no deadline', () => {
    const bench = open({ blue: ['P'], red: ['bot'] }, ['bot']);
    bench.answer(bench.collect().requests[0]!);
    expect(bench.collect().deadline).toBe(START + 60_000);
  });
});
