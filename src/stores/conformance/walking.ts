/** Walking through all sessions, and removing what has expired. */
import assert from 'node:assert/strict';
import type { SessionId } from '../../core/ids.js';
import type { SessionStore } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeRecord } from './fixtures.js';
import { assertSame, created, law, needsOwners, needsScan, needsSweep, owned, scannable, sweepable } from './law.js';

/** Pages may be of any size up to this. */
const largestPage = 1_000;

async function walk(store: SessionStore, between: () => Promise<unknown> = async () => undefined) {
  const met = new Map<SessionId, unknown>();
  let cursor: string | undefined;
  for (let pages = 0; ; pages++) {
    assert(pages < 10_000, 'the walk does not end');
    const page: Awaited<ReturnType<ReturnType<typeof scannable>['scan']>> = await scannable(store).scan(cursor);
    assert(page.entries.length <= largestPage, `a page of ${page.entries.length} entries`);
    for (const { id, record } of page.entries) met.set(id, record);
    cursor = page.cursor;
    if (cursor === undefined) return met;
    await between();
  }
}

async function fill(store: SessionStore, count: number): Promise<Map<SessionId, unknown>> {
  const kept = new Map<SessionId, unknown>();
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const owner = index % 3 ? undefined : makeOwner();
      const id = makeId(owner);
      kept.set(id, await created(store, id, owner === undefined ? {} : { owner }));
    }),
  );
  return kept;
}

/** Sweeps until there is nothing left to remove, and says how much there was. */
async function sweepAll(store: SessionStore, now: number, limit: number): Promise<number> {
  let total = 0;
  for (;;) {
    const removed = await sweepable(store).sweep(now, limit);
    assert(removed <= limit, `${removed} removed at a limit of ${limit}`);
    if (removed === 0) return total;
    total += removed;
  }
}

export const walking = [
  law(
    'a walk meets every session, as it is stored, and no marker',
    async ({ store }) => {
      const kept = await fill(store, 1_200);
      const ended = makeId();
      await created(store, ended);
      await store.end(ended, makeEnding());
      const met = await walk(store);
      for (const [id, record] of kept) assertSame(met.get(id), record);
      assert(!met.has(ended));
    },
    needsScan,
  ),

  law(
    'sessions that come and go during a walk hide none that stays',
    async ({ store }) => {
      const staying = await fill(store, 900);
      const leaving = [...(await fill(store, 300)).keys()];
      const met = await walk(store, async () => {
        for (const id of leaving.splice(0, 40)) await store.end(id, makeEnding());
        for (const id of [...staying.keys()].slice(0, 20)) await store.touch(id, Date.now() + 2 * hourMs);
        await created(store, makeId());
      });
      for (const id of staying.keys()) assert(met.has(id), 'a session was missed');
    },
    needsScan,
  ),

  law(
    'an empty store is one empty page',
    async ({ store }) => {
      assertSame(await scannable(store).scan(), { entries: [] });
    },
    needsScan,
  ),

  law(
    'a sweep removes what has expired and nothing else, at most so many at a time',
    async ({ store }) => {
      const now = Date.now();
      const [before, at, after] = [[], [], []] as [SessionId[], SessionId[], SessionId[]];
      for (let index = 0; index < 7; index++) {
        for (const [ids, idleDeadline] of [
          [before, now + hourMs - 1],
          [at, now + hourMs],
          [after, now + hourMs + 1],
        ] as const) {
          const id = makeId();
          ids.push(id);
          await created(store, id, { idleDeadline });
        }
      }
      assert.equal(await sweepable(store).sweep(now + hourMs, 0), 0);
      assert.equal(await sweepAll(store, now + hourMs, 3), 14);
      for (const id of [...before, ...at]) assertSame(await store.read(id), undefined);
      for (const id of after) assert('bytes' in ((await store.read(id)) ?? {}));
      assert.equal(await sweepAll(store, now + hourMs + 1, 100), 7);
    },
    needsSweep,
  ),

  law(
    'a sweep goes by the deadline that a session has now, not by the one it was created with',
    async ({ store }) => {
      const now = Date.now();
      const [touched, updated, left] = [makeId(), makeId(), makeId()];
      const idleDeadline = now + hourMs;
      await created(store, touched, { idleDeadline });
      const { version } = await created(store, updated, { idleDeadline });
      await created(store, left, { idleDeadline });
      await store.touch(touched, now + 2 * hourMs);
      await store.update(updated, makeRecord({ idleDeadline: now + 2 * hourMs }), version);
      assert.equal(await sweepAll(store, now + hourMs, 10), 1);
      for (const id of [touched, updated]) assert('bytes' in ((await store.read(id)) ?? {}));
      assert.equal(await sweepAll(store, now + 2 * hourMs, 10), 2);
      for (const id of [touched, updated]) assertSame(await store.read(id), undefined);
    },
    needsSweep,
  ),

  law(
    'a marker is kept until its moment, and swept from then on',
    async ({ store }) => {
      const now = Date.now();
      for (const idleDeadline of [now + hourMs / 2, now + 3 * hourMs]) {
        const id = makeId();
        await created(store, id, { idleDeadline });
        await store.end(id, { reason: 'signed-out', at: now, keepUntil: now + hourMs });
        await sweepAll(store, now + hourMs - 1, 10);
        assertSame(await store.read(id), { ended: 'signed-out', at: now });
        assert.equal(await sweepAll(store, now + hourMs, 10), 1);
        assertSame(await store.read(id), undefined);
      }
    },
    needsSweep,
  ),

  law(
    "a swept session leaves its owner's list, and its id is free",
    async ({ store }) => {
      const now = Date.now();
      const owner = makeOwner();
      const id = makeId(owner);
      await created(store, id, { owner, idleDeadline: now + hourMs });
      await sweepAll(store, now + hourMs, 10);
      assertSame(await owned(store).listByOwner(owner), []);
      await created(store, id, { owner });
      assertSame(
        (await owned(store).listByOwner(owner)).map((entry) => entry.id),
        [id],
      );
    },
    needsSweep,
    needsOwners,
  ),
];
