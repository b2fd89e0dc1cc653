import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnerIndexed, Scannable, SessionStore, Sweepable } from '../../src/core/store.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { memoryStore } from '../../src/stores/memory.js';

export type FullStore = SessionStore & OwnerIndexed & Scannable & Sweepable;

export interface StoreKind {
  readonly name: string;
  /** Opens an empty store; `remove` takes it away again. `reopen` is a second handle on the same sessions, as another process has. */
  open(): Promise<OpenStore>;
}

export interface OpenStore {
  readonly store: FullStore;
  reopen?(): FullStore;
  /** Where the sessions lie, for a test that reads them as a thief would. */
  readonly folder?: string;
  remove(): Promise<void>;
}

const memory: StoreKind = {
  name: 'memory',
  async open() {
    const store = memoryStore();
    return { store, remove: async () => void (await store.close?.()) };
  },
};

const lmdb: StoreKind = {
  name: 'lmdb',
  async open() {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
    const opened = [lmdbStore({ path })];
    return {
      store: opened[0] as FullStore,
      folder: path,
      reopen() {
        const again = lmdbStore({ path });
        opened.push(again);
        return again;
      },
      async remove() {
        for (const store of opened) await store.close?.();
        rmSync(path, { recursive: true, force: true });
      },
    };
  },
};

/** Every store that the guarantees are shown on. Later stores join this list. */
export const storeKinds: readonly StoreKind[] = [memory, lmdb];
