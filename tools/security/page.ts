// Owns: the generated part of docs/security.md: the tables of who may do what, and the lists of rights.ts.

import { AT_HOME, rightsOf, USERS, type User } from '#contracts/rights.ts';
import { type Chapter, chapters, mayDo } from './operations.ts';

const BEGIN = '<!-- written by `npm run security` from shared/contracts/rights.ts -->';
const END = '<!-- end of what is written -->';
const YES = 'yes';
const NO = '-';

/** The page with its generated part as it should be. */
export function withTables(page: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`the page has no part between ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${chapters().map(tableOf).join('\n\n')}\n\n${lists()}\n\n${page.slice(end)}`;
}

function tableOf({ title, operations }: Chapter): string {
  const rows = operations.map((operation) => {
    const { what, does, subject } = operation;
    const marks = USERS.map((user) => (mayDo(user, operation) ? YES : NO));
    return [what, `${does === 'subscribe' ? 'hear ' : ''}\`${subject}\``, ...marks];
  });
  return `### ${title}\n\n${markdown([['', 'subject', ...USERS.map(nameOf)], ...rows])}`;
}

const nameOf = (user: User): string => user.replace('_', ' ');

function lists(): string {
  const rights = rightsOf();
  const rows = USERS.map((user) => {
    const { publish, subscribe } = rights[user];
    const list = (subjects: readonly string[]): string => subjects.map((subject) => `\`${subject}\``).join(' ');
    return [nameOf(user), AT_HOME.includes(user) ? 'home' : 'own', list(publish), list(subscribe)];
  });
  return `### The lists\n\n${markdown([['user', 'account', 'publish', 'subscribe'], ...rows], false)}`;
}

/** A table; its columns are aligned where that helps to read it. */
function markdown([head, ...rows]: readonly (readonly string[])[], aligned = true): string {
  const widths = head!.map((_, at) => (aligned ? Math.max(...[head!, ...rows].map((row) => row[at]!.length)) : 3));
  const line = (row: readonly string[]): string => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head!), rule, ...rows.map(line)].join('\n');
}
