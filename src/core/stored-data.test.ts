import { expect, test } from 'vitest';
import { encodeData } from './codec.js';
import type { Stored } from './handle.js';
import type { Session } from './session.js';
import { decodeStored, isUntouched } from './stored-data.js';

const stored = (data: object): Stored => ({
  id: 'id' as Stored['id'],
  version: 'version' as Stored['version'],
  idleDeadline: 0,
  header: {} as Stored['header'],
  data: encodeData(data, { maxBytes: 1_000 }),
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
