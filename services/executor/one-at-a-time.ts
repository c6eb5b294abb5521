/**
 * Owns the order of work that a process does one at a time: the tries of actions under suspicion. While one of them may end the
 * process, no other is begun in it, so that none is counted for what another did
 * (docs/adr/0020-suspects-are-tried-alone.md).
 */

/** Work that waits for its turn: no more of it than there are tasks in hand. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `work` when all that came before has ended, however it ended. */
  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work, work);
    this.#last = turn;
    return turn;
  }
}
