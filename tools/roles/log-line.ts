// Owns: a line of a role's log as a person reads it: what was said, how bad it is, and the reason where there is one.

/** One line of a role. */
export interface LogLine {
  /** `info` and below are routine. What is no log line at all (a complaint on stderr) counts as an error. */
  readonly level: 'routine' | 'warn' | 'error';
  readonly text: string;
  /** The port of its pages, in the ready line of a role that has some. */
  readonly httpPort?: number;
}

const ROUTINE = new Set(['trace', 'debug', 'info']);

/** Reads one line of a role's output. Never throws. */
export function readLogLine(text: string): LogLine {
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { level: 'error', text };
  }
  if (typeof line !== 'object' || line === null || typeof line.msg !== 'string') return { level: 'error', text };
  const level = typeof line.level === 'string' ? line.level : 'error';
  return {
    level: ROUTINE.has(level) ? 'routine' : level === 'warn' ? 'warn' : 'error',
    text: [line.msg, ...reasons(line)].join(': '),
    ...(typeof line.httpPort === 'number' && { httpPort: line.httpPort }),
  };
}

/** What a log line says beyond its message, as far as it explains it. */
function reasons({ err, reason, cause, subject }: Record<string, unknown>): string[] {
  const message = typeof err === 'object' && err !== null && 'message' in err ? err.message : undefined;
  const where = typeof subject === 'string' ? `(${subject})` : undefined;
  return [message, reason, cause, where].filter((text): text is string => typeof text === 'string');
}
