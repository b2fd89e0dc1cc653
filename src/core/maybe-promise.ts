import type { MaybePromise } from './store.js';

/** True for anything with a `then`: stores may answer with any thenable. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
