/**
 * Owns the step from a callback to an async iteration: a queue with one reader, and an end that may be an error. How much
 * may be put in is bounded by whoever puts it in.
 */

/** A queue with one reader. */
export class Mailbox<Item> {
  readonly #items: Item[] = [];
  #wake: (() => void) | null = null;
  #end: { readonly error: Error | null } | null = null;

  get size(): number {
    return this.#items.length;
  }

  get ended(): boolean {
    return this.#end !== null;
  }

  put(item: Item): void {
    if (this.#end !== null) return;
    this.#items.push(item);
    this.#wake?.();
  }

  /** Nothing more comes. With an error, the reader gets it after what is still in; without, what is in is dropped. */
  end(error: Error | null = null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    if (error === null) this.#items.length = 0;
    this.#wake?.();
  }

  /** The next item, when there is one; null at the end. Throws the error it ended with. */
  async take(): Promise<Item | null> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      if (this.#end?.error) throw this.#end.error;
      if (this.#end !== null) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
