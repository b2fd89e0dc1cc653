import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { data as anyData, show, storable } from '../../test/fixtures/codec/values.js';
import { decodeData, encodeData, joinPath } from './codec.js';
import { merge, sameValue } from './merge.js';

type Data = Record<string, unknown>;
type Path = readonly string[];
const absent = Symbol('absent');

const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value));
const at = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>((inner, key) => (isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : absent), value);
const named = (path: Path): string => path.reduce(joinPath, '');
const startsWith = (path: Path, start: Path): boolean => start.every((key, i) => path[i] === key);
const touch = (a: Path, b: Path): boolean => startsWith(a, b) || startsWith(b, a);

/** The answer with this path set, or removed; its parents must be there. The slow and obvious way. */
function edited(value: Data, path: Path, to: unknown): Data {
  const [key = '', ...rest] = path;
  const copy = { ...value };
  if (rest.length > 0) copy[key] = edited(copy[key] as Data, rest, to);
  else if (to === absent) Reflect.deleteProperty(copy, key);
  else copy[key] = to;
  return copy;
}

interface Change {
  readonly path: Path;
  /** An object came where nothing was: it can take what the other side put in. */
  readonly opened: boolean;
}

/** Which paths `after` changed: as deep as both are objects, or as an object is new. */
function changes(before: unknown, after: unknown, path: Path = []): Change[] {
  if (sameValue(before, after)) return [];
  const from = before === absent ? {} : before;
  if (!isObject(from) || !isObject(after)) return [{ path, opened: false }];
  const inner = [...new Set([...Object.keys(from), ...Object.keys(after)])].flatMap((key) =>
    changes(at(from, [key]), at(after, [key]), [...path, key]),
  );
  return before === absent ? [{ path, opened: true }, ...inner] : inner;
}

/** Few keys and few leaves, so that two sides often meet. */
const keys = fc.constantFrom('a', 'b', 'c', 'constructor', 'x.y');
const leaves = fc.constantFrom<unknown>(0, -0, 1, 'x', null, undefined, Number.NaN);
const small: fc.Arbitrary<Data> = fc.letrec<{ object: Data; value: unknown }>((tie) => ({
  object: fc.dictionary(keys, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  value: fc.oneof({ maxDepth: 4 }, leaves, tie('object'), fc.array(leaves, { maxLength: 2 })),
})).object;
/** Three sides of which two often agree. */
const sides = fc
  .tuple(small, small, small, fc.constantFrom('any', 'near'), fc.array(fc.tuple(fc.boolean(), keys, small)))
  .map(([base, mine, theirs, kind, edits]) => {
    if (kind === 'any') return { base, mine, theirs };
    let [near, far] = [base, base];
    for (const [isMine, key, value] of edits) {
      if (isMine) near = edited(near, [key], value);
      else far = edited(far, [key], value);
    }
    return { base, mine: near, theirs: far };
  });

/** A base, and edits to it at paths of which none lies in another, dealt to two sides. */
const disjoint = fc
  .tuple(
    small,
    fc.array(
      fc.record({
        route: fc.array(keys, { minLength: 1, maxLength: 4 }),
        to: fc.option(storable, { nil: absent }),
        isMine: fc.boolean(),
      }),
      { maxLength: 12 },
    ),
  )
  .map(([base, wishes]) => {
    const edits: { path: Path; to: unknown; isMine: boolean }[] = [];
    for (const { route, to, isMine } of wishes) {
      // As far along the route as there are objects, and one step on.
      let length = 1;
      while (length < route.length && isObject(at(base, route.slice(0, length)))) length++;
      const path = route.slice(0, length);
      if (!edits.some((other) => touch(other.path, path))) edits.push({ path, to, isMine });
    }
    const apply = (which: (isMine: boolean) => boolean): Data =>
      edits.filter((edit) => which(edit.isMine)).reduce((value, { path, to }) => edited(value, path, to), base);
    return { base, mine: apply((isMine) => isMine), theirs: apply((isMine) => !isMine), both: apply(() => true) };
  });

describe('laws of merge', () => {
  test('where nothing else was stored, the result is mine', () => {
    fc.assert(
      fc.property(anyData, anyData, (base, mine) => {
        const { data, conflicts, changed } = merge(base, mine, base);
        expect(sameValue(data, mine)).toBe(true);
        expect(conflicts).toEqual([]);
        expect(changed).toBe(!sameValue(mine, base));
      }),
    );
  });

  test('where I changed nothing, the result is theirs and needs no write', () => {
    fc.assert(
      fc.property(anyData, anyData, (base, theirs) => {
        const result = merge(base, base, theirs);
        expect(show(result)).toBe(show({ data: theirs, conflicts: [], changed: false }));
      }),
    );
  });

  test('where both did the same, that is the result, without a conflict or a write', () => {
    fc.assert(
      fc.property(anyData, anyData, (base, both) => {
        const copy = decodeData(encodeData(both, { maxBytes: 1_000_000 }));
        expect(show(merge(base, both, copy))).toBe(show({ data: copy, conflicts: [], changed: false }));
      }),
    );
  });

  test('edits at different paths all survive, without a conflict, whoever comes first', () => {
    fc.assert(
      fc.property(disjoint, ({ base, mine, theirs, both }) => {
        for (const result of [merge(base, mine, theirs), merge(base, theirs, mine)]) {
          expect(result.conflicts).toEqual([]);
          expect(sameValue(result.data, both)).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('everything that I changed is in the result', () => {
    fc.assert(
      fc.property(sides, ({ base, mine, theirs }) => {
        const { data } = merge(base, mine, theirs);
        for (const { path, opened } of changes(base, mine)) {
          if (opened) expect(isObject(at(data, path))).toBe(true);
          else expect(sameValue(at(data, path), at(mine, path))).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('everything that they changed is in the result, but where a conflict says otherwise', () => {
    fc.assert(
      fc.property(sides, ({ base, mine, theirs }) => {
        const { data, conflicts } = merge(base, mine, theirs);
        const lost = changes(base, theirs).filter(
          ({ path, opened }) => !opened && !sameValue(at(data, path), at(theirs, path)),
        );
        for (const { path } of lost) {
          const above = path.map((_, i) => named(path.slice(0, i + 1)));
          // A path that ends at an object they retyped is lost to what I changed inside it.
          expect(conflicts.some((conflict) => above.includes(conflict.path))).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('there is a conflict exactly where changes of both sides meet and differ', () => {
    fc.assert(
      fc.property(sides, ({ base, mine, theirs }) => {
        const ours = changes(base, mine);
        const meeting = changes(base, theirs).flatMap((their) =>
          ours
            .filter((own) => touch(own.path, their.path))
            .filter((own) => {
              const shorter = own.path.length <= their.path.length ? own : their;
              const [m, t] = [at(mine, shorter.path), at(theirs, shorter.path)];
              const opensForOther = at(base, shorter.path) === absent && isObject(m) && isObject(t);
              return !opensForOther && !sameValue(m, t);
            })
            .map((own) => named(own.path.length <= their.path.length ? own.path : their.path)),
        );
        const { conflicts } = merge(base, mine, theirs);
        expect(conflicts.map(({ path }) => path).sort()).toEqual([...new Set(meeting)].sort());
      }),
      { numRuns: 1000 },
    );
  });

  test('`changed` says whether the result differs from theirs', () => {
    fc.assert(
      fc.property(sides, ({ base, mine, theirs }) => {
        const { data, changed } = merge(base, mine, theirs);
        expect(changed).toBe(!sameValue(data, theirs));
      }),
    );
  });

  test('an atomic subtree is one side exactly, mine where both changed it', () => {
    fc.assert(
      fc.property(sides, fc.constantFrom(['a'], ['a', 'b'], ['x.y']), ({ base, mine, theirs }, path) => {
        const { data, conflicts } = merge(base, mine, theirs, { atomic: [named(path)] });
        const [b, m, t, result] = [base, mine, theirs, data].map((side) => at(side, path));
        expect(sameValue(result, m) || sameValue(result, t)).toBe(true);
        if (!sameValue(m, b) && !sameValue(m, t)) expect(sameValue(result, m)).toBe(true);
        expect(conflicts.some((conflict) => conflict.path.startsWith(`${named(path)}.`))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('no input is changed, and the merged objects are new', () => {
    fc.assert(
      fc.property(sides, ({ base, mine, theirs }) => {
        const before = show([base, mine, theirs]);
        const { data } = merge(base, mine, theirs);
        expect(show([base, mine, theirs])).toBe(before);
        for (const side of [base, mine, theirs]) expect(data).not.toBe(side);
      }),
    );
  });

  test('nested objects that were merged are new too', () => {
    const [base, mine, theirs] = [{ a: {} }, { a: { m: 1 } }, { a: { t: 1 } }];
    const { data } = merge(base, mine, theirs);
    expect([base.a, mine.a, theirs.a]).not.toContain(data.a);
  });
});

describe('merge by example', () => {
  const cases: [name: string, base: Data, mine: Data, theirs: Data, data: Data, conflicts: string[]][] = [
    ['two keys', {}, { a: 1 }, { b: 2 }, { b: 2, a: 1 }, []],
    ['two keys of one object', { p: {} }, { p: { a: 1 } }, { p: { b: 2 } }, { p: { b: 2, a: 1 } }, []],
    ['an object that both opened', {}, { cart: { a: 1 } }, { cart: { b: 2 } }, { cart: { b: 2, a: 1 } }, []],
    ['an object that both put in place of a value', { p: 1 }, { p: { a: 1 } }, { p: { b: 2 } }, { p: { a: 1 } }, ['p']],
    ['an array', { l: [1] }, { l: [1, 2] }, { l: [1, 3] }, { l: [1, 2] }, ['l']],
    ['a map', { m: new Map() }, { m: new Map([[1, 1]]) }, { m: new Map([[2, 2]]) }, { m: new Map([[1, 1]]) }, ['m']],
    ['the same counter', { n: 1 }, { n: 2 }, { n: 3 }, { n: 2 }, ['n']],
    ['I removed what they changed inside', { p: { a: 1 } }, {}, { p: { a: 2 } }, {}, ['p']],
    [
      'they removed what I changed inside',
      { p: { a: 1, b: 1 } },
      { p: { a: 2, b: 1 } },
      {},
      { p: { a: 2, b: 1 } },
      ['p'],
    ],
    ['they retyped what I changed inside', { p: { a: 1 } }, { p: { a: 2 } }, { p: 'gone' }, { p: { a: 2 } }, ['p']],
    ['both removed', { p: 1, q: 1 }, { q: 1 }, { q: 1 }, { q: 1 }, []],
    ['I removed, they did nothing', { p: 1, q: 1 }, { q: 1 }, { p: 1, q: 2 }, { q: 2 }, []],
    ['absent is not undefined', {}, { p: undefined }, {}, { p: undefined }, []],
    [
      'a deep conflict beside a deep change',
      { p: { q: { a: 1 } } },
      { p: { q: { a: 2 }, m: 1 } },
      { p: { q: { a: 3 }, t: 1 } },
      { p: { q: { a: 2 }, t: 1, m: 1 } },
      ['p.q.a'],
    ],
  ];
  for (const [name, base, mine, theirs, data, conflicts] of cases) {
    test(name, () => {
      const result = merge(base, mine, theirs);
      expect(show(result.data)).toBe(show(data));
      expect(result.conflicts).toEqual(conflicts.map((path) => ({ path })));
    });
  }

  test('atomic keeps an object whole that would have been mixed', () => {
    const [base, mine, theirs] = [{ p: { c: {} } }, { p: { c: { a: 1 }, m: 1 } }, { p: { c: { b: 1 }, t: 1 } }];
    expect(merge(base, mine, theirs, { atomic: ['p.c'] })).toEqual({
      data: { p: { c: { a: 1 }, m: 1, t: 1 } },
      conflicts: [{ path: 'p.c' }],
      changed: true,
    });
  });

  test('keys that name parts of Object are keys', () => {
    const mine = JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"hasOwnProperty":1}') as Data;
    for (const result of [merge({}, mine, {}), merge({}, {}, mine), merge(mine, mine, mine)]) {
      expect(Object.getPrototypeOf(result.data)).toBe(Object.prototype);
      expect(({} as Data).x).toBeUndefined();
    }
    expect(Object.keys(merge({}, mine, { valueOf: 1 }).data)).toEqual(['valueOf', ...Object.keys(mine)]);
    expect(merge({}, {}, { toString: 1 }).data).toEqual({ toString: 1 });
  });
});

describe('sameValue', () => {
  test('holds between a value and its copy', () => {
    fc.assert(
      fc.property(anyData, (value) => {
        expect(sameValue(value, decodeData(encodeData(value, { maxBytes: 1_000_000 })))).toBe(true);
      }),
    );
  });

  /** Without objects, whose order of keys does not count, the same value is the one that reads the same. */
  const few = fc.constantFrom<unknown>(
    0,
    -0,
    1,
    1n,
    '1',
    null,
    undefined,
    Number.NaN,
    new Date(0),
    Buffer.of(1),
    Uint8Array.of(1),
  );
  const ordered = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 2 },
      few,
      fc.array(tie('value'), { maxLength: 2 }),
      fc.array(fc.tuple(few, tie('value')), { maxLength: 2 }).map((entries) => new Map(entries)),
      fc.array(tie('value'), { maxLength: 2 }).map((values) => new Set(values)),
    ),
  })).value;

  test('goes by types, order and leaves', () => {
    fc.assert(
      fc.property(ordered, ordered, (a, b) => {
        expect(sameValue(a, b)).toBe(show(a) === show(b));
      }),
      { numRuns: 5000 },
    );
  });

  const different: [name: string, a: unknown, b: unknown][] = [
    ['0 and -0', 0, -0],
    ['1 and "1"', 1, '1'],
    ['1 and 1n', 1, 1n],
    ['null and undefined', null, undefined],
    ['a key with undefined and no key', { a: undefined }, {}],
    ['two keys with undefined', { a: undefined }, { b: undefined }],
    ['an array and an object', [], {}],
    ['dates of different times', new Date(0), new Date(1)],
    ['a date and an invalid one', new Date(0), new Date(Number.NaN)],
    ['a date and its number', new Date(0), 0],
    ['a Buffer and a Uint8Array', Buffer.of(1), Uint8Array.of(1)],
    ['bytes of different content', Uint8Array.of(1), Uint8Array.of(2)],
    [
      'maps in another order',
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    [
      'maps whose entries line up differently',
      new Map([
        [1, 2],
        [3, 4],
      ]),
      new Map([
        [1, 2],
        [3, 5],
      ]),
    ],
    ['sets in another order', new Set([1, 2]), new Set([2, 1])],
    ['a map and a set', new Map(), new Set()],
    ['arrays of different length', [1], [1, undefined]],
    ['a key of Object and none', { a: 1 }, { toString: 1 }],
  ];
  for (const [name, a, b] of different) {
    test(`${name} differ`, () => expect([sameValue(a, b), sameValue(b, a)]).toEqual([false, false]));
  }

  const same: [name: string, a: unknown, b: unknown][] = [
    ['NaN and NaN', Number.NaN, Number.NaN],
    ['keys in another order', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['with and without a prototype', Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    ['two invalid dates', new Date(Number.NaN), new Date(Number.NaN)],
    ['equal maps with objects as keys', new Map([[{ a: 1 }, [1]]]), new Map([[{ a: 1 }, [1]]])],
  ];
  for (const [name, a, b] of same) test(`${name} are the same`, () => expect(sameValue(a, b)).toBe(true));
});
