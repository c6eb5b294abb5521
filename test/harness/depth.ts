// Says how deep the slow suites go. `npm run test:slices` runs a short, seeded slice of each, `npm run test:chaos` all of it.

const FULL = process.env.RIPOSTE_CHAOS === 'full';

/**
 * One of two sizes of the same suite.
 * @returns `full` under `npm run test:chaos`, `slice` otherwise
 */
export function depth<Value>(sizes: { readonly slice: Value; readonly full: Value }): Value {
  return FULL ? sizes.full : sizes.slice;
}
