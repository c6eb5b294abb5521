// Runs the races of test/interop in the depth of the suites here: as often as docs/semantics.md says in `npm run test:chaos`.

import '../../interop/races.test.ts';
