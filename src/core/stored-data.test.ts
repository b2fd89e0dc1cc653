import { describe, expect, test } from 'vitest';
import { encodeData } from './codec.js';
import type { Stored } from './handle.js';
import type { Session } from './session.js';
import { decodeStored, isUntouched } from './stored-data.js';

const stored = (data: object): Stored => ({
  id: 'id' as Stored['id'],
  version: 'version' as Stored['version'],
  idleDeadline: 0,
  header: {} as Stored['header'],
  data: encodeData(data, { maxBytes: 100_000 }),
  sealed: new Uint8Array(1),
  decoded: {},
});

test('what one request changes in its data, no other request finds there before it is stored', () => {
  const one = stored({ cart: { items: ['a'] } });
  for (let request = 0; request < 3; request++) {
    const data = decodeStored(one);
    expect(data).toStrictEqual({ cart: { items: ['a'] } });
    (data.cart as { items: string[] }).items.push('b');
    expect(isUntouched(data as unknown as Session, one)).toBe(false);
  }
});

test('what JSON can not say is decoded each time, and is never taken for untouched', () => {
  const one = stored({ since: new Date(0) });
  (decodeStored(one).since as Date).setTime(1);
  const again = decodeStored(one);
  expect(again).toStrictEqual({ since: new Date(0) });
  expect(isUntouched(again as unknown as Session, one)).toBe(false);
});

test('what is decoded to be changed is not kept, and is compared by the codec', () => {
  const one = stored({ cart: ['a'] });
  const data = decodeStored(one, true);
  expect(data).toStrictEqual({ cart: ['a'] });
  expect(one.decoded?.value).toBeUndefined();
  expect(isUntouched(data as unknown as Session, one)).toBe(false);
  // What an earlier request left is good for it too.
  decodeStored(one);
  expect(isUntouched(decodeStored(one, true) as unknown as Session, one)).toBe(true);
});

describe('what was decoded is kept only where it takes as little memory as the cache reckons (G12)', () => {
  const many = (count: number, make: (i: number) => unknown) => Array.from({ length: count }, (_, i) => make(i));
  const kept = (data: object): boolean => {
    const one = stored(data);
    for (let request = 0; request < 2; request++) expect(decodeStored(one)).toStrictEqual(data);
    return one.decoded?.value !== undefined;
  };

  test.each<[string, object]>([
    ['empty objects', { a: many(20_000, () => ({})) }],
    ['empty arrays', { a: many(20_000, () => []) }],
    ['digits', { a: many(20_000, () => 1) }],
    ['short strings', { a: many(8_000, (i) => `${10_000 + i}`) }],
    ['prices', { a: many(9_000, (i) => (i % 2 === 0 ? 1.5 + i / 10 : 0)) }],
    ['names each of its own', Object.fromEntries(many(6_000, (i) => [`k${i}`, 1]) as [string, number][])],
    ['objects of names each of its own', { a: many(4_000, (i) => ({ [`k${i}`]: 1 })) }],
  ])('not of %s', (_, data) => expect(kept(data)).toBe(false));

  test.each<[string, object]>([
    ['nothing', {}],
    ['a small session', { userId: 'u1', cart: { items: [{ id: 1, qty: 2 }] }, flash: { info: ['hi'] }, csrf: 'abc' }],
    ['a large cart', { cart: many(2_000, (i) => ({ sku: `SKU-${i}`, qty: 2 })) }],
    ['long text', { text: 'x'.repeat(60_000) }],
  ])('but of %s', (_, data) => expect(kept(data)).toBe(true));
});
