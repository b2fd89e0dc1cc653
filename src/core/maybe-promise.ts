import type { MaybePromise } from './store.js';

/** True for anything with a `then`: stores may answer with any thenable. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

/** What is made of an answer: at once where the answer is there at once. */
export function andThen<T, Result>(
  value: MaybePromise<T>,
  run: (answer: T) => MaybePromise<Result>,
): MaybePromise<Result> {
  return isPromise(value) ? value.then(run) : run(value);
}

/** Whether it is a promise in a place where nobody awaits one. Its rejection, which nobody else holds, would end the process. */
export function isStray(value: unknown): boolean {
  if (!isPromise(value)) return false;
  Promise.resolve(value).catch(() => {});
  return true;
}
