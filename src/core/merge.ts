/**
 * Three-way merge of session data: what a request changed against what it loaded, applied to what is stored now.
 *
 * Plain objects are merged key by key; any other value is atomic, taken whole from one side. Where both sides changed
 * the same path and differ, or one removed or retyped what the other changed inside, mine wins whole and a conflict
 * says so. An object that both sides created is merged as if it had been empty before: two first requests that each
 * open `cart` and add a line keep both lines.
 *
 * All values are the codec's: a cycle would not end.
 */
import { types } from 'node:util';
import { isPlainObject, joinPath } from './codec.js';

type Data = Readonly<Record<string, unknown>>;

/** Both sides changed this path, to different values: mine was kept. */
export interface MergeConflict {
  /** As in `cart.lines["sku 1"]`. */
  readonly path: string;
}

export interface MergeResult {
  /** Theirs with my changes. Shares subtrees with both inputs: encode it or copy it, never edit it. */
  readonly data: Record<string, unknown>;
  readonly conflicts: readonly MergeConflict[];
  /** Whether `data` differs from theirs, and so has to be written. */
  readonly changed: boolean;
}

export interface MergeOptions {
  /** Paths of subtrees that are taken whole from one side and never mixed: `['cart', 'prefs.theme']`. */
  readonly atomic?: readonly string[];
}

/** Stands for a key that is not there, which is not the same as one that holds undefined. */
const absent = Symbol('absent');

/**
 * `base` is what this request loaded, `mine` what it made of that, `theirs` what is stored now. No input is changed.
 * Keys keep their order in `theirs`; mine that are new follow.
 */
export function merge(base: Data, mine: Data, theirs: Data, options: MergeOptions = {}): MergeResult {
  const { atomic = [] } = options;
  const conflicts: MergeConflict[] = [];
  let changed = false;

  function members(b: Data, m: Data, t: Data, parent: string): Record<string, unknown> {
    const merged: Record<string, unknown> = {};
    for (const key of new Set([...Object.keys(t), ...Object.keys(m)])) {
      const value = member(at(b, key), at(m, key), at(t, key), joinPath(parent, key));
      if (value !== absent) put(merged, key, value);
    }
    return merged;
  }

  function member(b: unknown, m: unknown, t: unknown, path: string): unknown {
    if (sameValue(m, t) || sameValue(m, b)) return t;
    if (!sameValue(t, b)) {
      const before = b === absent ? {} : b;
      if (isPlainObject(before) && isPlainObject(m) && isPlainObject(t) && !atomic.includes(path)) {
        return members(before, m, t, path);
      }
      conflicts.push({ path });
    }
    changed = true;
    return m;
  }

  return { data: members(base, mine, theirs, ''), conflicts, changed };
}

/**
 * Deep equality as the codec keeps values: the same leaf by Object.is (NaN is NaN, 0 is not -0), a Date by its time,
 * bytes by content, Map and Set by their entries in order, a key with undefined is not an absent one. Only the order
 * of an object's keys does not count.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && sameList(a, b);
  if (Array.isArray(b)) return false;
  if (isPlainObject(a)) return isPlainObject(b) && sameMembers(a, b);
  if (types.isDate(a)) return types.isDate(b) && Object.is(a.getTime(), b.getTime());
  if (types.isMap(a)) return types.isMap(b) && sameList([...a].flat(), [...b].flat());
  if (types.isSet(a)) return types.isSet(b) && sameList([...a], [...b]);
  if (types.isUint8Array(a)) {
    return types.isUint8Array(b) && Buffer.isBuffer(a) === Buffer.isBuffer(b) && Buffer.compare(a, b) === 0;
  }
  return false;
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => sameValue(value, b[i]));
}

function sameMembers(a: Data, b: Data): boolean {
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]))
  );
}

const at = (data: Data, key: string): unknown => (Object.hasOwn(data, key) ? data[key] : absent);

/** Assignment, but a key such as `__proto__` becomes a key and no prototype. */
function put(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
