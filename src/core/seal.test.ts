import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKeyring } from './keyring.js';
import { Sealer, sealOverhead } from './seal.js';
import { newId } from './token.js';

const secretA = 'a3F0kq9ZxW2mN7vB5cT8yR1uL6pD4sJ0';
const secretB = 'Zp4Lr8Qw1Xc6Vb3Nm9Kj5Hg2Fd7Sa0Yt';
const sealer = (secrets: string[], audience = 'app') => new Sealer(createKeyring(secrets), audience);
const id = newId();
const text = Buffer.from('{"cart":["a record of somebody"]}');

describe('a sealed record', () => {
  test('opens to what was sealed, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (plain) => {
        expect(sealer([secretA]).open(id, sealer([secretA]).seal(id, plain))).toEqual(Buffer.from(plain));
      }),
    );
  });

  test('with any one bit flipped does not open', () => {
    const sealed = sealer([secretA]).seal(id, text);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const bent = Uint8Array.from(sealed);
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(typeof sealer([secretA]).open(id, bent)).toBe('string');
    }
  });

  test('cut to any length does not open', () => {
    const sealed = sealer([secretA]).seal(id, text);
    for (let length = 0; length < sealed.length; length++) {
      expect(sealer([secretA]).open(id, sealed.subarray(0, length))).toMatch(/malformed|authentication/);
    }
  });

  test('moved to another id or another app does not open', () => {
    const sealed = sealer([secretA]).seal(id, text);
    expect(sealer([secretA]).open(newId(), sealed)).toBe('authentication');
    expect(sealer([secretA], 'other').open(id, sealed)).toBe('authentication');
  });

  test('under a removed secret or of a newer format is temporary, not broken: it must not be overwritten', () => {
    const sealed = sealer([secretA]).seal(id, text);
    expect(sealer([secretB]).open(id, sealed)).toBe('unknown-key');
    const newer = Uint8Array.from(sealed);
    newer[0] = 2;
    expect(sealer([secretA]).open(id, newer)).toBe('newer-format');
  });

  test('from before a rotation opens after it', () => {
    expect(sealer([secretB, secretA]).open(id, sealer([secretA]).seal(id, text))).toEqual(text);
  });

  test('shows nothing of its text, and is another each time', () => {
    const first = Buffer.from(sealer([secretA]).seal(id, text));
    const second = Buffer.from(sealer([secretA]).seal(id, text));
    expect(first.includes('somebody')).toBe(false);
    expect(first.equals(second)).toBe(false);
    expect(first.length).toBe(text.length + sealOverhead);
  });
});

// A buffer of Node's pool is a window on 8 KB that others share: as long as one of them is remembered, all of it is there.
describe('what is remembered of a session takes the memory that is reckoned', () => {
  test('its sealed bytes share none', () => {
    for (const length of [0, 200, 5_000]) {
      const sealed = sealer([secretA]).seal(newId(), Buffer.alloc(length));
      expect(sealed.buffer.byteLength).toBe(sealed.byteLength);
    }
  });

  test('and what is kept of its key shares none', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const held = (): number => {
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const many = sealer([secretA]);
    const before = held();
    for (let n = 0; n < 2_000; n++) {
      many.seal(newId(), Buffer.alloc(100));
      // Whatever else the process makes in the meantime.
      Buffer.allocUnsafe(4_000);
    }
    expect((held() - before) / 2_000).toBeLessThan(1_024);
    many.seal(newId(), Buffer.alloc(100));
  });
});
