// Owns: the health check of a container: it ends with 0 when the role in it says that it is ready.

const { HTTP_PORT } = process.env;

/** Less than the time that the engine gives the check. */
const ANSWER_LIMIT_MS = 3_000;

try {
  const { ok } = await fetch(`http://127.0.0.1:${HTTP_PORT}/readyz`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
  process.exitCode = ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
