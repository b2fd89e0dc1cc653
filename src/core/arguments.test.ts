import { describe, expect, test } from 'vitest';
import { ownerName } from './arguments.js';
import { createKeyring } from './keyring.js';
import { hashOwner } from './token.js';

describe('the name of an owner', () => {
  test('is a string of up to 512 characters or a whole number, and is taken as it is', () => {
    for (const name of ['ada', '\u0000', ' ', '\u{1f600}', 'e\u0301', 'x'.repeat(512)])
      expect(ownerName(name)).toBe(name);
    expect([7, -1, 0, 9n].map((name) => ownerName(name))).toEqual(['7', '-1', '0', '9']);
    for (const name of ['', 'x'.repeat(513), 1.5, Number.NaN, 2 ** 53, undefined, null, {}, ['ada']]) {
      expect(() => ownerName(name)).toThrow(/^signIn owner: expected a whole number or 1 to 512/);
    }
  });

  test('has no half of a surrogate pair, of which UTF-8 makes one: no two owners have one hash', () => {
    for (const half of ['a\ud800', '\udc00', '\udc00\ud800']) {
      expect(() => ownerName(half, 'revokeAll owner')).toThrow(/^revokeAll owner: expected .*well-formed/);
    }
    const { newest } = createKeyring(['an owner has a name that is well-formed']);
    const names = ['\u0000', '\ufffd', '\u{1f600}', 'é', 'e\u0301', ' ', '%00'].map((name) => ownerName(name));
    expect(new Set(names.map((name) => hashOwner(newest, 'app', name))).size).toBe(names.length);
  });
});
