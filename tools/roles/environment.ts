// Owns: the environment of the roles that a command starts: the user's own, with the server of the command.

/** A connection's own variables: they belong to the user's server, and mean nothing to a private one. */
const OF_A_CONNECTION = /^NATS_/;
/** Several processes cannot have one port, and a command reads their log. */
const OF_ONE_PROCESS = ['HTTP_PORT', 'LOG_LEVEL', 'NODE_OPTIONS'];

/**
 * The environment for roles.
 * @param connection how a private server is reached; by default the user's own, named by NATS_URL, is used
 */
export function roleEnvironment(
  connection?: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !OF_ONE_PROCESS.includes(name) && (connection === undefined || !OF_A_CONNECTION.test(name)),
  );
  return { ...Object.fromEntries(kept), ...connection };
}
