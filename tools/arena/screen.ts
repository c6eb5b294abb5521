// Owns: where the account is written: stdout, in colour where that is a terminal, and until nobody can read it any more.

import { type Painter, painter } from './paint.ts';

/** Where the account is written. */
export class Screen {
  readonly painter: Painter = painter(process.stdout.isTTY === true && !process.env.NO_COLOR);

  /** Calls `then` when nobody can read any more: a closed pipe, a terminal that was killed. */
  onGone(then: () => void): void {
    process.stdout.on('error', then);
    process.stderr.on('error', then);
  }

  write(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  complain(line: string, level: 'warn' | 'error'): void {
    this.write(this.painter.paint(line, level));
  }
}
