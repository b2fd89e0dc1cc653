/**
 * Session data <-> bytes. What goes in comes out, or is refused by its path: nothing is dropped in silence.
 *
 *     byte 0    format: 0x01 plain, 0x02 tagged
 *     byte 1..  JSON text in UTF-8, whose top level is an object
 *
 *     0x01 plain    what JSON.stringify writes. Taken whenever JSON can say the data exactly.
 *     0x02 tagged   the same, but every JSON array begins with a tag:
 *                   ["a", element ...]        array
 *                   ["m", key, value ...]     Map            ["s", value ...]     Set
 *                   ["d", ms or null]         Date, null for an invalid one
 *                   ["i", "-ff"]              BigInt, hexadecimal
 *                   ["b", "base64"]           Uint8Array     ["B", "base64"]      Buffer
 *                   ["u"] undefined           ["nan"]  ["inf"]  ["-inf"]
 *                   and -0 is the JSON number -0.
 *
 * The bytes depend on the data and the order of its keys alone, so equal bytes mean an unchanged session. (Data with a
 * hidden `toJSON` is written tagged although JSON could say it: one write more, once.)
 */
import { isUtf8 } from 'node:buffer';
import { reviveMembers } from './codec-tagged-read.js';
import { taggedText } from './codec-tagged-write.js';
import { hasSymbolKey, isArrayClass, isPlainObject, isRecord, MalformedData, maxDepth } from './codec-values.js';
import { joinPath } from './data-path.js';
import { SessionError } from './errors.js';

export { isPlainObject, joinPath, MalformedData, maxDepth };

/**
 * The own enumerable string keys of `data` as bytes; what its prototype has does not count.
 *
 * Kept exactly: null, booleans, strings, numbers (-0, NaN and the infinities too), bigints, undefined, Date, Map, Set,
 * Uint8Array, Buffer, arrays and plain objects, nested in each other. An object without a prototype comes back with
 * the usual one, and two references to one object as two objects. Own accessors are stored as what they return;
 * properties that are not enumerable are not data. `toJSON` is never called.
 *
 * `maxBytes` bounds the result, its format byte included.
 *
 * @throws SessionError `ERR_SESSION_DATA_UNSUPPORTED`, with the path of a function, symbol, class instance, cycle,
 *   array hole, name added to an array or `__proto__` key, or of what lies deeper than `maxDepth`.
 * @throws SessionError `ERR_SESSION_DATA_TOO_LARGE`, with the largest key as its path.
 */
export function encodeData(data: object, limits: { readonly maxBytes: number }): Uint8Array {
  const { maxBytes } = limits;
  const text = plainText(data, maxBytes) ?? taggedText(data, maxBytes);
  const bytes = text === undefined ? undefined : Buffer.from(text, 'utf8');
  if (bytes === undefined || bytes.length > maxBytes) throw tooLarge(data, maxBytes, bytes?.length);
  return bytes;
}

/**
 * What `encodeData` was given.
 *
 * @throws MalformedData on bytes that it can't have written, and nothing else. No prototype is ever set or changed.
 */
export function decodeData(bytes: Uint8Array): Record<string, unknown> {
  const format = bytes[0];
  if (format !== 1 && format !== 2) throw new MalformedData('session data of an unknown format');
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8', 1);
  // Bytes that are not UTF-8 turn into U+FFFD; an app may have stored that character too, so only then is it worth asking.
  if (text.includes('\ufffd') && !isUtf8(buffer)) throw new MalformedData('session data that is not UTF-8');
  const value = parseJson(text);
  if (!isRecord(value)) throw new MalformedData('session data that is not an object');
  // JSON.parse makes `__proto__` an own key, harmless until an app merges it into something. An escape may spell it
  // as well, and JSON.stringify writes escapes so seldom that both questions together cost next to nothing.
  if (format === 2) reviveMembers(value, 1);
  else if (text.includes('__proto__') || text.includes('\\u')) refuseProto(value, 1);
  return value;
}

/** Whether encoded data is what JSON can say. */
export const isPlain = (bytes: Uint8Array): boolean => bytes[0] === 1;

/** What the walk may still spend. One reference counts each time, so ten nested pairs of one object can't hang a process. */
let budget = 0;

function plainText(data: object, maxBytes: number): string | undefined {
  budget = maxBytes;
  if (!isJsonMembers(data, 1) || typeof Reflect.get(Array.prototype, 'toJSON') === 'function') return undefined;
  // JSON.stringify would ask a class instance for its toJSON, and write an array as one.
  const opaque = Array.isArray(data) || typeof Reflect.get(data, 'toJSON') === 'function';
  return `\u0001${JSON.stringify(opaque ? { ...data } : data)}`;
}

/** Whether JSON.stringify writes the members exactly. No also stands for "too large" and "unsupported": the slow way says which. */
function isJsonMembers(value: object, depth: number): boolean {
  if (depth > maxDepth || hasSymbolKey(value)) return false;
  const keys = Object.keys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    budget -= key.length;
    if (key === '__proto__' || !isJson((value as Record<string, unknown>)[key], depth)) return false;
  }
  return true;
}

function isJson(value: unknown, depth: number): boolean {
  if (--budget < 0) return false;
  switch (typeof value) {
    case 'string':
      budget -= value.length;
      return true;
    case 'number':
      return value - value === 0 && !Object.is(value, -0);
    case 'boolean':
      return true;
    case 'object':
      if (value === null) return true;
      // One that is not enumerable is not data, but JSON.stringify would call it.
      if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return false;
      if (!Array.isArray(value)) return isPlainObject(value) && isJsonMembers(value, depth + 1);
      if (depth >= maxDepth || !isArrayClass(value) || hasSymbolKey(value)) return false;
      if (Object.keys(value).length !== value.length) return false;
      for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth + 1)) return false;
      return true;
    default:
      return false;
  }
}

function tooLarge(data: object, maxBytes: number, bytes?: number): SessionError {
  let largest = '';
  let size = -1;
  for (const [key, value] of Object.entries(data)) {
    const member = { [key]: value };
    const text = plainText(member, maxBytes) ?? taggedText(member, maxBytes);
    // Without the format byte and the braces. A member that alone breaks the limit is the answer.
    const memberSize = text === undefined ? Number.POSITIVE_INFINITY : Buffer.byteLength(text) - 3;
    if (memberSize <= size) continue;
    largest = key;
    size = memberSize;
    if (text === undefined) break;
  }
  const path = joinPath('', largest);
  const total = bytes === undefined ? `more than ${maxBytes}` : bytes;
  const part = Number.isFinite(size) ? size : `more than ${maxBytes}`;
  return new SessionError(
    'ERR_SESSION_DATA_TOO_LARGE',
    `The session data takes ${total} bytes; the limit is ${maxBytes}. Its largest key is ${path} (${part} bytes). ` +
      'Keep large values in a database and their ids in the session, or raise maxDataBytes.',
    { path },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not kept as the cause: its message quotes the text.
    throw new MalformedData('session data that is not JSON');
  }
}

function refuseProto(value: object, depth: number): void {
  if (depth > maxDepth) throw new MalformedData('session data that is too deep');
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') throw new MalformedData('session data with a __proto__ key');
    if (typeof member === 'object' && member !== null) refuseProto(member, depth + 1);
  }
}
