/**
 * Length: one value, one refusal and one malformed input after another; a table of cases.
 */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { data, jsonData, show, storable } from '../../test/fixtures/codec/values.js';
import { decodeData, encodeData, joinPath, MalformedData, maxDepth } from './codec.js';
import { SessionError } from './errors.js';

const roomy = { maxBytes: 1_000_000 };
const encode = (value: object): Uint8Array => encodeData(value, roomy);
const bytesOf = (format: number, text: string): Uint8Array => Buffer.concat([Buffer.of(format), Buffer.from(text)]);

function refusal(value: object, limits = roomy): SessionError {
  try {
    encodeData(value, limits);
  } catch (error) {
    if (error instanceof SessionError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

/** Decodes, and answers undefined for MalformedData; anything else that is thrown fails the test. */
function decodeIfWellFormed(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    return decodeData(bytes);
  } catch (error) {
    if (error instanceof MalformedData) return undefined;
    throw error;
  }
}

/** `depth` arrays in each other. */
function nested(depth: number): unknown[] {
  let value: unknown[] = [];
  for (let i = 1; i < depth; i++) value = [value];
  return value;
}

describe('what goes in comes out', () => {
  test('any storable data survives with its types, leaves and order', () => {
    fc.assert(
      fc.property(data, (value) => {
        expect(show(decodeData(encode(value)))).toBe(show(value));
      }),
    );
  });

  test('data that JSON can say is written as JSON and survives', () => {
    fc.assert(
      fc.property(jsonData, (value) => {
        const bytes = encode(value);
        expect(Buffer.from(bytes).toString()).toBe(`\u0001${JSON.stringify(value)}`);
        expect(show(decodeData(bytes))).toBe(show(value));
      }),
    );
  });

  test('the same data gives the same bytes, again and after a round trip', () => {
    fc.assert(
      fc.property(data, (value) => {
        const bytes = Buffer.from(encode(value));
        expect(bytes.equals(encode({ ...value }))).toBe(true);
        expect(bytes.equals(encode(decodeData(bytes)))).toBe(true);
      }),
    );
  });

  test('a Uint8Array view that starts anywhere decodes as the Buffer does', () => {
    fc.assert(
      fc.property(data, fc.nat(20), (value, offset) => {
        const bytes = encode(value);
        const wide = new Uint8Array(bytes.length + offset + 3);
        wide.set(bytes, offset);
        expect(show(decodeData(wide.subarray(offset, offset + bytes.length)))).toBe(show(value));
      }),
    );
  });

  test('-0 stays -0 and an invalid date stays an invalid Date', () => {
    const { zero, date } = decodeData(encode({ zero: -0, date: new Date(Number.NaN) }));
    expect(Object.is(zero, -0)).toBe(true);
    expect(Object.is(decodeData(encode({ zero: -0 })).zero, -0)).toBe(true);
    expect(date).toBeInstanceOf(Date);
    expect((date as Date).getTime()).toBeNaN();
  });

  test('a Buffer comes back as a Buffer and a Uint8Array as a Uint8Array', () => {
    const { buffer, array } = decodeData(encode({ buffer: Buffer.of(1, 2), array: Uint8Array.of(3) }));
    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect(Buffer.isBuffer(array)).toBe(false);
    expect(array).toStrictEqual(Uint8Array.of(3));
  });

  test('decoded objects have Object.prototype, whatever they had before', () => {
    const bare: Record<string, unknown> = Object.assign(Object.create(null), { when: new Date(0) });
    for (const value of [{ bare: { a: 1 } }, { bare }]) {
      const { bare: out } = decodeData(encode(value));
      expect(Object.getPrototypeOf(out)).toBe(Object.prototype);
    }
  });

  test('an object stored twice comes back as two objects', () => {
    const shared = { a: new Date(1) };
    const { x, y } = decodeData(encode({ x: shared, y: shared }));
    expect(x).toStrictEqual(y);
    expect(x).not.toBe(y);
  });

  test('values of another realm count as what they are', () => {
    const value = runInNewContext(
      `({ o: { a: [1] }, d: new Date(5), m: new Map([[1, 2]]), s: new Set([3]) })`,
    ) as object;
    const here = { o: { a: [1] }, d: new Date(5), m: new Map([[1, 2]]), s: new Set([3]) };
    expect(decodeData(encode(value))).toStrictEqual(here);
  });

  test('of a class instance at the top, its own enumerable string keys count and nothing else', () => {
    class Session {
      readonly #secret = 'hidden';
      user = 1;
      get inherited(): string {
        return this.#secret;
      }
      toJSON(): string {
        return this.#secret;
      }
    }
    const session = Object.defineProperty(new Session(), 'quiet', { value: 1, enumerable: false });
    expect(decodeData(encode(session))).toStrictEqual({ user: 1 });
    expect(encode(session)).toStrictEqual(encode({ user: 1 }));
    expect(decodeData(encode(Object.assign(session, { at: new Date(0) })))).toStrictEqual({ user: 1, at: new Date(0) });
  });

  test('an own accessor is stored as what it returns', () => {
    const value = Object.defineProperty({}, 'now', { get: () => 7, enumerable: true });
    expect(decodeData(encode({ value }))).toStrictEqual({ value: { now: 7 } });
  });
});

describe('toJSON is never called', () => {
  let restore = (): void => {};
  const spoil = (prototype: object): void => {
    const was = Object.getOwnPropertyDescriptor(prototype, 'toJSON');
    restore = () => {
      Reflect.deleteProperty(prototype, 'toJSON');
      if (was !== undefined) Object.defineProperty(prototype, 'toJSON', was);
    };
    const value = () => {
      throw new Error('toJSON was called');
    };
    Object.defineProperty(prototype, 'toJSON', { value, configurable: true, writable: true });
  };
  afterEach(() => restore());

  for (const { name, prototype } of [
    { name: 'Object', prototype: Object.prototype },
    { name: 'Array', prototype: Array.prototype },
    { name: 'BigInt', prototype: BigInt.prototype },
    { name: 'Date', prototype: Date.prototype },
    { name: 'String', prototype: String.prototype },
  ]) {
    test(`not where somebody put one on ${name}.prototype`, () => {
      const value = { list: [1, { a: 'b' }], text: 'c' };
      const rich = { ...value, big: 1n, date: new Date(0) };
      spoil(prototype);
      const [plain, tagged] = [decodeData(encode(value)), decodeData(encode(rich))];
      restore();
      expect([plain, tagged]).toStrictEqual([value, rich]);
    });
  }

  test.each<[string, object]>([
    ['object', { a: 1 }],
    ['array', [1, 2]],
    ['object without a prototype', Object.assign(Object.create(null), { a: 1 })],
  ])('not where it is hidden on an %s: what was stored is the data', (_, value) => {
    const hidden = Object.defineProperty(structuredClone(value), 'toJSON', { value: () => 'other data' });
    expect(decodeData(encode({ deep: [{ hidden }] }))).toStrictEqual({ deep: [{ hidden: structuredClone(value) }] });
  });

  test('not where the data has one: a function is refused, a string is a string', () => {
    expect(refusal({ a: { toJSON: () => 1 } }).path).toBe('a.toJSON');
    expect(decodeData(encode({ toJSON: 'text', a: { toJSON: 1 } }))).toStrictEqual({
      toJSON: 'text',
      a: { toJSON: 1 },
    });
  });
});

describe('what cannot come out does not go in', () => {
  class Money {
    amount = 1;
  }
  const cycle: { self?: unknown; list?: unknown } = {};
  cycle.self = cycle;
  const bad: [name: string, value: unknown][] = [
    ['a function', () => 1],
    ['a class', Money],
    ['a symbol', Symbol('s')],
    ['a class instance', new Money()],
    ['an error', new Error('no')],
    ['a regular expression', /x/],
    ['a URL', new URL('http://localhost')],
    ['a boxed string', new String('x')],
    ['a promise', Promise.resolve()],
    ['a WeakMap', new WeakMap()],
    ['another typed array', new Uint16Array(2)],
    ['an ArrayBuffer', new ArrayBuffer(2)],
    ['a subclass of Date', new (class Later extends Date {})()],
    ['a subclass of Map', new (class Lookup extends Map {})()],
    ['a subclass of Array', new (class List extends Array {})()],
    ['a subclass of Uint8Array', new (class Bytes extends Uint8Array {})()],
    ['a Date with a property', Object.assign(new Date(), { zone: 'UTC' })],
    ['an object that only looks like a Date', Object.create(Date.prototype)],
    ['an object with a prototype of its own', Object.create({ a: 1 })],
    ['an object with a symbol as a key', { [Symbol('s')]: 1 }],
    ['an array with a symbol as a key', Object.assign([1], { [Symbol('s')]: 1 })],
  ];

  type Place = {
    readonly wrap: (inner: unknown, beside: unknown) => unknown;
    readonly suffix: string;
    readonly key?: string;
  };
  const places: Place[] = [
    { wrap: (inner, beside) => ({ other: beside, items: inner, last: beside }), suffix: '.items', key: 'items' },
    { wrap: (inner, beside) => ({ 'a b': inner, other: beside }), suffix: '["a b"]', key: 'a b' },
    { wrap: (inner, beside) => [beside, inner, beside], suffix: '[1]' },
    {
      wrap: (inner, beside) =>
        new Map([
          ['sku', inner],
          ['x', beside],
        ]),
      suffix: '.get("sku")',
    },
    {
      wrap: (inner, beside) =>
        new Map([
          [3, beside],
          [4, inner],
        ]),
      suffix: '.values()[1]',
    },
    { wrap: (inner, beside) => new Map([[inner, beside]]), suffix: '.keys()[0]' },
    { wrap: (inner) => new Set([1, inner]), suffix: '.values()[1]' },
  ];

  test('each unsupported value is refused by its path, wherever it lies, with a remedy', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...bad),
        fc.array(fc.constantFrom(...places), { maxLength: 6 }),
        storable,
        (one, way, beside) => {
          let value: unknown = one[1];
          for (const place of [...way].reverse()) value = place.wrap(value, beside);
          const path = `cart${way.map((place) => place.suffix).join('')}`;
          const error = refusal({ first: beside, cart: value });
          expect(error).toMatchObject({ code: 'ERR_SESSION_DATA_UNSUPPORTED', path });
          expect(error.message).toMatch(/^Session data at .* can't be stored: it is .+\. (Store|Use|Copy) .+\.$/s);
          expect(error.message).toContain(path);
        },
      ),
    );
  });

  for (const [name, value] of bad) test(`${name} is refused`, () => void refusal({ value }));

  test('the message reads well', () => {
    expect(refusal({ cart: { items: [0, 1, 2, { price: new Money() }] } }).message).toBe(
      "Session data at cart.items[3].price can't be stored: it is an object (Money). " +
        'Store a plain object with the fields that you need.',
    );
  });

  test('a cycle is named with both of its ends', () => {
    expect(refusal(cycle)).toMatchObject({ path: 'self', message: expect.stringContaining('the session data itself') });
    const a: Record<string, unknown> = { b: { c: [] } };
    (a.b as { c: unknown[] }).c.push(a.b);
    expect(refusal({ a })).toMatchObject({
      path: 'a.b.c[0]',
      message: expect.stringContaining('a cycle back to a.b.'),
    });
    const map = new Map<string, unknown>();
    map.set('me', map);
    expect(refusal({ map }).path).toBe('map.get("me")');
  });

  test('a __proto__ key is refused at every level, in both forms', () => {
    const hostile: unknown = JSON.parse('{"a":[{"__proto__":{"isAdmin":true}}]}');
    expect(refusal(hostile as object).path).toBe('a[0].__proto__');
    expect(refusal({ date: new Date(), hostile }).path).toBe('hostile.a[0].__proto__');
    expect(refusal(JSON.parse('{"__proto__":1}') as object).path).toBe('__proto__');
  });

  test('an array keeps all or is refused: a hole and an added name are named', () => {
    expect(refusal({ a: Object.assign(new Array(3), { 0: 1, 2: 3 }) }).path).toBe('a[1]');
    expect(refusal({ a: new Array(4_000_000_000) }).path).toBe('a[0]');
    expect(refusal({ match: 'abc'.match(/b/) }).path).toBe('match.index');
    expect(decodeData(encode({ a: [undefined] }))).toStrictEqual({ a: [undefined] });
  });

  test(`${maxDepth} levels are kept and one more is refused, in both forms`, () => {
    for (const beside of [{}, { date: new Date(0) }]) {
      const deepest = { ...beside, a: nested(maxDepth - 1) };
      expect(decodeData(encode(deepest))).toStrictEqual(deepest);
      const error = refusal({ ...beside, a: nested(maxDepth) });
      expect(error.code).toBe('ERR_SESSION_DATA_UNSUPPORTED');
      expect(error.message).toContain('nested more than 100 levels deep');
    }
  });

  test('a hundred thousand levels are refused, not a stack overflow', () => {
    expect(refusal({ a: nested(100_000) }).code).toBe('ERR_SESSION_DATA_UNSUPPORTED');
    let map: unknown = 1;
    for (let i = 0; i < 100_000; i++) map = new Map([[map, 1]]);
    expect(refusal({ map }).code).toBe('ERR_SESSION_DATA_UNSUPPORTED');
  });
});

describe('size', () => {
  test('exactly the limit is kept and one byte less is refused', () => {
    fc.assert(
      fc.property(data, (value) => {
        const size = encode(value).length;
        expect(encodeData(value, { maxBytes: size }).length).toBe(size);
        const error = refusal(value, { maxBytes: size - 1 });
        expect(error.code).toBe('ERR_SESSION_DATA_TOO_LARGE');
        expect(error.message).toContain(`the limit is ${size - 1}`);
      }),
    );
  });

  test('the message names size, limit and the largest key', () => {
    const error = refusal({ small: 'x'.repeat(30), 'big one': 'x'.repeat(40), tiny: 1 }, { maxBytes: 100 });
    expect(error.path).toBe('["big one"]');
    expect(error.message).toMatch(/takes 105 bytes; the limit is 100\. Its largest key is \["big one"\] \(52 bytes\)/);
  });

  test('a pyramid of shared references is refused as too large, not walked', () => {
    for (const seed of [1, new Date(0)]) {
      let pyramid: unknown = [seed, seed];
      for (let i = 0; i < 90; i++) pyramid = [pyramid, pyramid];
      const error = refusal({ ok: 1, pyramid }, { maxBytes: 65_536 });
      expect(error).toMatchObject({ code: 'ERR_SESSION_DATA_TOO_LARGE', path: 'pyramid' });
      expect(error.message).toContain('more than 65536 bytes');
    }
  });

  test('one long string referred to many times is refused as too large, not written', () => {
    const text = 'x'.repeat(60_000);
    const list = new Array<string>(20_000).fill(text);
    for (const beside of [{}, { date: new Date(0) }]) {
      expect(refusal({ ...beside, list }, { maxBytes: 65_536 })).toMatchObject({ path: 'list', status: 500 });
    }
  });
});

describe('malformed bytes', () => {
  const builtIns = [Object.prototype, Array.prototype, Map.prototype, Set.prototype, Date.prototype];
  const prototypes = (): string => builtIns.map((prototype) => Reflect.ownKeys(prototype).map(String).sort()).join();
  const before = prototypes();

  function expectHarmless(bytes: Uint8Array): void {
    const value = decodeIfWellFormed(bytes);
    expect(prototypes()).toBe(before);
    if (value !== undefined) expectOrdinary(value);
  }

  function expectOrdinary(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const kinds = [Object, Array, Map, Set, Date, Uint8Array, Buffer].map((kind) => kind.prototype as object);
    expect(kinds.includes(Object.getPrototypeOf(value))).toBe(true);
    expect(Object.hasOwn(value, '__proto__')).toBe(false);
    const members = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
    members.forEach(expectOrdinary);
  }

  const anyJson = fc.json();
  const formats = fc.constantFrom(1, 2);

  test('random bytes are MalformedData or harmless data', () => {
    const first = fc.oneof(formats, fc.nat(255));
    fc.assert(
      fc.property(first, fc.uint8Array(), (format, rest) => expectHarmless(Uint8Array.of(format, ...rest))),
      { numRuns: 1000 },
    );
  });

  test('foreign JSON is MalformedData or harmless data, under either format', () => {
    fc.assert(
      fc.property(formats, anyJson, (format, text) => expectHarmless(bytesOf(format, text))),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(anyJson, (text) => {
        expect(decodeIfWellFormed(Buffer.from(text))).toBeUndefined();
      }),
    );
  });

  test('random tags over random operands are MalformedData or harmless data', () => {
    const tag = fc.constantFrom('a', 'm', 's', 'd', 'i', 'b', 'B', 'u', 'nan', 'inf', '-inf', '__proto__', 0);
    const tagged = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.oneof(
          fc.constantFrom(null, -0, 1, 8.64e15, 8.64e15 + 1, '', 'ff', '-0', '-1', 'AA==', 'AB==', 'A'),
          fc.double(),
        ),
        fc.tuple(tag, fc.array(tie('value'), { maxLength: 4 })).map(([name, operands]) => [name, ...operands]),
        fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value')),
      ),
    })).value;
    fc.assert(
      fc.property(tagged, (value) => expectHarmless(bytesOf(2, JSON.stringify({ value })))),
      { numRuns: 1000 },
    );
  });

  test('a real record with bytes cut, flipped or put in is MalformedData or harmless data', () => {
    const damage = fc.record({ at: fc.nat(), drop: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) });
    fc.assert(
      fc.property(data, damage, (value, { at, drop, put }) => {
        const bytes = encode(value);
        const from = at % bytes.length;
        expectHarmless(Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + drop)]));
      }),
      { numRuns: 300 },
    );
  });

  test('a truncated record is always MalformedData', () => {
    fc.assert(
      fc.property(data, fc.nat(), (value, at) => {
        const bytes = encode(value);
        expect(decodeIfWellFormed(bytes.subarray(0, at % bytes.length))).toBeUndefined();
      }),
    );
  });

  const depth = 100_000;
  const refused: [name: string, bytes: Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['a format byte alone', Uint8Array.of(1)],
    ['an unknown format', bytesOf(3, '{}')],
    ['JSON without a format', Buffer.from('{}')],
    ['an array', bytesOf(1, '[]')],
    ['a tagged array', bytesOf(2, '["a"]')],
    ['null', bytesOf(1, 'null')],
    ['a number', bytesOf(2, '1')],
    ['a byte order mark', bytesOf(1, '\ufeff{}')],
    ['invalid UTF-8', Buffer.concat([bytesOf(1, '{"a":"'), Buffer.of(0xff), Buffer.from('"}')])],
    ['an overlong encoding', Buffer.concat([bytesOf(1, '{"a":"'), Buffer.of(0xc0, 0x80), Buffer.from('"}')])],
    ['a __proto__ key', bytesOf(1, '{"a":{"__proto__":{"x":1}}}')],
    ['a __proto__ key at the top', bytesOf(1, '{"__proto__":{"x":1}}')],
    ['an escaped __proto__ key', bytesOf(1, '{"a":[{"__\\u0070roto__":{"x":1}}]}')],
    ['a __proto__ key, tagged', bytesOf(2, '{"a":{"__proto__":{"x":1}}}')],
    ['an escaped __proto__ key, tagged', bytesOf(2, '{"\\u005f_proto__":{"x":1}}')],
    [
      'a __proto__ key under a hundred thousand arrays',
      bytesOf(1, `{"a":${'['.repeat(depth)}{"__proto__":1}${']'.repeat(depth)}}`),
    ],
    ['a hundred thousand tags', bytesOf(2, `{"a":${'["a",'.repeat(depth)}1${']'.repeat(depth)}}`)],
    ['a hundred thousand objects, tagged', bytesOf(2, `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)],
    ['an array without a tag', bytesOf(2, '{"a":[]}')],
    ['an unknown tag', bytesOf(2, '{"a":["x"]}')],
    ['a tag with too many operands', bytesOf(2, '{"a":["u",1]}')],
    ['a date that no Date can hold', bytesOf(2, '{"a":["d",8640000000000001]}')],
    ['a date that is not a number', bytesOf(2, '{"a":["d","0"]}')],
    ['a map with half an entry', bytesOf(2, '{"a":["m",1]}')],
    ['a map with a key twice', bytesOf(2, '{"a":["m",1,2,1,3]}')],
    ['a set with a value twice', bytesOf(2, '{"a":["s",1,1]}')],
    ['a bigint in another spelling', bytesOf(2, '{"a":["i","0f"]}')],
    ['a bigint that is minus zero', bytesOf(2, '{"a":["i","-0"]}')],
    ['bytes in another spelling', bytesOf(2, '{"a":["b","AB=="]}')],
    ['bytes that are not base64', bytesOf(2, '{"a":["B","*"]}')],
  ];
  for (const [name, bytes] of refused) {
    test(`${name} is MalformedData`, () => expect(() => decodeData(bytes)).toThrow(MalformedData));
  }

  test('the word __proto__ as a value, and escapes of other letters, are kept', () => {
    const value = { a: '__proto__', '__proto__ ': 1, b: '\u0001\ud800' };
    expect(decodeData(encode(value))).toStrictEqual(value);
  });

  test('neither the message nor the cause quotes the bytes', () => {
    for (const text of ['{"card":"4111"', '{"card":["x","4111"]}']) {
      try {
        decodeData(bytesOf(2, text));
        expect.unreachable();
      } catch (error) {
        expect(show(error)).not.toContain('4111');
      }
    }
  });
});

describe('joinPath', () => {
  for (const [parent, name, path] of [
    ['', 'cart', 'cart'],
    ['cart', 'items', 'cart.items'],
    ['cart', 'größe_1$', 'cart.größe_1$'],
    ['cart', 'a.b', 'cart["a.b"]'],
    ['', '1st', '["1st"]'],
    ['', '', '[""]'],
    ['a', '"', 'a["\\""]'],
  ] as const) {
    test(`${JSON.stringify(parent)} and ${JSON.stringify(name)} make ${path}`, () => {
      expect(joinPath(parent, name)).toBe(path);
    });
  }
});

describe('frozen fixtures', () => {
  /** The values behind test/fixtures/codec/v1.json. A released byte never changes its meaning: add here, change nothing. */
  const frozen: Record<string, Record<string, unknown>> = {
    empty: {},
    scalars: {
      text: 'a "quoted" \\ line\n',
      yes: true,
      no: false,
      none: null,
      int: -12,
      float: 1.5e-7,
      max: Number.MAX_VALUE,
    },
    unicode: { 'größe 東京': '😀\u2028', lone: '\ud83d', nul: '\u0000', replacement: '\ufffd' },
    nested: { user: { id: 42, roles: ['editor', 'reviewer'] }, cart: { items: [{ sku: 'A-1', qty: 2 }, []] }, '7': {} },
    numbers: { zero: -0, nan: Number.NaN, up: Number.POSITIVE_INFINITY, down: Number.NEGATIVE_INFINITY },
    undefined: { gone: undefined, list: [undefined, null, 1] },
    dates: {
      epoch: new Date(0),
      later: new Date(1_790_000_000_000),
      before: new Date(-1),
      invalid: new Date(Number.NaN),
    },
    bigints: { zero: 0n, big: 2n ** 70n, negative: -255n },
    bytes: { array: Uint8Array.of(0, 1, 254, 255), buffer: Buffer.from('holdfast'), none: new Uint8Array() },
    collections: {
      map: new Map<unknown, unknown>([
        ['a', 1],
        [{ k: 1 }, new Map()],
      ]),
      set: new Set([1, 'b', new Set()]),
    },
    escapes: { a: ['a', ['u'], ['d', 0]], at: new Date(1) },
  };
  const stored = JSON.parse(
    readFileSync(new URL('../../test/fixtures/codec/v1.json', import.meta.url), 'utf8'),
  ) as Record<string, string>;

  test('there is one for every value', () => expect(Object.keys(stored)).toStrictEqual(Object.keys(frozen)));
  for (const [name, value] of Object.entries(frozen)) {
    test(`${name} still decodes`, () => {
      expect(show(decodeData(Buffer.from(stored[name] ?? '', 'hex')))).toBe(show(value));
    });
    test(`${name} is still written with the same bytes`, () => {
      expect(Buffer.from(encode(value)).toString('hex')).toBe(stored[name]);
    });
  }
});
