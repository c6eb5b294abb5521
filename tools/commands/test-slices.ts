// `npm run test:slices`: a short, seeded slice of each slow suite.

import { runChaos } from './chaos-run.ts';

process.exitCode = await runChaos('slice', process.argv.slice(2));
