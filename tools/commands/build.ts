// Owns: `npm run build`: what is published, made in `dist`. `npm pack` runs it first.

import { join } from 'node:path';
import { bundle } from '../package/bundle.ts';
import { writeDeclarations } from '../package/declarations.ts';
import { ROOT } from './child.ts';

const started = performance.now();
await bundle(join(ROOT, 'dist'));
writeDeclarations(join(ROOT, 'dist', 'types'));
process.stderr.write(`dist is built in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
