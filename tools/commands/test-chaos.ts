// `npm run test:chaos`: the slow suites in full depth.

import { runChaos } from './chaos-run.ts';

process.exitCode = await runChaos('full', process.argv.slice(2));
