/** Writes format 0x02, the tagged form, and finds the words for what no form can write. */
import { types } from 'node:util';
import { ancestry, hasSymbolKey, isArrayClass, isBare, isPlainObject, maxDepth } from './codec-values.js';
import { type Step, toPath } from './data-path.js';
import { describe, SessionError } from './errors.js';

/** What the walk may still spend, as in codec.ts. */
let budget = 0;

/**
 * `data` in the tagged form, its format character first; undefined where that is certain to take more than `maxBytes`.
 *
 * @throws SessionError `ERR_SESSION_DATA_UNSUPPORTED`
 */
export function taggedText(data: object, maxBytes: number): string | undefined {
  budget = maxBytes;
  try {
    return `\u0002${new TaggedWriter().data(data)}`;
  } catch (thrown) {
    if (thrown === overflow) return undefined;
    throw thrown;
  }
}

/** Thrown and caught in this file: the walk has spent its budget. */
const overflow = Symbol('overflow');

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

function spend(bytes: number): void {
  budget -= bytes;
  if (budget < 0) throw overflow;
}
