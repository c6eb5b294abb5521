// Owns: `npm run check`: the type check and the lint, without the tests.

import { lint, outcomeLine, typeCheck } from './checks.ts';

const types = await typeCheck();
const style = types.interrupted ? undefined : await lint();
process.stdout.write(`\n${outcomeLine('type check', types.code === 0, types.ms)}\n`);
if (style !== undefined) process.stdout.write(`${outcomeLine('lint', style.code === 0, style.ms)}\n`);
process.exitCode = types.code === 0 && style?.code === 0 ? 0 : 1;
