// I9: the core of the package, bundled for a browser, folds a recorded fight in Chromium to the same end as in Node.js, and rolls
// the same dice.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from '#tools/commands/child.ts';
import { bundle } from '#tools/package/bundle.ts';
import { type Core, type Ending, foldFight, recordFight } from './recorded-fight.ts';

/** Against a browser that hangs. */
const BROWSER_LIMIT_MS = 120_000;

const chromium = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path !== undefined && existsSync(path),
);

/** Of a machine that may have no network, and may run this as root. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

test('the core folds a fight in a browser as it does in Node.js', { timeout: 2 * BROWSER_LIMIT_MS }, async ({
  skip,
}) => {
  if (chromium === undefined) return skip('there is no Chromium: install it, or name it in CHROMIUM_PATH');
  // Below the checkout, whose packages the core then finds.
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  const dir = mkdtempSync(join(ROOT, '.cache', 'browser-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const dist = join(dir, 'dist');
  await bundle(dist);

  const core = (await import(pathToFileURL(join(dist, 'core.js')).href)) as Core;
  const log = recordFight(core);
  const inNode = foldFight(core, log);
  expect(inNode.results).toBeGreaterThan(5);
  expect(inNode.resolvedAlike).toBe(inNode.results);
  expect(inNode).toMatchObject({ session: { status: 'closed', reason: 'victory' } });

  writeFileSync(
    join(dir, 'page.ts'),
    `import * as core from './dist/core.js';
    import { foldFight } from ${JSON.stringify(join(import.meta.dirname, 'recorded-fight.ts'))};
    const ending = JSON.stringify(foldFight(core, ${JSON.stringify(log)}));
    document.getElementById('end').textContent = btoa(String.fromCharCode(...new TextEncoder().encode(ending)));`,
  );
  const page = await rolldown({ input: join(dir, 'page.ts'), platform: 'browser', cwd: dir, logLevel: 'silent' });
  await page.write({ file: join(dir, 'page.js'), format: 'iife' });
  await page.close();
  writeFileSync(
    join(dir, 'page.html'),
    `<!doctype html><meta charset="utf-8"><pre id="end"></pre>
    <script>addEventListener('error', ({ message }) => { document.getElementById('end').textContent = message; });</script>
    <script src="page.js"></script>`,
  );
  const args = [
    ...FLAGS,
    `--user-data-dir=${join(dir, 'profile')}`,
    '--dump-dom',
    pathToFileURL(join(dir, 'page.html')).href,
  ];
  const { stdout } = await promisify(execFile)(chromium, args, {
    timeout: BROWSER_LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  const [, shown = ''] = /<pre id="end">([^<]*)<\/pre>/.exec(stdout) ?? [];
  expect(shown).toMatch(/^[A-Za-z0-9+/]+=*$/);
  const inBrowser = JSON.parse(Buffer.from(shown, 'base64').toString('utf8')) as Ending;
  expect(inBrowser).toEqual(JSON.parse(JSON.stringify(inNode)));
});
