import { RandomBench } from '#test/property/random-log.ts';
import { Judge } from '#cli/audit/judge.ts';
import { LogBench, exchange } from '#test/unit/combat/log-bench.ts';
import { logSubject } from '#contracts/subjects.ts';
import { ruleBook } from '#combat/rules.ts';
import { classic } from '#rules/classic/classic.ts';
const rules = ruleBook([classic]);
let seq = 0; const msgs: any[] = [];
for (let s = 0; s < 400; s++) {
  const b = new LogBench(rules, `s${s}`);
  b.append('session', {type:'opened',session_id:`s${s}`,teams:{red:['a'],blue:['x']},actors:{a:{kind:'player',stats:{hp:100000}},x:{kind:'player',stats:{hp:100000}}}});
  for (let i = 0; i < 50; i++) { b.declare(b.blow('a','x')); b.declare(b.blow('x','a')); b.collect(); b.execute(); }
  if (s % 2) b.close();
  for (const r of b.raw) msgs.push({ seq: r.seq, time: r.time, subject: logSubject(r.kind, b.id), data: r.bytes, header: () => '' });
}
// not interleaved; seq per session
const t = performance.now();
const judge = new Judge(rules, { firstSeq: 1, isWhole: false });
for (const m of msgs) judge.take(m);
const r = judge.finish(0, 0, false);
const ms = performance.now() - t;
console.log(msgs.length, 'messages', ms.toFixed(0), 'ms', (msgs.length/ms*1000).toFixed(0), '/s', r.breaches.slice(0,3), r.sums, Math.round(process.memoryUsage().heapUsed/1e6)+' MB');
