/** The idle deadline only moves forward, and a record is whole until it has passed. */
import assert from 'node:assert/strict';
import { isEnded } from '../../core/store.js';
import { hourMs, makeId, makeRecord } from './fixtures.js';
import { assertSame, created, law } from './law.js';

/** The last moment of a Date. */
const farthest = 8_640_000_000_000_000;

export const deadlines = [
  law('a touch never moves the deadline back', async ({ store }) => {
    const id = makeId();
    const record = await created(store, id);
    for (const earlier of [record.idleDeadline - 1, record.idleDeadline - hourMs, 1, 0]) {
      assert.equal(await store.touch(id, earlier), 'touched');
      assertSame(await store.read(id), record, `touched with ${earlier}`);
    }
  }),

  law('an update never moves the deadline back, and is written all the same', async ({ store }) => {
    const id = makeId();
    let { version, idleDeadline } = await created(store, id);
    for (const earlier of [idleDeadline - 1, idleDeadline - hourMs, 0]) {
      const next = makeRecord({ idleDeadline: earlier });
      assert.equal(await store.update(id, next, version), 'updated');
      assertSame(await store.read(id), { ...next, idleDeadline });
      version = next.version;
    }
    const later = makeRecord({ idleDeadline: idleDeadline + 1 });
    assert.equal(await store.update(id, later, version), 'updated');
    idleDeadline++;
    assertSame(await store.read(id), { ...later, idleDeadline });
  }),

  law('a deadline is kept to the millisecond', async ({ store }) => {
    const base = Date.now() + hourMs;
    for (const idleDeadline of [base, base + 1, base + 999, base + 12_345_678_901]) {
      const id = makeId();
      const record = await created(store, id, { idleDeadline });
      assertSame(await store.read(id), record);
      await store.touch(id, idleDeadline + 1);
      assertSame(await store.read(id), { ...record, idleDeadline: idleDeadline + 1 });
    }
  }),

  law('the last moment that a date can have is a deadline like any other', async ({ store }) => {
    const id = makeId();
    const record = await created(store, id, { idleDeadline: farthest });
    assertSame(await store.read(id), record);
    const other = makeId();
    const sooner = await created(store, other);
    assert.equal(await store.touch(other, farthest), 'touched');
    assertSame(await store.read(other), { ...sooner, idleDeadline: farthest });
  }),

  law('a record whose deadline is long past is whole or not there', async ({ store }) => {
    for (const idleDeadline of [0, 1, Date.now() - hourMs, Date.now() - 1]) {
      const id = makeId();
      const record = await created(store, id, { idleDeadline });
      const found = await store.read(id);
      if (found !== undefined) assertSame(found, record);
      assert(['touched', 'gone'].includes(await store.touch(id, idleDeadline)));
    }
  }),

  law('many touches at the same time leave the latest deadline', async ({ store, second }) => {
    const id = makeId();
    const record = await created(store, id);
    const latest = record.idleDeadline + 20;
    const all = Array.from({ length: 21 }, (_, index) => record.idleDeadline + ((index * 8) % 21));
    await Promise.all(all.map((deadline, index) => (index % 2 ? store : second).touch(id, deadline)));
    const found = await store.read(id);
    assert(found && !isEnded(found));
    assert.equal(found.idleDeadline, latest);
  }),
];
