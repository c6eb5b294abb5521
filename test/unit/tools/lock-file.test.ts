import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';

interface Locked {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

// npm writes a lock file that lacks what its registry could not serve at the time, and `npm ci` then refuses it.
test('the lock file names the optional packages of every platform, so that npm ci works on all of them', () => {
  const lock: { packages: Record<string, Locked> } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => {
        const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
        return places.every((place) => lock.packages[place]?.version === undefined);
      })
      .map((name) => `${path} wants ${name}`),
  );
  expect(missing).toEqual([]);
});
