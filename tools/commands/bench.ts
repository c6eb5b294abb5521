// Owns: `npm run bench`: arguments in, a table out, and with --json the report as the last line. What it is at is told
// on stderr. A signal ends it after everything it started has been stopped.

import { bench } from '../../bench/bench.ts';
import { type BenchOptions, HELP, OptionError, readOptions } from '../../bench/options.ts';
import { table } from '../../bench/table.ts';
import { NatsServerUnavailable } from '../nats-server/step.ts';
import { CannotWrite } from '../setup/folder.mjs';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions | 'help';
  try {
    options = readOptions(args);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    process.stderr.write(`${error.message}\n--help tells more\n`);
    return EXIT_USAGE;
  }
  if (options === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    const report = await bench(options, (line) => process.stderr.write(`${line}\n`), interruption());
    process.stdout.write(table(report));
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    return 0;
  } catch (error) {
    // What the run still waits for has lost its sense, and would keep the command from ending.
    if (error instanceof Interrupted) process.exit(EXIT_INTERRUPTED);
    const isOutside = error instanceof NatsServerUnavailable || error instanceof CannotWrite;
    const said = isOutside ? error.message : String((error as Error).stack ?? error);
    process.stderr.write(`${said}\n`);
    return 1;
  }
}

/** Rejects when the command is told to end. Later signals change nothing: it is ending. */
function interruption(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => reject(new Interrupted(signal)));
  }
  return promise;
}
