import type { FullStore } from './stores.js';

/** What stands between a caller and the store: may count, hold, change or fail what `run` would do. */
export type Around = (operation: string, run: () => unknown, args: readonly unknown[]) => unknown;

export interface Spy {
  readonly store: FullStore;
  /** The operations in order, since the last `forget`. */
  readonly calls: string[];
  around: Around | undefined;
  count(operation: string): number;
  forget(): void;
  /** Resolves when no call is under way and what waited for one has run. Before a fake clock moves: it holds deadlines. */
  settled(): Promise<void>;
}

/** The same store, with its calls written down. Names in `without` are taken away, as from a store that lacks them. */
export function spyOn(store: FullStore, without: readonly string[] = []): Spy {
  const calls: string[] = [];
  const underWay = new Set<Promise<unknown>>();
  const watched = new Proxy(store, {
    get(target, name) {
      if (without.includes(String(name))) return undefined;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || typeof name === 'symbol') return value;
      return (...args: unknown[]): unknown => {
        calls.push(name);
        const run = (): unknown => Reflect.apply(value, target, args);
        const answer = spy.around ? spy.around(name, run, args) : run();
        if (answer instanceof Promise) {
          const done = (): void => void underWay.delete(answer);
          underWay.add(answer);
          answer.then(done, done);
        }
        return answer;
      };
    },
  });
  const spy: Spy = {
    store: watched,
    calls,
    around: undefined,
    count: (operation) => calls.filter((call) => call === operation).length,
    forget: () => void calls.splice(0),
    async settled() {
      for (let turn = 0; turn < 10; turn++) {
        while (underWay.size > 0) await Promise.allSettled(underWay);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
  return spy;
}
