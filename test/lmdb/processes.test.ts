import { describe, expect, it } from 'vitest';
import { isEnded } from '../../src/core/store.js';
import { makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { folder, openStore, startChild, type Tally } from './family.js';

describe('an lmdb folder shared by processes', () => {
  it('shows an end to every read that begins after it was acknowledged to another process, 1000 of 1000', async () => {
    const path = folder();
    const store = openStore(path);
    const child = await startChild(path);
    let seen = 0;
    for (let round = 0; round < 1_000; round++) {
      const id = makeId();
      await store.create(id, makeRecord());
      store.read(id);
      await child.ask({ do: 'end', id });
      const found = store.read(id);
      if (found && isEnded(found)) seen++;
    }
    expect(seen).toBe(1_000);
  });

  it('shows it within one turn of the event loop, in which other reads came before', async () => {
    const path = folder();
    const store = openStore(path);
    const child = await startChild(path);
    for (let round = 0; round < 20; round++) {
      const id = makeId();
      await store.create(id, makeRecord());
      const ending = child.ask({ do: 'end', id });
      // No await until the end is seen: a snapshot that lasts for the turn would never show it.
      const giveUp = Date.now() + 10_000;
      let found = store.read(id);
      while (found && !isEnded(found) && Date.now() < giveUp) found = store.read(id);
      expect(found).toHaveProperty('ended');
      await ending;
    }
  });

  it('keeps its laws while four processes change the same sessions', { timeout: 120_000 }, async () => {
    const path = folder();
    const store = openStore(path);
    const [owner, times] = [makeOwner(), 40];
    const live = (count: number, bytes?: Uint8Array) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const [id, record] = [makeId(), makeRecord(bytes ? { bytes } : {})];
          expect(await store.create(id, record)).toBe('created');
          return { id, version: record.version };
        }),
      );
    const counters = (await live(3, new Uint8Array(4))).map(({ id }) => id);
    const work = {
      times,
      counters,
      creations: Array.from({ length: 200 }, makeId),
      replacements: await live(100),
      endings: await live(100),
      owner,
    };
    const children = await Promise.all(Array.from({ length: 4 }, () => startChild(path)));
    const tallies = await Promise.all(children.map((child) => child.ask<Tally>({ do: 'hammer', work })));
    const all = (field: 'created' | 'replaced' | 'successors') => tallies.flatMap((tally) => tally[field]);

    // No increment was lost, though four processes made them.
    for (const id of counters) {
      const found = store.read(id);
      expect(found && !isEnded(found) && Buffer.from(found.bytes).readUInt32LE()).toBe(4 * times);
    }
    // Each id was created by one process, each session replaced by one, each ended for all.
    expect(all('created').sort()).toEqual([...work.creations].sort());
    expect(all('replaced').sort()).toEqual(work.replacements.map(({ id }) => id).sort());
    for (const id of all('successors')) expect(store.read(id)).toHaveProperty('bytes');
    for (const { id } of work.replacements) expect(store.read(id)).toHaveProperty('ended', 'replaced');
    for (const { id } of work.endings) expect(store.read(id)).toHaveProperty('ended', 'destroyed');
    expect(tallies.map(({ ended, revived }) => [ended, revived])).toEqual(Array(4).fill([100, 0]));
    // The limit held, and the index agrees with the records.
    expect(store.listByOwner(owner)).toHaveLength(3);
    expect(new Set(all('successors')).size).toBe(100);
  });

  it('is swept by one process; when that one is killed, by another after its lease', async () => {
    const path = folder();
    const store = openStore(path);
    await Promise.all(Array.from({ length: 60 }, () => store.create(makeId(), makeRecord({ idleDeadline: 1_000 }))));
    const [first, second] = await Promise.all([startChild(path), startChild(path)]);
    const minute = 60_000;
    const sweep = (child: typeof first, now: number) => child.ask<number>({ do: 'sweep', now, limit: 20 });
    expect(await sweep(first, 2_000)).toBe(20);
    expect(await sweep(second, 2_000)).toBe(0);
    expect(await sweep(first, 2_000 + minute)).toBe(20);
    await first.kill();
    expect(await sweep(second, 2_000 + 2 * minute)).toBe(0);
    expect(await sweep(second, 2_000 + 3 * minute)).toBe(20);
    expect(store.scan().entries).toEqual([]);
  });

  it('lets one of two processes sweep that begin at the same moment', async () => {
    const path = folder();
    const store = openStore(path);
    await Promise.all(Array.from({ length: 60 }, () => store.create(makeId(), makeRecord({ idleDeadline: 1_000 }))));
    const children = await Promise.all([startChild(path), startChild(path)]);
    const removed = await Promise.all(
      children.map((child) => child.ask<number>({ do: 'sweep', now: 2_000, limit: 20 })),
    );
    expect(removed.sort()).toEqual([0, 20]);
  });
});
