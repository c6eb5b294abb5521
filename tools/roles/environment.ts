// Owns: the environment of the roles that a command starts: the user's own, with the server of the command.

/** A connection's own variables: they belong to the user's server, and mean nothing to a private one. */
const OF_A_CONNECTION = /^NATS_/;
/** Several processes cannot have one port, and a command reads their log. */
const OF_ONE_PROCESS = ['HTTP_PORT', 'LOG_LEVEL', 'NODE_OPTIONS'];

/**
 * The environment for roles.
 * @param url the server they are to use
 * @param isOwn whether it is the user's own server, named by NATS_URL
 */
export function roleEnvironment(url: string, isOwn: boolean, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => !OF_ONE_PROCESS.includes(name) && (isOwn || !OF_A_CONNECTION.test(name)),
  );
  return { ...Object.fromEntries(kept), NATS_URL: url };
}
