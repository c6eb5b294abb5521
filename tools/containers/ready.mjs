// The health check of a container: it ends with 0 when the role in it says that it is ready.

import { Agent, get } from 'node:http';

const { HTTP_PORT } = process.env;

/** Less than the time that the engine gives the check. */
const ANSWER_LIMIT_MS = 3_000;

// An agent of its own: the shared one would ask a proxy that the container's environment names.
const agent = new Agent();
const options = {
  agent,
  host: '127.0.0.1',
  port: HTTP_PORT,
  path: '/readyz',
  signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
};
process.exitCode = 1;
get(options, (response) => {
  if (response.statusCode === 200) process.exitCode = 0;
  response.resume();
}).on('error', () => {});
