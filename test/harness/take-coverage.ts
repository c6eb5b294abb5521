// Has a test worker write what it has covered so far, at the end of each file: vitest ends its workers in a way that keeps
// Node.js from doing it. Loaded by vitest.config.ts under `npm run test:coverage`.

import { takeCoverage } from 'node:v8';
import { afterAll } from 'vitest';

afterAll(() => takeCoverage());
