import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { storeConformance } from './conformance/index.js';
import { lmdbStore } from './lmdb.js';

storeConformance({
  test,
  makeStore() {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
    return {
      store: lmdbStore({ path }),
      reopen: () => lmdbStore({ path }),
      close: () => rmSync(path, { recursive: true }),
    };
  },
  skip: (_, reason, context) => (context as { skip(note: string): void }).skip(reason),
});
