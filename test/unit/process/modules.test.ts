import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { type AnyRuleSet, ruleBook } from '#combat/rules.ts';
import type { Policy } from '#policies/policy.ts';
import { loadPolicies, loadRuleSets } from '#process/modules.ts';
import { ConfigError } from '#process/start-error.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const twoRules = fixture('two-rules.ts');
const builtIn = { name: 'classic', version: 1 } as AnyRuleSet;

const dirs: string[] = [];
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true });
});

/** A module in a directory of its own, so that no two of them are one to the loader. */
function write(name: string, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'riposte-modules-'));
  dirs.push(dir);
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}

const names = (sets: readonly AnyRuleSet[]): string[] => sets.map((set) => `${set.name}@${set.version}`);

describe('RULES_MODULES and POLICY_MODULES', () => {
  test('no modules leave what is built in', async () => {
    expect(await loadRuleSets([], [builtIn])).toEqual([builtIn]);
  });

  test.each([
    ['an absolute path', twoRules],
    ['a path from the working directory', `./${relative(process.cwd(), twoRules)}`],
    ['the same without its dot', relative(process.cwd(), twoRules)],
    ['a file URL', new URL('./fixtures/two-rules.ts', import.meta.url).href],
  ])('a module is named by %s', async (_, module) => {
    const sets = await loadRuleSets([module], [builtIn]);
    expect(names(sets)).toEqual(['classic@1', 'duel@1', 'duel@2']);
    expect(ruleBook(sets).find({ name: 'duel', version: 2 })).toBe(sets[2]);
  });

  test('a module is named as a package, and fails as one', async () => {
    await expect(loadRuleSets(['zod'], [])).rejects.toThrow(/^RULES_MODULES: "zod" exports a bad rule set: name/);
    await expect(loadRuleSets(['no-such-package'], [])).rejects.toThrow(
      /^RULES_MODULES: "no-such-package" cannot be loaded: /,
    );
  });

  test('a default export will do', async () => {
    const policies = await loadPolicies([fixture('one-policy.ts')], [{ name: 'weighted' } as Policy]);
    expect(policies.map((policy) => policy.name)).toEqual(['weighted', 'timid']);
  });

  test.each([
    ['ruleSets = undefined', 'exports neither ruleSets nor a default'],
    ['ruleSets = null', 'exports neither ruleSets nor a default'],
    ['ruleSets = []', 'exports no rule set'],
    ['ruleSets = ["classic"]', 'exports a bad rule set: it is not an object'],
    ['ruleSets = { ...good, name: "" }', 'exports a bad rule set: name is not a string of 1 to 64 characters'],
    ['ruleSets = { ...good, version: 0 }', 'exports a bad rule set: version is not a positive integer'],
    ['ruleSets = { ...good, stats: {} }', 'exports a bad rule set: stats is not a schema with safeParse'],
    ['ruleSets = { ...good, initial: 1 }', 'exports a bad rule set: initial is not a function'],
    ['ruleSets = { ...good, resolve: undefined }', 'exports a bad rule set: resolve is not a function'],
    ['ruleSets = [good, good]', 'exports the rule set x@1, which is there already'],
    ['ruleSets = missing("two\\nlines")', 'cannot be loaded: missing two lines'],
  ])('a bad module is one line that names it: %s', async (declaration, fault) => {
    const path = write(
      'rules.mjs',
      `function missing(what) { throw new Error('missing ' + what); }
      const good = { name: 'x', version: 1, stats: { safeParse() {} }, initial() {}, resolve() {} };
      export const ${declaration};`,
    );
    const error = await loadRuleSets([path], []).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toBe(`RULES_MODULES: ${JSON.stringify(path)} ${fault}`);
  });

  test('a built-in set cannot be replaced', async () => {
    const [duel] = (await loadRuleSets([twoRules], [])) as [AnyRuleSet];
    await expect(loadRuleSets([twoRules], [duel])).rejects.toThrow('the rule set duel@1, which is there already');
  });

  test('a module outside the project is found', async () => {
    const path = write('policy.mjs', 'export const policies = [{ name: "far", choose: () => new Map() }];');
    expect((await loadPolicies([path], [])).map((policy) => policy.name)).toEqual(['far']);
  });
});

test.each([
  ['{ name: "" }', 'name is not a string'],
  ['{ name: 7, choose() {} }', 'name is not a string'],
  ['{ name: "x", handles: 1, choose() {} }', 'handles is not a function'],
  ['{ name: "x", handles() {} }', 'choose is not a function'],
])('a bad policy is one line that says what is wrong: %s', async (policy, fault) => {
  const path = write('policy.mjs', `export const policies = ${policy};`);
  await expect(loadPolicies([path], [])).rejects.toThrow(
    `POLICY_MODULES: ${JSON.stringify(path)} exports a bad policy: ${fault}`,
  );
});
