// Owns: what the tests of the client have in common: a server with roles, a client, sessions nobody else has.

import { randomBytes } from 'node:crypto';
import { RiposteClient } from '#client/client.ts';
import type { NewSession } from '#client/new-session.ts';
import { TestRoles, type TestRolesOptions } from '#test/harness/roles.ts';
import { startTestServer, type TestServer } from '#test/harness/server.ts';

/** Starting a server and three processes on a machine that is busy with other tests. */
export const STAGE_LIMIT_MS = 120_000;

/** A machine that is busy with other tests takes its time: an outcome is `unknown` only if a test makes it so. */
export const PATIENT = { verdictTimeoutMs: 100_000 } as const;

/** A server, roles and a client on them. */
export interface Stage {
  readonly server: TestServer;
  readonly roles: TestRoles;
  readonly client: RiposteClient;
  close(): Promise<void>;
}

/** Sets the stage. */
export async function openStage(options: Omit<TestRolesOptions, 'url'> = {}): Promise<Stage> {
  const server = await startTestServer();
  const roles = await TestRoles.start({ ...options, url: server.url });
  const client = await RiposteClient.connect({ servers: server.url }, PATIENT);
  return {
    server,
    roles,
    client,
    async close() {
      await client.disconnect();
      await roles.stop();
      await server.stop();
    },
  };
}

/** A session id that no other test has. */
export const freshId = (): string => `client-${randomBytes(6).toString('hex')}`;

/** A fight of players, or of whatever kinds are named: `a`, `b`, ... on team red, `x`, `y`, ... on team blue. */
export function fight(
  teams: { readonly red: readonly string[]; readonly blue: readonly string[] },
  kinds: Readonly<Record<string, 'player' | 'ai'>> = {},
  more: Partial<NewSession> = {},
): NewSession {
  const ids = [...teams.red, ...teams.blue];
  return {
    session_id: freshId(),
    teams,
    actors: Object.fromEntries(ids.map((id) => [id, { kind: kinds[id] ?? 'player', stats: {} }])),
    ...more,
  };
}
