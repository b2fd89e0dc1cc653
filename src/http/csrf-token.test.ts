import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyring } from '../core/keyring.js';
import { type CsrfBinding, CsrfTokens } from './csrf-token.js';

const [old, current] = ['an-0ld-s3cret-of-32-bytes-at-least!', 'a-n3w-s3cret-of-32-bytes-at-least!!'] as const;
const tokens = new CsrfTokens(createKeyring([old]), 'app');
const binding: fc.Arbitrary<CsrfBinding> = fc.record({
  kind: fc.constantFrom('session', 'visitor'),
  value: fc.string(),
});
const same = (a: CsrfBinding, b: CsrfBinding) => a.kind === b.kind && a.value === b.value;

test('a token holds for what it was made for, and for nothing else', () => {
  fc.assert(
    fc.property(binding, binding, (mine, theirs) => {
      const token = tokens.write(mine);
      expect(tokens.holds(token, [mine])).toBe(true);
      expect(tokens.holds(token, [theirs, mine])).toBe(true);
      expect(tokens.holds(token, [theirs])).toBe(same(mine, theirs));
      expect(tokens.holds(token, [])).toBe(false);
    }),
  );
});

test('it does not hold in another app, nor under another secret; it does while secrets are rotated', () => {
  const mine: CsrfBinding = { kind: 'session', value: 'x' };
  const token = tokens.write(mine);
  expect(new CsrfTokens(createKeyring([old]), 'other').holds(token, [mine])).toBe(false);
  expect(new CsrfTokens(createKeyring([current]), 'app').holds(token, [mine])).toBe(false);
  expect(new CsrfTokens(createKeyring([current, old]), 'app').holds(token, [mine])).toBe(true);
});

test('no character of it can be changed, left out or added', () => {
  const mine: CsrfBinding = { kind: 'session', value: 'x' };
  const token = tokens.write(mine);
  for (let at = 0; at < token.length; at++) {
    const other = token[at] === 'A' ? 'B' : 'A';
    expect(tokens.holds(token.slice(0, at) + other + token.slice(at + 1), [mine])).toBe(false);
    expect(tokens.holds(token.slice(0, at) + token.slice(at + 1), [mine])).toBe(false);
  }
  expect(tokens.holds(`${token}A`, [mine])).toBe(false);
});

test('two tokens of one session share nothing but the two bytes that say which key made them', () => {
  const mine: CsrfBinding = { kind: 'session', value: 'x' };
  const [a, b] = [tokens.write(mine), tokens.write(mine)].map((token) => Buffer.from(token, 'base64url'));
  expect(a?.subarray(0, 2)).toEqual(b?.subarray(0, 2));
  expect(a?.subarray(2, 20)).not.toEqual(b?.subarray(2, 20));
  expect(a?.subarray(20)).not.toEqual(b?.subarray(20));
});

test('whatever else comes is no token, and no error', () => {
  fc.assert(fc.property(fc.string(), (text) => !tokens.holds(text, [{ kind: 'session', value: 'x' }])));
});
