import * as fc from 'fast-check';
import { test } from 'vitest';
import { RandomBench, randomLog } from './random-log.ts';
test('stats', () => {
  const seen: Record<string, number> = {};
  const mark = (what: string, is: unknown) => { if (is) seen[what] = (seen[what] ?? 0) + 1; };
  let steps = 0, n = 0;
  fc.assert(fc.property(randomLog(), (log) => {
    const b = new RandomBench().play(log); n++; steps += b.entries.length;
    const f = b.session.fight;
    mark('opened', f); if (!f) return;
    mark('pair', b.actions.some((a) => a.partner_move));
    mark('forced', b.actions.some((a) => a.is_forced));
    mark('instant', b.actions.some((a) => a.type !== 'exchange'));
    mark('death', [...f.roster.byId.values()].some((a) => a.standing === 'dead'));
    mark('gone', [...f.roster.byId.values()].some((a) => a.standing === 'gone'));
    for (const st of ['done', 'failed', 'skipped'] as const) mark(st, b.results.some((r) => r.status === st));
    for (const r of ['target_dead', 'source_dead', 'target_gone', 'session_closed', 'no_target']) mark(r, b.results.some((x) => x.reason === r));
    mark('close ' + b.session.closeReason, b.session.closeReason);
    mark('requests>3', b.requests.length > 3);
    mark('executed>5', f.executed > 5); mark('executed>15', f.executed > 15);
    mark('afk>1', [...f.roster.byId.values()].some((a) => a.afkLevel > 1));
    mark('stale action', b.entries.some((e, i) => e.message.kind === 'action' && i > 0 && e.message.body.through < b.entries[i - 1]!.seq && !e.message.body.actions.some((a) => Number(a.action_id) > 900)));
    mark('half pair', b.pool().length && b.actions.some((a) => a.is_forced));
  }), { numRuns: 1500 });
  console.log(JSON.stringify(seen), steps / n);
}, 100000);
