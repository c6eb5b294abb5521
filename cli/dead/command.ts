/**
 * Owns `riposte dead`: what it is asked, and how its answers are told.
 */
import { Publisher } from '#jetstream/publisher.ts';
import {
  BadUsage,
  type Command,
  type Desk,
  EXIT,
  readArguments,
  readCount,
  readSession,
  SESSION_ID_HINT,
} from '../command.ts';
import { Trouble } from '../trouble.ts';
import { type Letter, type LetterFilter, readLetter, readLetters } from './letters.ts';
import { letterPage, summaryOf, tableOf, wholeOf } from './page.ts';
import { type Retried, retry } from './retry.ts';

const HELP = `usage: riposte dead list  [<session>] [--reason <text>] [--subject <subject>] [--limit <n>] [--json]
       riposte dead show  <seq> [--json]
       riposte dead retry <seq> | --all  [--session <session>] [--reason <text>] [--subject <subject>] [--json]

What could not be processed is kept whole in the stream DEAD for 30 days, with the reason and the place it stood in.

  list   the letters, oldest first; of more than --limit (100), the latest
  show   one letter: head and body, as text or, where it is none, in hexadecimal
  retry  publishes the message again on its subject, and deletes the letter when that is acknowledged

  --reason   letters whose reason holds this text
  --subject  letters of this subject; * is one token, a last > the rest
  --session  letters of this session; one that begins with "-" is written --session=-x7, or with list after --: list -- -x7
  --json     a JSON object for each letter, one a line

A message that is re-sent twice, because something died in between, stands there once. What may not be re-sent stays, and says
why: actions and results (only who decided them may append them), an 'opened' whose id is taken, a subject that names no
session. Exit code: 0 done, 1 a letter stays, 2 no answer.
`;

const LIMIT = 100;

const FILTERS = { reason: { type: 'string' }, subject: { type: 'string' }, session: { type: 'string' } } as const;
const JSON_FLAG = { json: { type: 'boolean' } } as const;

export const deadCommand: Command = {
  summary: 'lists, shows and re-sends what could not be processed',
  help: HELP,
  async run([verb, ...args], desk) {
    switch (verb) {
      case 'list':
        return list(args, desk);
      case 'show':
        return show(args, desk);
      case 'retry':
        return retryAll(args, desk);
      default:
        throw new BadUsage(verb === undefined ? 'expected list, show or retry' : `there is no ${verb} of dead letters`);
    }
  },
};

async function list(args: readonly string[], { out, say, connected }: Desk): Promise<number> {
  const options = { ...FILTERS, ...JSON_FLAG, limit: { type: 'string' } } as const;
  const { values, positionals } = readArguments(args, options, SESSION_ID_HINT);
  const filter = filterOf({ ...values, session: readSession(values.session, positionals) });
  const limit = values.limit === undefined ? LIMIT : readCount(values.limit, '--limit');
  const latest: Letter[] = [];
  let count = 0;
  await connected('observer', (nc) =>
    readLetters(nc, filter, (letter) => {
      count += 1;
      latest.push(letter);
      if (latest.length > limit) latest.shift();
    }),
  );
  if (values.json === true) for (const letter of latest) out(`${JSON.stringify(summaryOf(letter))}\n`);
  else if (count > 0) out(tableOf(latest));
  say(latest.length === count ? `${count} letters` : `${latest.length} of ${count} letters`);
  return EXIT.ok;
}

async function show(args: readonly string[], { out, connected }: Desk): Promise<number> {
  const { values, positionals } = readArguments(args, JSON_FLAG);
  const [place, ...more] = positionals;
  if (place === undefined || more.length > 0) throw new BadUsage('show takes one sequence of DEAD');
  const seq = readCount(place, 'the sequence');
  const letter = await connected('observer', (nc) => readLetter(nc, seq));
  if (letter === null) throw new Trouble(`there is no letter DEAD:${seq}`);
  out(values.json === true ? `${JSON.stringify(wholeOf(letter))}\n` : letterPage(letter));
  return EXIT.ok;
}

async function retryAll(args: readonly string[], { out, connected }: Desk): Promise<number> {
  const options = { ...FILTERS, ...JSON_FLAG, all: { type: 'boolean' } } as const;
  const { values, positionals } = readArguments(args, options, 'a session id that begins with "-" goes as --session=');
  const [place, ...more] = positionals;
  const filter = filterOf(values);
  if (more.length > 0 || (values.all === true) === (place !== undefined)) {
    throw new BadUsage('retry takes one sequence of DEAD, or --all');
  }
  if (place !== undefined && Object.keys(filter).length > 0) throw new BadUsage('filters go with --all');
  const seq = place === undefined ? null : readCount(place, 'the sequence');
  return connected('operator', async (nc) => {
    // By their places: bodies of 512 KiB each are read one by one, when it is their turn.
    const seqs: number[] = [];
    if (seq !== null) seqs.push(seq);
    else await readLetters(nc, filter, (letter) => seqs.push(letter.seq));
    const publisher = new Publisher(nc);
    let kept = 0;
    try {
      for (const each of seqs) {
        const letter = await readLetter(nc, each);
        if (letter === null && seq !== null) throw new Trouble(`there is no letter DEAD:${seq}`);
        if (letter === null) continue; // somebody else has re-sent it meanwhile
        const retried = await retry(nc, publisher, letter);
        if (retried.kind === 'kept') kept += 1;
        out(
          values.json === true
            ? `${JSON.stringify({ ...summaryOf(letter), ...fateOf(retried) })}\n`
            : told(letter, retried),
        );
      }
    } finally {
      await publisher.close();
    }
    return kept === 0 ? EXIT.ok : EXIT.no;
  });
}

function fateOf(retried: Retried): object {
  if (retried.kind === 'kept') return { resent_as: null, kept_because: retried.why };
  return { resent_as: `${retried.stream}:${retried.seq}`, resent_before: retried.before };
}

function told({ seq, subject }: Letter, retried: Retried): string {
  if (retried.kind === 'kept') return `DEAD:${seq} ${subject}: kept: ${retried.why}\n`;
  const place = `${retried.stream}:${retried.seq}`;
  return `DEAD:${seq} ${subject}: ${retried.before ? 'had been re-sent already' : 're-sent'} as ${place}\n`;
}

function filterOf({ reason, subject, session }: { [Name in keyof typeof FILTERS]?: string | undefined }): LetterFilter {
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(subject === undefined ? {} : { subject }),
    ...(session === undefined ? {} : { session }),
  };
}
