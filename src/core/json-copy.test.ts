import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeData, encodeData } from './codec.js';
import { copyJson, sameMembers } from './json-copy.js';

interface Draft {
  deep: { list: unknown[] };
}

const limits = { maxBytes: 1_000_000 };
/** Without a key that is refused wherever it stands. */
const data = fc
  .dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }))
  .filter((made) => !JSON.stringify(made).includes('"__proto__":'));
const decoded = (made: object) => decodeData(encodeData(made, limits));

describe('a copy of decoded data', () => {
  test('is the same data, and shares no object with it', () => {
    fc.assert(
      fc.property(data, (made) => {
        const first = decoded(made);
        const copy = copyJson(first);
        expect(copy).toStrictEqual(first);
        expect(sameMembers(copy, first)).toBe(true);
        const known = new Set(objectsIn(first));
        for (const object of objectsIn(copy)) expect(known.has(object)).toBe(false);
      }),
    );
  });
});

describe('data that is said to be unchanged', () => {
  test('is encoded to the same bytes', () => {
    fc.assert(
      fc.property(data, data, (one, other) => {
        const same = sameMembers(one, decoded(other));
        expect(same && Buffer.compare(encodeData(one, limits), encodeData(other, limits)) !== 0).toBe(false);
      }),
    );
  });

  const changes: [string, (draft: Draft) => unknown][] = [
    ['a member more', (draft) => Reflect.set(draft, 'more', 1)],
    ['a member less', (draft) => Reflect.deleteProperty(draft, 'n')],
    ['another order', (draft) => Reflect.deleteProperty(draft, 'n') && Reflect.set(draft, 'n', 1)],
    ['a name for another', (draft) => Reflect.deleteProperty(draft, 'nothing') && Reflect.set(draft, 'naught', null)],
    ['another number', (draft) => Reflect.set(draft, 'n', 2)],
    ['zero below zero', (draft) => Reflect.set(draft, 'zero', -0)],
    ['a number as text', (draft) => Reflect.set(draft, 'n', '1')],
    ['null for an object', (draft) => Reflect.set(draft, 'deep', null)],
    ['a deep change', ({ deep }) => Reflect.set(deep.list[1] as object, 'x', 2)],
    ['an item more', ({ deep }) => deep.list.push(3)],
    ['an item less', ({ deep }) => deep.list.pop()],
    ['a hole', ({ deep }) => Reflect.deleteProperty(deep.list, 0)],
    ['a hole at the end', ({ deep }) => Reflect.set(deep.list, 'length', 4)],
    ['a name added to an array', ({ deep }) => Reflect.set(deep.list, 'name', 1)],
    ['an object for an array', (draft) => Reflect.set(draft, 'empty', {})],
    ['a symbol as a key', ({ deep }) => Reflect.set(deep, Symbol('key'), 1)],
    ['undefined for null', (draft) => Reflect.set(draft, 'nothing', undefined)],
    ['a date', (draft) => Reflect.set(draft, 'bare', new Date())],
    ['a map', (draft) => Reflect.set(draft, 'bare', new Map([['a', 1]]))],
    ['a class of the same members', (draft) => Reflect.setPrototypeOf(draft.deep, class {}.prototype)],
    ['a subclass of Array', (draft) => Reflect.set(draft, 'empty', new (class extends Array {})())],
  ];
  test.each(changes)('is not data with %s', (_, change) => {
    const first = decoded({
      n: 1,
      zero: 0,
      nothing: null,
      empty: [],
      bare: {},
      deep: { list: ['a', { x: 1 }, null] },
    });
    const draft = copyJson(first) as unknown as Draft;
    expect(sameMembers(draft, first)).toBe(true);
    change(draft);
    expect(sameMembers(draft, first)).toBe(false);
  });
});

function objectsIn(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}
