import { describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { type Acknowledged, folder, startChild } from './family.js';

describe('a process that is killed while it writes', () => {
  it('loses nothing that it had acknowledged, and leaves a folder that others go on with', {
    timeout: 120_000,
  }, async () => {
    const path = folder();
    const acknowledged = new Map<string, Acknowledged>();
    for (let round = 0; round < 10; round++) {
      const child = await startChild(path);
      // Another number each time, so that the kill falls into another step.
      let left = 40 + 7 * round;
      const enough = new Promise<void>((resolve) => {
        child.onAcknowledged = (what) => {
          acknowledged.set(what.id, what);
          if (--left === 0) resolve();
        };
      });
      void child.ask({ do: 'write for ever' });
      await enough;
      await child.kill();

      const store = lmdbStore({ path });
      for (const { id, version, ended, isLast } of acknowledged.values()) {
        const found = store.read(id);
        if (ended) expect(found).toHaveProperty('ended', 'destroyed');
        else if (isLast) expect(found).toHaveProperty('version', version);
        // The change that the kill cut short may be there as well.
        else expect(found).toBeDefined();
      }
      const id = makeId();
      expect(await store.create(id, makeRecord())).toBe('created');
      expect(await store.end(id, makeEnding())).toBe(true);
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(300);
  });
});
