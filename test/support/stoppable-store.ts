/**
 * A store that stops at one call, before it is applied or after, until the test lets it go on. Calls that are not
 * stopped go straight through; `later: true` answers each of them by promise, as a store on a network does.
 */
import { isPromise } from '../../src/core/maybe-promise.js';
import type { SessionStore } from '../../src/core/store.js';
import { type Deferred, deferred } from './deferred.js';

export type Side = 'before' | 'after';

export class StoppableStore<Store extends SessionStore> {
  readonly store: Store;
  /** The names of the calls since `watchFrom`, in order. */
  readonly calls: string[] = [];
  #stop: { readonly call: number; readonly side: Side } | undefined;
  #gate: Deferred = deferred();
  /** Whether the planned stop was reached. */
  stopped = false;

  constructor(inner: Store, { later = false } = {}) {
    this.store = new Proxy(inner, {
      get: (_, name) => {
        const member: unknown = Reflect.get(inner, name);
        if (typeof member !== 'function' || typeof name !== 'string') return member;
        return (...args: unknown[]) => this.#call(name, () => Reflect.apply(member, inner, args), later);
      },
    });
  }

  /** Plans a stop at the call with this number, the next one being 1, and counts from there. */
  stopAt(call: number, side: Side): void {
    this.calls.length = 0;
    this.stopped = false;
    this.#stop = { call, side };
    this.#gate = deferred();
  }

  /** Counts without a stop. */
  watchFrom(): void {
    this.calls.length = 0;
    this.#stop = undefined;
  }

  /** Lets the stopped call go on; later calls are not stopped. */
  go(): void {
    this.#stop = undefined;
    this.#gate.resolve();
  }

  #call(name: string, run: () => unknown, later: boolean): unknown {
    this.calls.push(name);
    const stop = this.#stop;
    if (stop?.call === this.calls.length) return this.#stopped(stop.side, run);
    return later ? Promise.resolve().then(run) : run();
  }

  async #stopped(side: Side, run: () => unknown): Promise<unknown> {
    this.stopped = true;
    if (side === 'before') await this.#gate.promise;
    const answer = run();
    const settled = isPromise(answer) ? await answer : answer;
    if (side === 'after') await this.#gate.promise;
    return settled;
  }
}
