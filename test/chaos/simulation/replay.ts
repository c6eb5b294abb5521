/**
 * Owns the command that runs seeds of the simulation again and shows what happened: `node test/chaos/simulation/replay.ts --help`.
 */
import { parseArgs } from 'node:util';
import { GUARDS, type Guard } from './guards.ts';
import { simulate } from './simulation.ts';

const HELP = `Runs seeds of the simulation.

  node test/chaos/simulation/replay.ts --seed 4711             one seed, with all that happens
  node test/chaos/simulation/replay.ts --seed 1 --count 500    many, with their outcomes; stops at the first breach

  --seed N        the first seed; default 1
  --count N       how many; default 1
  --trace         show all that happens; the default for one seed
  --quiet         show no more than the outcome
  --without G     take a guard away: ${Object.keys(GUARDS).join(', ')}
  --help          this
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    without: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  const first = Number(values.seed);
  const count = Number(values.count);
  const guard = values.without ?? null;
  if (
    !Number.isSafeInteger(first) ||
    !Number.isSafeInteger(count) ||
    (guard !== null && !Object.hasOwn(GUARDS, guard))
  ) {
    process.stderr.write(HELP);
    process.exit(2);
  }
  const tracing = values.trace || (count === 1 && !values.quiet);
  const trace = tracing ? (line: string) => void process.stdout.write(`${line}\n`) : null;
  for (let seed = first; seed < first + count; seed++) {
    const { breach, faults, ...figures } = await simulate(seed, { guard: guard as Guard | null, trace });
    process.stdout.write(
      `${JSON.stringify({ ...figures, faults: [...faults.values()].reduce((sum, each) => sum + each, 0) })}\n`,
    );
    if (breach === null) continue;
    process.stdout.write(`BREACH in seed ${seed}: ${breach}\n`);
    process.exitCode = 1;
    break;
  }
}
