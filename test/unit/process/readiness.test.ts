// Proves what a role's /readyz says from its start to its end.

import { expect, test } from 'vitest';
import { Readiness } from '#services/run-role.ts';

test('a role is ready when it is connected and running, and no more when it drains', () => {
  const shutdown = { draining: false };
  const readiness = new Readiness(shutdown);
  const reasons = () => Object.entries(readiness.checks()).map(([name, check]) => `${name}: ${check() ?? 'fine'}`);
  expect(reasons()).toEqual(['process: starting', 'connected: waiting for a NATS server']);
  const connection = { connected: true };
  readiness.connection = connection;
  expect(reasons()).toEqual(['process: starting', 'connected: fine']);
  readiness.running = { consuming: () => 'no consumer' };
  expect(reasons()).toEqual(['process: fine', 'connected: fine', 'consuming: no consumer']);
  connection.connected = false;
  shutdown.draining = true;
  expect(reasons()).toEqual(['process: draining', 'connected: disconnected from NATS', 'consuming: no consumer']);
});
