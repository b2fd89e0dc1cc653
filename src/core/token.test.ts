import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKeyring } from './keyring.js';
import { hashOwner, hashSecret, idBytes, newId, newSecret, TokenCodec, tokenLength } from './token.js';

const secretA = 'a3F0kq9ZxW2mN7vB5cT8yR1uL6pD4sJ0';
const secretB = 'Zp4Lr8Qw1Xc6Vb3Nm9Kj5Hg2Fd7Sa0Yt';
const codec = (secrets: string[], audience = 'app') => new TokenCodec(createKeyring(secrets), audience);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

describe('a token', () => {
  test('gives back the id and secret that it was made of', () => {
    fc.assert(
      fc.property(bytes(idBytes), bytes(32), (id, secret) => {
        const name = Buffer.from(id).toString('base64url') as ReturnType<typeof newId>;
        const read = codec([secretA]).read(codec([secretA]).write(name, secret));
        expect(read).toEqual({ id: name, secret: Buffer.from(secret) });
      }),
    );
  });

  test('is 92 characters of base64url', () => {
    const text = codec([secretA]).write(newId(), newSecret());
    expect(text).toHaveLength(tokenLength);
    expect(text).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  test('with any one character changed is refused, in every place and for every other character', () => {
    const tokens = codec([secretA]);
    const text = tokens.write(newId(), newSecret());
    for (let at = 0; at < text.length; at++) {
      for (const character of alphabet) {
        if (character === text[at]) continue;
        expect(typeof tokens.read(text.slice(0, at) + character + text.slice(at + 1))).toBe('string');
      }
    }
  });

  test('of another length, alphabet or shape is malformed, and nothing throws', () => {
    const tokens = codec([secretA]);
    const text = tokens.write(newId(), newSecret());
    for (const value of [
      '',
      text.slice(1),
      `${text}A`,
      `${text.slice(0, -1)}=`,
      `${text.slice(0, -1)}+`,
      ` ${text.slice(1)}`,
      `${text.slice(0, -1)}\u0100`,
    ]) {
      expect(tokens.read(value)).toBe('malformed');
    }
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => tokens.read(value) === 'malformed'));
    fc.assert(fc.property(bytes(69), (raw) => typeof tokens.read(Buffer.from(raw).toString('base64url')) === 'string'));
  });

  test('of another app (audience) is refused, though the secret is the same', () => {
    expect(codec([secretA], 'other').read(codec([secretA], 'app').write(newId(), newSecret()))).toBe('mac');
  });

  test('made before a rotation is read after it, until its secret is removed; new ones carry the new key', () => {
    const old = codec([secretA]).write(newId(), newSecret());
    expect(typeof codec([secretB, secretA]).read(old)).toBe('object');
    expect(codec([secretB]).read(old)).toMatch(/unknown-key|mac/);
    const fresh = codec([secretB, secretA]).write(newId(), newSecret());
    expect(typeof codec([secretB]).read(fresh)).toBe('object');
  });

  test('is read under the right key where two keys share a fingerprint', () => {
    const fingerprint = (secret: string) => createKeyring([secret]).newest.fingerprint;
    const wanted = fingerprint(secretA);
    let twin = '';
    for (let i = 0; fingerprint(twin || secretB) !== wanted; i++) {
      twin = createHash('sha256').update(String(i)).digest('base64url').slice(0, 40);
    }
    const tokens = codec([secretA]);
    const text = tokens.write(newId(), newSecret());
    expect(typeof codec([twin, secretA]).read(text)).toBe('object');
    expect(codec([twin]).read(text)).toBe('mac');
  });
});

describe('what a store may know', () => {
  test('the id of an owned session begins with its owner tag, and no two ids are the same', () => {
    const owner = hashOwner(createKeyring([secretA]).newest, 'app', 'ada');
    const ids = Array.from({ length: 500 }, () => newId(owner));
    expect(new Set(ids).size).toBe(500);
    for (const id of ids) {
      expect(Buffer.from(id, 'base64url').subarray(0, 4)).toEqual(Buffer.from(owner, 'base64url').subarray(0, 4));
    }
  });

  test('a hashed owner depends on the secret, the audience and the name, and on nothing else', () => {
    const [a, b] = [createKeyring([secretA]).newest, createKeyring([secretB]).newest];
    const hashes = [
      hashOwner(a, 'app', 'ada'),
      hashOwner(b, 'app', 'ada'),
      hashOwner(a, 'ap', 'pada'),
      hashOwner(a, 'app', 'bob'),
    ];
    expect(new Set(hashes).size).toBe(4);
    expect(hashOwner(a, 'app', 'ada')).toBe(hashes[0]);
  });

  test('the hash of a secret shows none of its bytes', () => {
    const secret = newSecret();
    expect(hashSecret(secret).includes(secret.subarray(0, 8))).toBe(false);
  });
});
