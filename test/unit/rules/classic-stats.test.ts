import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { check } from '#contracts/decode.ts';
import { classic } from '#rules/classic/classic.ts';

const refusalOf = (stats: unknown): string | null => {
  const read = check(classic.stats, stats);
  return read.ok ? null : read.reason;
};

describe('stats of classic', () => {
  test.each([{}, { hp: 100 }, { hp: 80 }])('%j is a complete actor', (stats) => {
    expect(classic.stats.parse(stats)).toEqual({ ...classic.stats.parse({}), ...stats });
  });

  test('what the rules do not know is ignored', () => {
    expect(classic.stats.parse({ hp: 7, charisma: 18, nested: { a: 1 } })).toEqual(classic.stats.parse({ hp: 7 }));
  });

  test.each([
    [{ hp: -5 }, 'hp'],
    [{ hp: 0 }, 'hp'],
    [{ hp: 12.5 }, 'hp'],
    [{ hp: '100' }, 'hp'],
    [{ hp: null }, 'hp'],
    [{ hp: 2_000_000_000 }, 'hp'],
    [{ damage: -1 }, 'damage'],
    [{ dodge: 1.2 }, 'dodge'],
    [{ accuracy: -0.1 }, 'accuracy'],
    [{ accuracy: Number.NaN }, 'accuracy'],
    [{ crit_multiplier: 0.5 }, 'crit_multiplier'],
    [{ off_hand: 5 }, 'off_hand'],
    [{ off_hand: { damage: 'much' } }, 'off_hand.damage'],
    [{ zones: [] }, 'zones'],
    [{ zones: ['head', 'head'] }, 'zones: a zone is named twice'],
    [{ zones: 'head' }, 'zones'],
    [{ block_zones: 9 }, 'block_zones'],
    [{ skills: [] }, 'skills: expected an object of skills'],
    [{ skills: { fireball: { effect: 'explode', power: 1 } } }, 'skills.fireball.effect'],
    [{ skills: { fireball: { effect: 'damage' } } }, 'skills.fireball.power'],
    [{ skills: { '': { effect: 'heal', power: 1 } } }, 'skills: ids of skills have 1 to 64 characters'],
    [{ items: { potion: { effect: 'heal', power: 1, charges: 0 } } }, 'items.potion.charges'],
    ['strong', 'expected object'],
    [null, 'expected object'],
  ])('%j is refused and the message names what is wrong', (stats, named) => {
    expect(refusalOf(stats)).toContain(named);
  });

  test('more skills than an actor may have are refused', () => {
    const skills = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`s${n}`, { effect: 'heal', power: 1 }]));
    expect(refusalOf({ skills })).toBe('skills: more than 32 skills');
  });

  test('a chance above its cap counts as the cap', () => {
    expect(classic.stats.parse({ dodge: 1, parry: 0.9, resistance: 1, block_zones: 8 })).toMatchObject({
      dodge: 0.75,
      parry: 0.75,
      resistance: 0.9,
      block_zones: 3,
    });
  });

  test('reading what was read and sent over the wire changes nothing', () => {
    const raw = '{"hp":5,"energy":-0,"dodge":1,"off_hand":{},"items":{"__proto__":{"effect":"heal","power":3}}}';
    const once = classic.stats.parse(JSON.parse(raw));
    const twice = classic.stats.parse(JSON.parse(JSON.stringify(once)));
    expect(twice).toStrictEqual(once);
    expect(Object.hasOwn(twice.items, '__proto__')).toBe(true);
  });

  test('defaults are not shared between actors', () => {
    const [one, other] = [classic.stats.parse({}), classic.stats.parse({})];
    expect(one.zones).not.toBe(other.zones);
    expect(one.skills).not.toBe(other.skills);
  });
});

describe('docs/rules-classic.md', () => {
  const document = readFileSync(new URL('../../../docs/rules-classic.md', import.meta.url), 'utf8');
  /** Rows of the tables as their cells: name, default, range, cap or meaning. */
  const rows = document
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
    .map(([, name, fallback, range, cap]) => ({ name: name!, fallback: fallback!, range: range!, cap: cap! }));
  const [stats, fields] = [rows.slice(0, -5), rows.slice(-5)];

  test('lists every stat there is, in the order of the code', () => {
    const known = Object.keys(classic.stats.parse({ off_hand: {} }));
    expect(stats.map(({ name }) => name)).toEqual(known);
    const itemFields = Object.keys(classic.stats.parse({ items: { i: { effect: 'heal', power: 1 } } }).items.i!);
    expect(fields.map(({ name }) => name)).toEqual(itemFields);
  });

  test.each(stats)('has the default of $name', ({ name, fallback }) => {
    const defaults: Record<string, unknown> = classic.stats.parse({});
    expect(defaults[name]).toEqual(fallback === 'none' ? undefined : JSON.parse(fallback));
  });

  test.each(fields.filter(({ fallback }) => fallback !== 'required'))('has the default of the field $name', (row) => {
    const items = { i: { effect: 'heal', power: 1 } };
    const item: Record<string, unknown> = classic.stats.parse({ items }).items.i!;
    expect(item[row.name]).toBe(JSON.parse(row.fallback));
  });

  test('has the defaults of the second weapon', () => {
    expect(classic.stats.parse({ off_hand: {} }).off_hand).toEqual({ damage: 7, spread: 2 });
    expect(document).toContain('its defaults are 7 and 2');
  });

  const inStats = (name: string, value: number) => ({ [name]: value });
  const inItem = (name: string, value: number) => ({ items: { i: { effect: 'heal', power: 1, [name]: value } } });
  const rangesOf = (table: typeof rows, given: typeof inStats | typeof inItem) =>
    table.flatMap(({ name, range, cap }) => {
      const bounds = /^([\d.]+) to ([\d.]+)(, whole)?$/.exec(range);
      if (bounds === null) return [];
      return [{ name, min: Number(bounds[1]), max: Number(bounds[2]), isWhole: bounds[3] !== undefined, cap, given }];
    });
  const ranges = [...rangesOf(stats, inStats), ...rangesOf(fields, inItem)];

  test.each(ranges)('has the range $min to $max of $name', ({ name, min, max, isWhole, given }) => {
    expect(refusalOf(given(name, min))).toBeNull();
    expect(refusalOf(given(name, max))).toBeNull();
    expect(refusalOf(given(name, min - 1))).toContain(name);
    expect(refusalOf(given(name, max + 1))).toContain(name);
    expect(refusalOf(given(name, min + 0.5)) === null).toBe(!isWhole);
  });

  test.each(ranges.filter(({ cap }) => /^[\d.]+$/.test(cap)))('has the cap of $name', ({ name, max, cap }) => {
    const read: Record<string, unknown> = classic.stats.parse({ [name]: max });
    expect(read[name]).toBe(Number(cap));
  });
});
