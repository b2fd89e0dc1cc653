/** Names of places in session data, the same in every message, event and option. */

/** A property, an index, or for what has neither the call that would reach it. */
export type Step = string | number | { readonly call: string };

/** The path of a property, as messages show it and `atomic` takes it: `cart.lines`, `cart["sku 1"]`. */
export function joinPath(parent: string, key: string): string {
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)) return `${parent}[${JSON.stringify(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** The path that the steps lead to from the session data itself, which is the empty path. */
export function toPath(steps: readonly Step[]): string {
  let path = '';
  for (const step of steps) {
    if (typeof step === 'string') path = joinPath(path, step);
    else path += typeof step === 'number' ? `[${step}]` : step.call;
  }
  return path;
}
