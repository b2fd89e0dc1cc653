import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dataIn, type RecordHeader, readRecord, writeRecord } from './record.js';

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const moment = fc.integer({ min: 1, max: 2 ** 45 });
const optional = <T>(name: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((found) => (found === undefined ? {} : { [name]: found }));

const headers: fc.Arbitrary<RecordHeader> = fc
  .tuple(
    fc.record({
      aal: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
      amr: fc.array(fc.string(), { maxLength: 3 }),
      createdAt: moment,
      absoluteDeadline: moment,
      idleMs: moment,
      ownIdle: fc.boolean(),
      ownAbsolute: fc.boolean(),
      persistent: fc.boolean(),
      secretHash: bytes(32),
      secretSince: moment,
      previousUntil: moment,
      renewalSeed: bytes(32),
    }),
    optional('owner', fc.string({ unit: 'binary', maxLength: 512 })),
    optional('authenticatedAt', moment),
    optional('previousHash', bytes(32)),
    optional('userAgent', fc.string({ unit: 'grapheme', maxLength: 256 })),
    optional('address', fc.string()),
  )
  .map((parts) => Object.assign({}, ...parts) as RecordHeader);

describe('a record', () => {
  test('gives back every field of its header, and its data', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array(), (header, data) => {
        const read = readRecord(Buffer.from(writeRecord(header, data)));
        expect(read).toEqual({ header, data: Buffer.from(data) });
      }),
    );
  });

  test('cut short or made of noise is malformed, and nothing throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => void readRecord(Buffer.from(noise))));
    fc.assert(
      fc.property(headers, fc.nat(148), (header, length) => {
        expect(readRecord(Buffer.from(writeRecord(header, Buffer.alloc(0))).subarray(0, length))).toBe('malformed');
      }),
    );
  });

  test('of a later version is temporary', () => {
    expect(readRecord(Buffer.from([2, 0, 0]))).toBe('newer-format');
  });

  test('of format 1, frozen, reads today as it did when it was written', () => {
    const frozen = JSON.parse(readFileSync(new URL('../../test/fixtures/record/v1.json', import.meta.url), 'utf8'));
    const header: RecordHeader = {
      owner: 'ada',
      aal: 2,
      amr: ['pwd', 'otp'],
      createdAt: 1_893_456_000_000,
      authenticatedAt: 1_893_456_000_001,
      absoluteDeadline: 1_893_542_400_001,
      idleMs: 3_600_000,
      ownIdle: true,
      ownAbsolute: false,
      persistent: true,
      secretHash: Buffer.alloc(32, 1),
      secretSince: 1_893_456_000_002,
      previousHash: Buffer.alloc(32, 2),
      previousUntil: 1_893_456_060_002,
      renewalSeed: Buffer.alloc(32, 3),
      userAgent: 'Browser/1.0 (é)',
      address: '203.0.113.7',
    };
    const data = Buffer.from('data');
    expect(readRecord(Buffer.from(frozen.bytes, 'hex'))).toEqual({ header, data });
    expect(Buffer.from(writeRecord(header, data)).toString('hex')).toBe(frozen.bytes);
    expect(Buffer.from(writeRecord(header, 'data')).toString('hex')).toBe(frozen.bytes);
  });

  test('written from text is what it is from the bytes of that text, and its data is found in it', () => {
    const header = {
      aal: 0,
      amr: [],
      createdAt: 1,
      absoluteDeadline: 2,
      idleMs: 3,
      ownIdle: false,
      ownAbsolute: false,
      persistent: false,
      secretHash: Buffer.alloc(32),
      secretSince: 1,
      previousUntil: 0,
      renewalSeed: Buffer.alloc(32),
      userAgent: 'é'.repeat(300),
    } as const;
    for (const text of ['', 'plain', 'é \u{1f600}', '\ud800', 'x'.repeat(70_000)]) {
      const bytes = Buffer.from(text);
      expect(writeRecord(header, text)).toEqual(writeRecord(header, bytes));
      expect(Buffer.from(dataIn(writeRecord(header, text)))).toEqual(bytes);
      // Remembered, a window on Node's pool would keep the 8 KB of its neighbours as well.
      const written = writeRecord(header, text);
      expect(written.buffer.byteLength).toBe(written.byteLength);
    }
  });
});
