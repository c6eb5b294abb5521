// Owns: `npm run security`: writes the generated part of docs/security.md.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withTables } from '../security/page.ts';
import { ROOT } from './child.ts';

const PAGE = join(ROOT, 'docs/security.md');

writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')));
process.stdout.write('docs/security.md is up to date\n');
