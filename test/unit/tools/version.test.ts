import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { compareVersions, formatVersion, isSupported, parseVersion, versionOf } from '#tools/nats-server/version.ts';

const parsed = (text: string) => parseVersion(text)!;

describe('the version of a nats-server', () => {
  test.each([
    ['nats-server: v2.15.1\n', '2.15.1'],
    ['nats-server: v2.12.0-RC.3', '2.12.0-RC.3'],
    ['2.9.10', '2.9.10'],
  ])('is read out of %j', (text, version) => {
    expect(formatVersion(parsed(text))).toBe(version);
  });

  test.each(['', 'nats-server', 'v2.15', 'x2.15.1'])('is not there in %j', (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  test('sorts by number, and pre-releases before their release', () => {
    const ordered = ['2.9.10', '2.11.9', '2.12.0-RC.2', '2.12.0-RC.10', '2.12.0', '2.12.1', '2.100.0', '3.0.0'];
    const shuffled = [...ordered].reverse().map(parsed);
    expect(shuffled.sort(compareVersions).map(formatVersion)).toEqual(ordered);
  });

  test('what is formatted is read back', () => {
    const number = fc.nat({ max: 999_999 });
    const version = fc.record({
      major: number,
      minor: number,
      patch: number,
      pre: fc.constantFrom('', 'RC.1', 'beta'),
    });
    const readBack = fc.property(version, (v) => {
      expect(parseVersion(formatVersion(v))).toEqual(v);
    });
    fc.assert(readBack, { seed: 2_012_000 });
  });

  test.each([
    ['2.9.10', false],
    ['2.11.12', false],
    ['2.12.0-RC.3', false],
    ['2.12.0', true],
    ['2.15.1', true],
    ['3.0.0', true],
  ])('%s is new enough: %s', (version, expected) => {
    expect(isSupported(parsed(version))).toBe(expected);
  });

  test('a binary that says none is refused', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'riposte-test-version-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const binary = join(dir, 'nats-server');
    writeFileSync(binary, '#!/bin/sh\necho hello\n', { mode: 0o755 });
    await expect(versionOf(binary)).rejects.toThrow(/says no version/);
  });
});
