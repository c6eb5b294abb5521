// Owns: how the account looks: in colour on a terminal, in plain characters everywhere else.

import { styleText } from 'node:util';

/** What is painted: outcomes, and what else should catch the eye. */
export type Paint =
  | 'hit'
  | 'crit'
  | 'evaded'
  | 'heal'
  | 'death'
  | 'end'
  | 'player'
  | 'forced'
  | 'dim'
  | 'warn'
  | 'error';

const COLOURS = {
  hit: 'yellow',
  crit: ['bold', 'magenta'],
  evaded: 'gray',
  heal: 'green',
  death: ['bold', 'red'],
  end: ['bold', 'cyan'],
  player: ['bold', 'white'],
  forced: ['bold', 'yellow'],
  dim: 'gray',
  warn: 'yellow',
  error: 'red',
} as const satisfies Record<Paint, Parameters<typeof styleText>[0]>;

const BAR_CELLS = 10;
/** Below these shares of full health a bar turns yellow and red. */
const BAR_YELLOW = 0.6;
const BAR_RED = 0.3;

/** A painter for one stream. */
export interface Painter {
  /** The text in its colour. */
  paint(text: string, how: Paint): string;
  /** A bar of health: `hp` of `most`. */
  bar(hp: number, most: number): string;
}

/** Paints for a terminal, or leaves everything as it is. */
export function painter(isTerminal: boolean): Painter {
  // The terminal was looked at already; styleText would look at another stream.
  const style = (how: Parameters<typeof styleText>[0], text: string): string =>
    isTerminal ? styleText(how, text, { validateStream: false }) : text;
  const [full, empty] = isTerminal ? ['\u2588', '\u2591'] : ['#', '.'];
  return {
    paint: (text, how) => style(COLOURS[how], text),
    bar(hp, most) {
      const share = most > 0 ? Math.min(1, Math.max(0, hp / most)) : 0;
      // Who lives has a cell left.
      const cells = share > 0 ? Math.max(1, Math.round(share * BAR_CELLS)) : 0;
      const colour = share > BAR_YELLOW ? 'green' : share > BAR_RED ? 'yellow' : 'red';
      return style(colour, full.repeat(cells)) + style('gray', empty.repeat(BAR_CELLS - cells));
    },
  };
}
