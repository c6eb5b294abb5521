// Proves what the rights must never come to hold, whoever edits them: each line here is a promise of docs/security.md. That the
// server keeps to them is for test/integration/rights.

import { describe, expect, test } from 'vitest';
import { inboxPrefix, mayBeTold, rightsOf, USERS, type User } from '#contracts/rights.ts';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { covers, isInbox } from '#contracts/subjects.ts';

const rights = rightsOf();

/** Everybody who has a right to a subject. */
const whoMay = (does: 'publish' | 'subscribe', subject: string): User[] =>
  USERS.filter((user) => rights[user][does].some((allowed) => covers(allowed, subject)));

const api = (path: string): string => `$JS.API.${path}`;

describe('pending moves', () => {
  test('are heard and read by collector, executor, observer and operator, and by no game server or AI worker', () => {
    expect(whoMay('subscribe', 'collector.signal.s')).toEqual(['observer']);
    for (const read of ['DIRECT.GET.COMBAT', 'STREAM.MSG.GET.COMBAT']) {
      expect(whoMay('publish', api(read))).toEqual(['collector', 'executor', 'observer', 'operator']);
    }
    expect(whoMay('publish', api('DIRECT.GET.COMBAT.collector.signal.s'))).toEqual(['operator']);
    expect(whoMay('publish', api('CONSUMER.CREATE.COMBAT.x.collector.signal.*'))).toEqual(['operator']);
    expect(whoMay('publish', api('CONSUMER.CREATE.COMBAT.x.*.*.*'))).toEqual(['operator']);
    expect(whoMay('publish', api('CONSUMER.CREATE.COMBAT.x'))).toEqual(['collector', 'operator']);
    for (const any of ['CONSUMER.CREATE.COMBAT', 'CONSUMER.DURABLE.CREATE.COMBAT.x', 'STREAM.SNAPSHOT.COMBAT']) {
      expect(whoMay('publish', api(any))).toEqual(['operator']);
    }
    for (const bucket of ['sessions', 'battles', 'locks']) {
      expect(whoMay('subscribe', `$KV.${bucket}.s`)).toEqual([]);
      for (const read of ['DIRECT.GET', 'STREAM.MSG.GET']) {
        const readers = whoMay('publish', api(`${read}.KV_${bucket}`));
        expect(readers).not.toContain('game_server');
        expect(readers).not.toContain('ai');
      }
    }
  });
});

describe('durable consumers', () => {
  const OWNER: Record<ConsumerName, User> = {
    collector: 'collector',
    timers: 'collector',
    executor: 'executor',
    ai: 'ai',
  };

  test.each(Object.keys(CONSUMERS) as ConsumerName[])('%s is taken from by its role alone', (name) => {
    const { stream } = CONSUMERS[name];
    expect(whoMay('publish', `$JS.ACK.${stream}.${name}.1.2.3.4.5`)).toEqual([OWNER[name]]);
    expect(whoMay('publish', api(`CONSUMER.MSG.NEXT.${stream}.${name}`))).toEqual([OWNER[name], 'operator']);
    for (const verb of ['DELETE', 'PAUSE', 'RESET', 'UNPIN', 'LEADER.STEPDOWN']) {
      expect(whoMay('publish', api(`CONSUMER.${verb}.${stream}.${name}`))).toEqual(['operator']);
    }
  });

  test('who may create consumers on the log by a name, and is not the collector, cannot see its seal', () => {
    const creators = whoMay('publish', api('CONSUMER.CREATE.COMBAT.collector.combat.*.*'));
    expect(creators).toEqual(['game_server', 'executor', 'operator']);
    const lookers = [api('CONSUMER.INFO.COMBAT.collector'), api('CONSUMER.LIST.COMBAT')].flatMap((subject) =>
      whoMay('publish', subject),
    );
    expect(lookers).not.toContain('game_server');
    expect(lookers).not.toContain('executor');
    expect(CONSUMERS.collector.sealed).toBe(true);
    for (const name of ['timers', 'executor', 'ai'] as const) {
      expect(whoMay('publish', api(`CONSUMER.CREATE.${CONSUMERS[name].stream}.${name}`))).toEqual(['operator']);
    }
  });

  test('of game servers are those that were named', () => {
    const [own] = [rightsOf(['rewards']).game_server.publish];
    expect(own.filter((subject) => subject.includes('rewards'))).toHaveLength(3);
    expect(own.filter((subject) => subject.includes('results'))).toEqual([]);
    expect(own.some((subject) => covers(subject, api('CONSUMER.MSG.NEXT.COMBAT.other')))).toBe(false);
  });
});

describe('what is written', () => {
  test.each<[subject: string, by: readonly User[]]>([
    ['combat.session.s', ['game_server', 'collector', 'operator']],
    ['collector.signal.s', ['game_server', 'collector', 'executor', 'ai', 'operator']],
    ['combat.action.s', ['collector']],
    ['combat.result.s', ['executor']],
    ['executor.batch.s', ['collector', 'operator']],
    ['ai.turn.s.b', ['collector', 'operator']],
    ['timer.set.s', ['collector']],
    ['timer.due.s', ['operator']],
    ['$KV.sessions.s', ['collector']],
    ['$KV.battles.s', ['executor']],
    ['$KV.locks.sys.busy.s', ['collector', 'executor']],
    ['$KV.locks.sys.tries.s', ['executor']],
    ['$KV.locks.s', []],
    ['dead.s', []],
    ['$SYS.REQ.SERVER.PING', []],
    ['$KV.sessions.>', []],
    ['>', []],
  ])('%s: by %j', (subject, by) => {
    expect(whoMay('publish', subject)).toEqual(by);
  });

  test('streams are made, changed, emptied and removed by the operator alone', () => {
    for (const verb of [
      'CREATE',
      'UPDATE',
      'DELETE',
      'PURGE',
      'MSG.DELETE',
      'RESTORE',
      'PEER.REMOVE',
      'LEADER.STEPDOWN',
    ]) {
      for (const stream of ['COMBAT', 'TASKS', 'TIMERS', 'DEAD', 'ACTIONS', 'KV_sessions', 'KV_locks', 'NEW']) {
        expect(whoMay('publish', api(`STREAM.${verb}.${stream}`))).toEqual(['operator']);
      }
    }
  });

  test('an observer publishes requests that only read', () => {
    const READS =
      /^(\$JS\.API\.(INFO|STREAM\.(INFO|NAMES|LIST|MSG\.GET)|DIRECT\.GET|CONSUMER\.(INFO|NAMES|LIST))(\.|$)|session\.get\.)/;
    expect(rights.observer.publish.filter((subject) => !READS.test(subject))).toEqual([]);
  });
});

describe('inboxes', () => {
  test.each(USERS)('of %s are its own: collectors answer game servers, operators lend observers their ears', (user) => {
    const inbox = `${inboxPrefix(user)}.x`;
    expect(isInbox(inbox)).toBe(true);
    expect(whoMay('subscribe', inbox)).toEqual(user === 'observer' ? ['observer', 'operator'] : [user]);
    expect(whoMay('publish', inbox)).toEqual(user === 'game_server' ? ['collector'] : []);
  });

  test('are told verdicts where they are those of a game server, or of a program under another name', () => {
    const told = ['_INBOX_game_server.x', '_INBOX.x', '_INBOX_client-1.x.y', '_INBOX_collectors.x'];
    expect(told.map((inbox) => [inbox, mayBeTold(inbox)])).toEqual(told.map((inbox) => [inbox, true]));
    for (const user of USERS.filter((other) => other !== 'game_server')) {
      expect(mayBeTold(`${inboxPrefix(user)}.x.y`)).toBe(false);
    }
  });

  test('of others are nobody’s, nor is all there is', () => {
    for (const subject of ['_INBOX.x', '_INBOX.>', '>', '*.x', '_R_.x', '$SYS.>', '$JS.>']) {
      expect(whoMay('subscribe', subject)).toEqual([]);
    }
    expect(whoMay('publish', '_R_.x')).toEqual(['collector']);
  });
});
