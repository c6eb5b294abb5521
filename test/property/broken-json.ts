/**
 * Owns messages broken in one place or a few: a tree that can say what JSON.stringify cannot (a key twice, a number beyond
 * numbers, half a surrogate pair, a thousand brackets), the ways in which a place of it is broken, and the ways in which
 * its bytes are. Small steps off what is valid get further into a program than noise does.
 */
import * as fc from 'fast-check';

/** JSON as it is written. */
type Node = Raw | Pairs | readonly Node[] | string | number | boolean | null;

/** A text that stands as it is. */
class Raw {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** An object, in which a key may stand twice. */
class Pairs {
  readonly pairs: readonly (readonly [string, Node])[];
  constructor(pairs: readonly (readonly [string, Node])[]) {
    this.pairs = pairs;
  }
}

/** What is sent, and a word on it for a failure's message: half a megabyte would be none. */
export class Hostile {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  [fc.toStringMethod](): string {
    const text = JSON.stringify(Buffer.from(this.bytes.subarray(0, SHOWN_BYTES)).toString('latin1'));
    return `${this.bytes.length} bytes: ${text}`;
  }
}

const SHOWN_BYTES = 600;
/** Places a message is broken in: each further one hides the one before from whoever stops at the first. */
const BREAKS_MAX = 3;
/** Beyond this a repetition is cut: a message of 512 KiB at the most is taken in at all. */
const TEXT_MAX_CHARS = 600_000;

/** Messages broken somewhere, and now and then whole. */
export function broken(valid: fc.Arbitrary<unknown>): fc.Arbitrary<Hostile> {
  return fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(200), breaking), { maxLength: BREAKS_MAX }), damage)
    .map(([value, breaks, harm]) => {
      const node = breaks.reduce<Node>((tree, [at, change]) => changeAt(tree, at, change), nodeOf(value));
      return new Hostile(harm(encoder.encode(textOf(node).slice(0, TEXT_MAX_CHARS))));
    });
}

/** Bytes of no meaning. */
export const noise: fc.Arbitrary<Hostile> = fc
  .oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 64 }) },
    { weight: 1, arbitrary: fc.nat(255).map((byte) => new Uint8Array(500_000).fill(byte)) },
    { weight: 2, arbitrary: fc.json({ maxDepth: 3 }).map((text) => encoder.encode(text)) },
  )
  .map((bytes) => new Hostile(bytes));

const encoder = new TextEncoder();

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return value.map(nodeOf);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return new Pairs(entries.map(([key, item]) => [key, nodeOf(item)]));
  }
  return (value ?? null) as Node;
}

function textOf(node: Node): string {
  if (node instanceof Raw) return node.text;
  if (node instanceof Pairs) {
    return `{${node.pairs.map(([key, value]) => `${JSON.stringify(key)}:${textOf(value)}`).join(',')}}`;
  }
  return Array.isArray(node) ? `[${node.map(textOf).join(',')}]` : JSON.stringify(node);
}

/** What is made of a place; undefined where it goes. */
type Change = (node: Node) => Node | undefined;

/** Changes the place with this ordinal, counted from the root and round again. */
function changeAt(root: Node, ordinal: number, change: Change): Node {
  let left = ordinal % count(root);
  const walk = (node: Node): Node | undefined => {
    if (left-- === 0) return change(node);
    if (node instanceof Pairs) {
      const pairs = node.pairs.map(([key, value]) => [key, walk(value)] as const);
      return new Pairs(pairs.filter((pair): pair is readonly [string, Node] => pair[1] !== undefined));
    }
    return Array.isArray(node) ? node.map(walk).filter((item) => item !== undefined) : node;
  };
  return walk(root) ?? new Raw('');
}

function count(node: Node): number {
  const inner = node instanceof Pairs ? node.pairs.map(([, value]) => value) : Array.isArray(node) ? node : [];
  return inner.reduce<number>((sum, item) => sum + count(item), 1);
}

const raw = (text: string): Raw => new Raw(text);
const PROTOTYPE = new Pairs([
  ['session_id', 'x'],
  ['type', 'opened'],
  ['toString', 0],
]);

/** What stands where something else should. */
const ODD = fc.constantFrom<Node>(
  null,
  true,
  0,
  -1,
  1.5,
  Number.MAX_SAFE_INTEGER,
  raw('9007199254740993'),
  raw('1e999'),
  raw('-1e999'),
  raw('-0'),
  raw('1e-400'),
  raw('NaN'),
  raw('undefined'),
  raw(''),
  'NaN',
  'Infinity',
  '',
  ' ',
  '0',
  'self',
  'random_enemy_99999',
  '__proto__',
  'constructor',
  'a.b',
  '*',
  '>',
  '\u0000',
  '\r\nPUB x 0\r\n',
  '\u202e\ufeff',
  raw('"\\ud800"'),
  raw('"\\udc00\\ud800"'),
  [],
  [[]],
  [null],
  new Pairs([]),
  PROTOTYPE,
  new Pairs([['__proto__', PROTOTYPE]]),
);
const ODD_KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'then', '', 'length', '0', 'session_id', 'type'];

const everyPair = (change: (pairs: Pairs['pairs']) => Pairs['pairs']) => (node: Node) =>
  node instanceof Pairs ? new Pairs(change(node.pairs)) : [node, node];

const breaking: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: ODD.map((odd) => () => odd) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 2 }).map((odd) => () => nodeOf(odd)) },
  { weight: 4, arbitrary: fc.constant(() => undefined) },
  { weight: 3, arbitrary: pairChange((pairs, key, odd) => [...pairs, [key, odd]]) },
  { weight: 2, arbitrary: pairChange((pairs, key, odd) => [[key, odd], ...pairs]) },
  { weight: 2, arbitrary: ODD.map((odd) => everyPair((all) => [...all, ...all.map(([key]) => [key, odd] as const)])) },
  { weight: 1, arbitrary: fc.constant(everyPair((all) => all.map(([key, value]) => [key.toUpperCase(), value]))) },
  { weight: 1, arbitrary: fc.constant(everyPair((all) => [...all].reverse())) },
  { weight: 2, arbitrary: fc.constantFrom(2, 33, 65, 257, 1_025).map((times) => repeat(times)) },
  { weight: 1, arbitrary: fc.constantFrom(1, 50, 1_199, 1_200, 1_201, 3_000).map((depth) => wrap(depth)) },
  { weight: 1, arbitrary: fc.constantFrom(64, 65, 240, 2_048, 2_049, 70_000).map((chars) => () => 'x'.repeat(chars)) },
);

function pairChange(change: (pairs: Pairs['pairs'], key: string, odd: Node) => Pairs['pairs']): fc.Arbitrary<Change> {
  return fc.tuple(fc.constantFrom(...ODD_KEYS), ODD).map(([key, odd]) => everyPair((pairs) => change(pairs, key, odd)));
}

const repeat = (times: number) => (node: Node) => {
  const text = textOf(node);
  return raw(`[${Array(Math.min(times, Math.ceil(TEXT_MAX_CHARS / (text.length + 1)))).fill(text)}]`);
};
const wrap = (depth: number) => (node: Node) => raw(`${'['.repeat(depth)}${textOf(node)}${']'.repeat(depth)}`);

/** What becomes of the bytes. */
const damage: fc.Arbitrary<(bytes: Uint8Array) => Uint8Array> = fc.oneof(
  { weight: 30, arbitrary: fc.constant((bytes: Uint8Array) => bytes) },
  { weight: 1, arbitrary: fc.nat(1_000).map((at) => (bytes: Uint8Array) => bytes.slice(0, at % (bytes.length + 1))) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(1_000), fc.nat(255)).map(([at, byte]) => put(at, byte)) },
  { weight: 1, arbitrary: fc.constantFrom('\ufeff', '[', '{}', ' ').map((text) => joined(text)) },
  {
    weight: 1,
    arbitrary: fc.constant(
      (bytes: Uint8Array) => new Uint8Array(Buffer.from(Buffer.from(bytes).toString(), 'utf16le')),
    ),
  },
);

const put = (at: number, byte: number) => (bytes: Uint8Array) =>
  bytes.map((before, index) => (index === at % bytes.length ? byte : before));
const joined = (text: string) => (bytes: Uint8Array) => new Uint8Array([...encoder.encode(text), ...bytes]);
