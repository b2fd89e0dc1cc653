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
 * The bytes depend on the data and the order of its keys alone, so equal bytes mean an unchanged session.
 */
import { isUtf8 } from 'node:buffer';
import { types } from 'node:util';
import { describe, SessionError } from './errors.js';

/** How many steps a path into the data may have. Deeper data is refused instead of trusted to the stack. */
export const maxDepth = 100;

/** Bytes that `encodeData` can't have written. The message never quotes them: they may be somebody's data. */
export class MalformedData extends Error {
  override readonly name = 'MalformedData';
}

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

/** The path of a property, as messages show it and `atomic` takes it: `cart.lines`, `cart["sku 1"]`. */
export function joinPath(parent: string, key: string): string {
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** True for an object literal's like, of this realm or another: no class but Object, or no prototype at all. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

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
      if (!Array.isArray(value)) return isPlainObject(value) && isJsonMembers(value, depth + 1);
      if (depth >= maxDepth || !isArrayClass(value) || hasSymbolKey(value)) return false;
      if (Object.keys(value).length !== value.length) return false;
      for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth + 1)) return false;
      return true;
    default:
      return false;
  }
}

/** Thrown and caught in this file: the walk has spent its budget. */
const overflow = Symbol('overflow');

function taggedText(data: object, maxBytes: number): string | undefined {
  budget = maxBytes;
  try {
    return `\u0002${new TaggedWriter().data(data)}`;
  } catch (thrown) {
    if (thrown === overflow) return undefined;
    throw thrown;
  }
}

/** A property, an index, or for what has neither the call that would reach it. */
type Step = string | number | { readonly call: string };

/** Writes the tagged form, and knows at every moment where it is: it is also what finds the words for a refusal. */
class TaggedWriter {
  readonly #steps: Step[] = [];
  readonly #ancestors: object[] = [];

  data(data: object): string {
    this.#ancestors.push(data);
    return this.#members(data);
  }

  #value(value: unknown): string {
    spend(1);
    switch (typeof value) {
      case 'string':
        spend(value.length);
        return quote(value);
      case 'number':
        if (Number.isNaN(value)) return '["nan"]';
        if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
        return value > 0 ? '["inf"]' : '["-inf"]';
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return '["u"]';
      case 'bigint':
        return `["i","${value.toString(16)}"]`;
      case 'object':
        return value === null ? 'null' : this.#object(value);
      default:
        throw this.#refusal(describe(value), 'Store what it gives, or keep it outside the session.');
    }
  }

  #object(value: object): string {
    if (types.isDate(value) && isBare(value)) return `["d",${JSON.stringify(Date.prototype.getTime.call(value))}]`;
    if (types.isUint8Array(value) && (Buffer.isBuffer(value) || ancestry(value) === 3)) {
      spend(value.byteLength);
      const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
      return `["${Buffer.isBuffer(value) ? 'B' : 'b'}","${base64}"]`;
    }
    const cycle = this.#ancestors.indexOf(value);
    if (cycle !== -1) {
      const whole = cycle === 0 ? 'the session data itself' : toPath(this.#steps.slice(0, cycle));
      throw this.#refusal(`a cycle back to ${whole}`, 'Store an id in its place.');
    }
    if (this.#ancestors.length >= maxDepth) {
      throw this.#refusal(`nested more than ${maxDepth} levels deep`, 'Store flatter data.');
    }
    this.#ancestors.push(value);
    const text = this.#container(value);
    this.#ancestors.pop();
    return text;
  }

  #container(value: object): string {
    if (Array.isArray(value) && isArrayClass(value)) return this.#array(value);
    if (types.isMap(value) && isBare(value)) return this.#map(value);
    if (types.isSet(value) && isBare(value)) return this.#set(value);
    if (isPlainObject(value)) return this.#members(value);
    throw this.#refusal(describe(value), 'Store a plain object with the fields that you need.');
  }

  #members(value: object): string {
    if (hasSymbolKey(value)) throw this.#refusal('an object with a symbol as a key', 'Use a string as the key.');
    let text = '';
    for (const key of Object.keys(value)) {
      spend(key.length);
      if (key === '__proto__') {
        this.#steps.push(key);
        throw this.#refusal(
          'a key that changes the prototype of whatever it is merged into',
          'Copy only the fields that you expect.',
        );
      }
      text += `${text && ','}${quote(key)}:${this.#at(key, (value as Record<string, unknown>)[key])}`;
    }
    return `{${text}}`;
  }

  #array(value: readonly unknown[]): string {
    const extra = Object.keys(value)[value.length];
    if (extra !== undefined || hasSymbolKey(value)) {
      if (extra !== undefined) this.#steps.push(extra);
      throw this.#refusal('a name added to an array', 'Store an object, or a copy made with Array.from.');
    }
    let text = '["a"';
    for (let i = 0; i < value.length; i++) {
      if (!(i in value)) {
        this.#steps.push(i);
        throw this.#refusal('a hole in an array', 'Store null or undefined in its place.');
      }
      text += `,${this.#at(i, value[i])}`;
    }
    return `${text}]`;
  }

  #map(value: ReadonlyMap<unknown, unknown>): string {
    let text = '["m"';
    let i = 0;
    for (const [key, member] of value) {
      text += `,${this.#at({ call: `.keys()[${i}]` }, key)}`;
      const call = typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${i}]`;
      text += `,${this.#at({ call }, member)}`;
      i++;
    }
    return `${text}]`;
  }

  #set(value: ReadonlySet<unknown>): string {
    let text = '["s"';
    let i = 0;
    for (const member of value) text += `,${this.#at({ call: `.values()[${i++}]` }, member)}`;
    return `${text}]`;
  }

  #at(step: Step, value: unknown): string {
    this.#steps.push(step);
    const text = this.#value(value);
    this.#steps.pop();
    return text;
  }

  #refusal(what: string, remedy: string): SessionError {
    const path = toPath(this.#steps);
    const where = path === '' ? 'The session data' : `Session data at ${path}`;
    return new SessionError('ERR_SESSION_DATA_UNSUPPORTED', `${where} can't be stored: it is ${what}. ${remedy}`, {
      path,
    });
  }
}

/** JSON.stringify for a string, which costs three times as much where there is nothing to escape. */
const quote = (text: string): string => (/^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text));

function toPath(steps: readonly Step[]): string {
  let path = '';
  for (const step of steps) {
    if (typeof step === 'string') path = joinPath(path, step);
    else path += typeof step === 'number' ? `[${step}]` : step.call;
  }
  return path;
}

function spend(bytes: number): void {
  budget -= bytes;
  if (budget < 0) throw overflow;
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

function hasSymbolKey(value: object): boolean {
  const symbols = Object.getOwnPropertySymbols(value);
  return symbols.length > 0 && symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol));
}

/** How many prototypes a value has above it. Tells a built-in from its subclass, in this realm and in others. */
function ancestry(value: object): number {
  let count = 0;
  for (let up = Object.getPrototypeOf(value); up !== null; up = Object.getPrototypeOf(up)) count++;
  return count;
}

/** A Date, Map or Set of the language's own class, with no properties added that would be lost. */
const isBare = (value: object): boolean => ancestry(value) === 2 && Reflect.ownKeys(value).length === 0;

/** Not an instance of a subclass. */
function isArrayClass(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A subclass has an ordinary object as its prototype; every realm's Array.prototype is itself an array.
  return prototype === Array.prototype || Array.isArray(prototype);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

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

function reviveMembers(value: Record<string, unknown>, depth: number): void {
  if (depth > maxDepth) throw new MalformedData('session data that is too deep');
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw new MalformedData('session data with a __proto__ key');
    const member = value[key];
    if (typeof member === 'object' && member !== null) value[key] = revive(member, depth);
  }
}

function revive(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return untag(value, depth + 1);
  if (isRecord(value)) reviveMembers(value, depth + 1);
  return value;
}

function untag(list: readonly unknown[], depth: number): unknown {
  const [tag, operand] = list;
  if (tag === 'a' || tag === 'm' || tag === 's') return untagContainer(tag, list, depth);
  if (list.length === 1) {
    if (tag === 'u') return undefined;
    if (tag === 'nan') return Number.NaN;
    if (tag === 'inf') return Number.POSITIVE_INFINITY;
    if (tag === '-inf') return Number.NEGATIVE_INFINITY;
  }
  if (list.length === 2) {
    if (tag === 'd' && operand === null) return new Date(Number.NaN);
    if (tag === 'd' && Number.isInteger(operand)) {
      const date = new Date(operand as number);
      if (!Number.isNaN(date.getTime())) return date;
    }
    if (typeof operand === 'string') {
      if (tag === 'i' && /^(0|-?[1-9a-f][0-9a-f]*)$/.test(operand)) return toBigInt(operand);
      if (tag === 'b' || tag === 'B') {
        const bytes = Buffer.from(operand, 'base64');
        if (bytes.toString('base64') === operand) return tag === 'B' ? bytes : new Uint8Array(bytes);
      }
    }
  }
  throw new MalformedData('session data with a wrong tag');
}

function untagContainer(tag: 'a' | 'm' | 's', list: readonly unknown[], depth: number): unknown {
  if (depth > maxDepth) throw new MalformedData('session data that is too deep');
  const members = new Array<unknown>(list.length - 1);
  for (let i = 0; i < members.length; i++) members[i] = revive(list[i + 1], depth);
  if (tag === 'a') return members;
  if (tag === 's') {
    const set = new Set(members);
    if (set.size === members.length) return set;
  } else if (members.length % 2 === 0) {
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < members.length; i += 2) map.set(members[i], members[i + 1]);
    if (map.size * 2 === members.length) return map;
  }
  throw new MalformedData('session data with a wrong tag');
}

function toBigInt(hex: string): bigint {
  try {
    return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
  } catch {
    throw new MalformedData('session data with a number beyond what the engine can hold');
  }
}
