// Proves what becomes of a connection whose server goes, stands still, or no longer knows the login. The tests wait for the
// client's own clocks, so they run beside each other.

import { describe, expect, test } from 'vitest';
import { open, PATIENT, serve, Witness } from './witness.ts';

/** So many lines the connection writes within five seconds. */
const LINES_MAX = 20;

describe.concurrent('staying in', () => {
  test('a server that restarts is found again, and the log says so', async (context) => {
    const server = await serve(context);
    const witness = new Witness();
    const connection = await open(context, { NATS_URL: server.url }, witness);
    await server.kill();
    await witness.logged('disconnected from NATS');
    expect(connection.connected).toBe(false);
    await witness.logged('seeking a NATS server');
    await server.restart();
    await witness.logged('reconnected to NATS');
    expect(connection.connected).toBe(true);
    expect(await connection.nc.rtt()).toBeGreaterThanOrEqual(0);
    expect(witness.closed).toEqual([]);
  });

  test('a server that stands still is noticed', async (context) => {
    const server = await serve(context);
    const witness = new Witness();
    const connection = await open(context, { NATS_URL: server.url }, witness);
    await server.kill('SIGSTOP');
    await witness.logged('the NATS server no longer answers pings');
    await witness.logged('disconnected from NATS');
    expect(connection.connected).toBe(false);
    await server.kill('SIGCONT');
    await witness.logged('reconnected to NATS');
  });

  test('a login that is taken away closes the connection, and the owner is told once', async (context) => {
    const server = await serve(context, { config: `authorization { ${PATIENT}, user: ann, password: right }` });
    const witness = new Witness();
    const connection = await open(context, { NATS_URL: server.url, NATS_USER: 'ann', NATS_PASSWORD: 'right' }, witness);
    await server.restart({ config: `authorization { ${PATIENT}, user: ann, password: changed }` });
    await witness.until(() => witness.closed.length > 0);
    expect(witness.closed).toEqual(['Authorization Violation']);
    expect(connection.connected).toBe(false);
    await connection.close();
    expect(witness.closed.length).toBe(1);
  });

  test('errors by the thousand are lines by the dozen', async (context) => {
    const server = await serve(context, {
      config: `authorization { ${PATIENT}, users: [{user: ann, password: pw, permissions: {publish: {deny: "no.>"}}}] }`,
    });
    const witness = new Witness();
    const { nc } = await open(context, { NATS_URL: server.url, NATS_USER: 'ann', NATS_PASSWORD: 'pw' }, witness);
    for (let number = 0; number < 2_000; number++) nc.publish('no.way', 'x');
    const errors = () => witness.lines.filter((line) => line.msg === 'NATS reports an error');
    await witness.until(() => errors().length >= LINES_MAX);
    await nc.flush();
    // More than that only if it took longer than the five seconds they are for: test/unit/process/line-budget.test.ts.
    expect(errors().length).toBeLessThan(2_000 / 2);
    expect(errors()[0]?.reason).toMatch(/Permissions Violation for Publish to "no\.way"/);
  });

  test('closing is not told to the owner, and does not hang on a server that is gone', async (context) => {
    const server = await serve(context);
    const witness = new Witness();
    const connection = await open(context, { NATS_URL: server.url }, witness);
    const other = new Witness();
    const hanging = await open(context, { NATS_URL: server.url }, other);
    await connection.close();
    expect(connection.nc.isClosed()).toBe(true);
    await server.kill('SIGSTOP');
    await hanging.close();
    expect(hanging.nc.isClosed()).toBe(true);
    await server.kill('SIGCONT');
    expect([...witness.closed, ...other.closed]).toEqual([]);
  });
});
