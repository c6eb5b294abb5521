/**
 * Owns `riposte provision`: what it is asked, and how its answer is told.
 */
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { CONSUMERS, type ConsumerName } from '#contracts/streams.ts';
import { type Provisioned, provision } from '#jetstream/provision.ts';
import type { Config } from '#process/config.ts';
import { BadUsage, type Command, EXIT, readArguments } from '../command.ts';

const HELP = `usage: riposte provision [--json]

Creates what is missing among the streams, buckets and consumers of Riposte, and brings those that differ up to the environment:
REPLICAS, LOG_MAX_AGE_H, LOG_MAX_BYTES, ACK_WAIT_MS. Roles with PROVISION=off then find all they need. To give it again is
safe; a stream of one of these names that is not Riposte's is left alone, and named.

  --json   one JSON object for each, one a line

One line for each on stdout: its kind, its name, and whether it was created, changed, or fine as it was. A server that is not
there yet, and a cluster that is still finding its servers, are waited for: a minute each, with a line on stderr each five seconds.
Exit code: 0 all is there, 2 no answer.
`;

export const provisionCommand: Command = {
  summary: 'creates and updates the streams, buckets and consumers',
  help: HELP,
  async run(args, { out, say, connected }) {
    const { values, positionals } = readArguments(args, { json: { type: 'boolean' } });
    if (positionals.length > 0) throw new BadUsage(`provision takes options only, got ${positionals.join(' ')}`);
    const told = (done: Provisioned): void =>
      out(values.json === true ? `${JSON.stringify(done)}\n` : `${lineOf(done)}\n`);
    const everyConsumer = Object.keys(CONSUMERS) as ConsumerName[];
    const logger = pino({ level: 'warn' }, { write: (line) => say(warningOf(line)) });
    const work = (nc: NatsConnection, config: Config): Promise<void> =>
      provision(nc, everyConsumer, { ...config, checkOnly: false, told }, logger);
    await connected('operator', work, logger);
    return EXIT.ok;
  },
};

function lineOf({ kind, name, change, settings }: Provisioned): string {
  return `${kind.padEnd(8)} ${name.padEnd(11)} ${change}${settings.length > 0 ? `: ${settings.join(', ')}` : ''}`;
}

/** What provisioning says of its work, as a person reads it. */
function warningOf(line: string): string {
  const { msg, reason } = JSON.parse(line) as { readonly msg: string; readonly reason?: string };
  return reason === undefined ? msg : `${msg}: ${reason}`;
}
