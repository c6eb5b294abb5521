// Owns: `npm run format`: formats the project, and mends what the lint can mend by itself.

import { format } from './checks.ts';

process.exitCode = (await format()).code;
