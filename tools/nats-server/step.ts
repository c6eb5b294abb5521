// Owns: trying the ways to a nats-server one after the other, and what is said when one fails.
//
// 1. A step that fails says why in one line.
// 2. What the cheap steps had to say is kept back until a later step is needed: a run that finds its server at once is
//    silent.

/** One way to a nats-server. */
export interface Step {
  readonly name: string;
  /** A cheap step only looks; it says nothing when the next one succeeds at once. */
  readonly cheap: boolean;
  /** @returns the path of a binary; throws an Error whose message says why there is none */
  find(): Promise<string>;
}

/** Takes one line for a person. */
export type Say = (line: string) => void;

/** No step led to a nats-server. The message says what to do about it. */
export class NatsServerUnavailable extends Error {
  override readonly name = 'NatsServerUnavailable';
}

/**
 * Tries the steps in their order and returns what the first that succeeds found.
 * @param advice what a person is told to do when all of them fail
 * @param prepare called once, before the first step that is not cheap; what it throws ends the search
 * @throws NatsServerUnavailable
 */
export async function firstThatWorks(
  steps: readonly Step[],
  say: Say,
  advice: string,
  prepare: () => void = () => {},
): Promise<string> {
  const heldBack: string[] = [];
  let isPrepared = false;
  for (const step of steps) {
    if (!step.cheap && !isPrepared) prepare();
    isPrepared ||= !step.cheap;
    if (!step.cheap) for (const line of heldBack.splice(0)) say(line);
    try {
      return await step.find();
    } catch (error) {
      const line = `${step.name}: ${oneLine(error)}`;
      if (step.cheap) heldBack.push(line);
      else say(line);
    }
  }
  for (const line of heldBack) say(line);
  throw new NatsServerUnavailable(advice);
}

/** The longest reason that is shown: a line, not a page. */
const REASON_CHARS = 300;

/** An error's reason on one line, with the cause that the runtime hides below `fetch failed`, and without a login in an address. */
export function oneLine(error: unknown): string {
  const reasons: string[] = [];
  for (let at = error; at instanceof Error && reasons.length < 3; at = at.cause) {
    const code = (at as NodeJS.ErrnoException).code;
    const said = at.message === '' ? String(code ?? at.name) : at.message;
    if (!reasons.includes(said)) reasons.push(said);
  }
  const all = reasons.length === 0 ? String(error) : reasons.join(': ');
  const text = all
    .replaceAll(/\s*\n\s*/g, '; ')
    .replaceAll(/\/\/[^/@\s]+@/g, '//')
    .trim();
  return text.length > REASON_CHARS ? `${text.slice(0, REASON_CHARS)}...` : text;
}
