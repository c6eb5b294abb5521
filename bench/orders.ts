/**
 * Owns how the bench talks to its own programs (bench/programs): orders with answers over the channel between the two
 * processes. A program does one order after the other and ends when its bench does.
 */

/** What a program does, by the name of the order. An answer is plain JSON. */
export type Orders = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

export interface Order {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

/** Takes orders until the bench closes the channel. What a program calls from its last line. */
export function takeOrders(orders: Orders): void {
  process.on('message', (order: Order) => void obey(orders, order));
  process.once('disconnect', () => process.exit(0));
  process.once('SIGTERM', () => process.exit(0));
}

async function obey(orders: Orders, { id, name, argument }: Order): Promise<void> {
  const answer: Answer = await (async () => {
    try {
      const work = Object.hasOwn(orders, name) ? orders[name] : undefined;
      if (work === undefined) throw new Error(`no order ${name}`);
      return { id, value: (await work(argument as never)) ?? null };
    } catch (error) {
      return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
  })();
  process.send?.(answer);
}
