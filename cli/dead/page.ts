/**
 * Owns how dead letters are shown: a table for eyes, and JSON, a line for each letter, for machines. What others have written
 * (reasons, subjects, bodies) is shown so that it cannot speak to the terminal.
 */
import type { Letter } from './letters.ts';

const COLUMNS = ['SEQ', 'KEPT AT', 'ORIGIN', 'SUBJECT', 'BYTES', 'REASON'] as const;
/** Wider cells are cut: a reason is a sentence, and a subject may be 300 characters long. */
const CELL_MAX_CHARS = 60;
const HEX_PER_LINE = 16;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A table of letters; a last column is not padded. */
export function tableOf(letters: readonly Letter[]): string {
  const rows = [
    [...COLUMNS],
    ...letters.map(({ seq, time, origin, subject, data, reason }) =>
      [`${seq}`, timeOf(time), origin, subject, `${data.length}`, reason].map((cell, at) =>
        at === COLUMNS.length - 1 ? visible(cell) : cut(visible(cell)),
      ),
    ),
  ];
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  const lines = rows.map((row) => row.map((cell, at) => cell.padEnd(widths[at]!)).join('  '));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** A letter without its body, as JSON. */
export function summaryOf({ seq, time, origin, subject, session, reason, data }: Letter): object {
  return { seq, kept_at: timeOf(time), origin, subject, session, reason, bytes: data.length };
}

/** A letter whole, as JSON: `body` where it is text, `body_hex` where it is not. */
export function wholeOf(letter: Letter): object {
  const text = textOf(letter.data);
  const body = text === null ? { body_hex: Buffer.from(letter.data).toString('hex') } : { body: text };
  return { ...summaryOf(letter), ...body };
}

/** A letter whole, for eyes: its head, an empty line, its body. Bytes that are no text are shown as hexadecimal numbers. */
export function letterPage(letter: Letter): string {
  const head = [
    ['letter', `DEAD:${letter.seq}`],
    ['kept at', timeOf(letter.time)],
    ['origin', letter.origin],
    ['subject', letter.subject],
    ['reason', letter.reason],
    ['bytes', `${letter.data.length}`],
  ].map(([name, value]) => `${name!.padEnd(8)} ${visible(value!)}\n`);
  const text = textOf(letter.data);
  const body = text === null ? hexOf(letter.data) : `${visible(text, KEPT_IN_BODY)}\n`;
  return `${head.join('')}\n${letter.data.length === 0 ? '(no body)\n' : body}`;
}

/** The text of bytes that are UTF-8; null for others. */
function textOf(data: Uint8Array): string | null {
  try {
    return utf8.decode(data);
  } catch {
    return null;
  }
}

/** Sixteen bytes a line, with where they stand. */
function hexOf(data: Uint8Array): string {
  let page = '';
  for (let at = 0; at < data.length; at += HEX_PER_LINE) {
    const bytes = Array.from(data.subarray(at, at + HEX_PER_LINE), (byte) => byte.toString(16).padStart(2, '0'));
    page += `${at.toString(16).padStart(6, '0')}  ${bytes.join(' ')}\n`;
  }
  return page;
}

const timeOf = (ms: number): string => new Date(ms).toISOString();
const cut = (cell: string): string =>
  cell.length <= CELL_MAX_CHARS ? cell : `${cell.slice(0, CELL_MAX_CHARS - 3)}...`;

/** Line ends and tabs of a body are its own. */
const KEPT_IN_BODY: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d]);

/** A text whose control characters are written out: `\u001b` is no colour. */
function visible(text: string, kept: ReadonlySet<number> = new Set()): string {
  return Array.from(text, (char) => {
    const code = char.codePointAt(0)!;
    const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return isControl && !kept.has(code) ? `\\u${code.toString(16).padStart(4, '0')}` : char;
  }).join('');
}
