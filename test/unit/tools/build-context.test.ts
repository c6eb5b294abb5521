import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { makeBuildContext } from '#tools/containers/build-context.ts';
import { temporaryDir } from './fake-server.ts';

test('the context of the image holds the production packages, and of the checkout what .dockerignore lets through', () => {
  const dir = temporaryDir();
  makeBuildContext(dir);
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const has = (name: string) => existsSync(join(dir, 'production/node_modules', name, 'package.json'));
  expect(Object.keys(dependencies).filter((name) => !has(name))).toEqual([]);
  expect(Object.keys(devDependencies).filter(has)).toEqual([]);
  const allowed = readFileSync(join(ROOT, '.dockerignore'), 'utf8').matchAll(/^!(\S+)$/gm);
  expect(readdirSync(dir).sort()).toEqual(
    ['Dockerfile', '.dockerignore', ...Array.from(allowed, ([, name]) => name)].sort(),
  );
});

test('every folder that the image is made of is copied by the Dockerfile', () => {
  const copied = [...readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^COPY (\S+) \1$/gm)].map(
    ([, name]) => name,
  );
  const allowed = [...readFileSync(join(ROOT, '.dockerignore'), 'utf8').matchAll(/^!(\w+)$/gm)].map(([, name]) => name);
  expect([...copied, 'production'].sort()).toEqual(allowed.sort());
});
