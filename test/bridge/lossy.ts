/**
 * The guarantee suites over bridged stores. What may be skipped is what `sessions.lossy` names, test by test: each pattern
 * says which loss it is of, and must fit some test, so that none outlives its reason.
 */
import { afterAll, beforeEach, expect } from 'vitest';
import { bridged } from '../../src/express-session/bridge/face.js';
import { bridgedKinds, stopSharedRedis } from '../support/bridged-stores.js';
import type { FullStore, StoreKind } from '../support/stores.js';

/** Two that differ in everything: one answers from its own memory, the other from a server that processes share. */
const shown = ['MemoryStore', 'connect-redis'];

export const storeKinds: readonly StoreKind[] = bridgedKinds
  .filter(({ name }) => shown.includes(name))
  .map(({ name, open }) => ({
    name: `bridged ${name}`,
    async open() {
      const { store, dump, remove } = await open();
      // The same object: as two apps of one process. What other processes can do to it, `lossy` says.
      const handle = () => bridged(store) as FullStore;
      return { store: handle(), reopen: handle, ...(dump ? { dump } : {}), remove };
    },
  }));

/** A store that does not push has no cache. */
export const cachedKinds: readonly StoreKind[] = [];
export const clusteredKinds: readonly StoreKind[] = [];

export type Loss = readonly [guarantee: 'G1' | 'G2' | 'G6', test: RegExp];

export function lossyIn(...losses: Loss[]): void {
  const met = new Set<Loss>();
  beforeEach(({ task, skip }) => {
    const names: string[] = [task.name];
    for (let suite = task.suite; suite; suite = suite.suite) names.unshift(suite.name);
    const loss = losses.find(([, test]) => test.test(names.join(' > ')));
    if (!loss) return;
    met.add(loss);
    skip(`lossy: ${loss[0]}`);
  });
  afterAll(async () => {
    expect(losses.filter((loss) => !met.has(loss)).map(String)).toEqual([]);
    await stopSharedRedis();
  });
}
