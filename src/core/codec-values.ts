/** What may be session data: the questions that every form of the codec asks of a value. */

/** How many steps a path into the data may have. Deeper data is refused instead of trusted to the stack. */
export const maxDepth = 100;

/** Bytes that `encodeData` can't have written. The message never quotes them: they may be somebody's data. */
export class MalformedData extends Error {
  override readonly name = 'MalformedData';
}

/** True for an object literal's like, of this realm or another: no class but Object, or no prototype at all. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

/** What a JSON object parses to. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** True for an own enumerable symbol key, which no form can write. */
export function hasSymbolKey(value: object): boolean {
  const symbols = Object.getOwnPropertySymbols(value);
  return symbols.length > 0 && symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol));
}

/** How many prototypes a value has above it. Tells a built-in from its subclass, in this realm and in others. */
export function ancestry(value: object): number {
  let count = 0;
  for (let up = Object.getPrototypeOf(value); up !== null; up = Object.getPrototypeOf(up)) count++;
  return count;
}

/** A Date, Map or Set of the language's own class, with no properties added that would be lost. */
export const isBare = (value: object): boolean => ancestry(value) === 2 && Reflect.ownKeys(value).length === 0;

/** Not an instance of a subclass. */
export function isArrayClass(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // A subclass has an ordinary object as its prototype; every realm's Array.prototype is itself an array.
  return prototype === Array.prototype || Array.isArray(prototype);
}
