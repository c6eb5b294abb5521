import { describe, expect, test } from 'vitest';
import { createMetrics } from '#process/metrics.ts';

describe('the metrics of a process', () => {
  test('plain numbers become labelled samples when somebody scrapes', async () => {
    const metrics = createMetrics('executor');
    metrics.wakes += 2;
    metrics.appends.result.conflict++;
    metrics.actionsExecuted.failed = 4;
    metrics.beforeScrape(() => {
      metrics.cacheSessions = 7;
    });
    const { type, text } = await metrics.page();
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/);
    const lines = text.split('\n');
    expect(lines).toContain('riposte_wakes_total{role="executor"} 2');
    expect(lines).toContain('riposte_appends_total{subject_kind="result",outcome="conflict",role="executor"} 1');
    expect(lines).toContain('riposte_appends_total{subject_kind="action",outcome="committed",role="executor"} 0');
    expect(lines).toContain('riposte_actions_executed_total{status="failed",role="executor"} 4');
    expect(lines).toContain('riposte_verdicts_total{code="accepted",role="executor"} 0');
    expect(lines).toContain('riposte_cache_sessions{role="executor"} 7');
    expect(lines.filter((line) => /^[a-z]/.test(line)).every((line) => line.startsWith('riposte_'))).toBe(true);
  });

  test('scraping twice counts nothing twice', async () => {
    const metrics = createMetrics('collector');
    metrics.passes = 5;
    await metrics.page();
    expect((await metrics.page()).text).toContain('riposte_passes_total{role="collector"} 5\n');
  });

  test('latencies are cumulative buckets in seconds', async () => {
    const metrics = createMetrics('collector');
    for (const ms of [0.1, 0.25, 3, 60_000]) metrics.publishAck.observeMs(ms);
    const { text } = await metrics.page();
    const of = (suffix: string) =>
      text.split('\n').filter((line) => line.startsWith(`riposte_publish_ack_seconds_${suffix}`));
    expect(of('bucket').map((line) => line.split(' ')[1])).toEqual([
      ...['2', '2', '2', '2', '3', '3', '3', '3', '3', '3', '3', '3', '3', '3', '3'],
      '4',
    ]);
    expect(of('bucket')[0]).toBe('riposte_publish_ack_seconds_bucket{le="0.00025",role="collector"} 2');
    expect(of('bucket').at(-1)).toBe('riposte_publish_ack_seconds_bucket{le="+Inf",role="collector"} 4');
    expect(of('count')).toEqual(['riposte_publish_ack_seconds_count{role="collector"} 4']);
    expect(of('sum')).toEqual(['riposte_publish_ack_seconds_sum{role="collector"} 60.00335']);
    expect(text).toContain('# TYPE riposte_publish_ack_seconds histogram');
  });
});
