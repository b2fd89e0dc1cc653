/** A command whose reply was lost is sent again: it answers as the first did and changes nothing more. */
import assert from 'node:assert/strict';
import { isOwnerIndexed, type MaybePromise } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord, makeVersion } from './fixtures.js';
import { assertSame, type Bench, created, law, needsOwners, owned } from './law.js';
import { observe } from './observe.js';

type Scene = { readonly watched: Parameters<typeof observe>[1]; readonly send: () => MaybePromise<unknown> };

/** Sends a command twice, on two handles, and expects the same answer and the same state after both. */
async function twice(
  { store, second }: Bench,
  prepare: (bench: Bench['store']) => Promise<[Scene, Scene]>,
): Promise<void> {
  const [first, again] = await prepare(store);
  const answer = await first.send();
  const state = await observe(store, first.watched);
  assertSame(await again.send(), answer, 'the second answer');
  assertSame(await observe(second, first.watched), state, 'the state after the second call');
}

const both = (watched: Scene['watched'], send: Scene['send']): [Scene, Scene] => [
  { watched, send },
  { watched, send },
];

export const idempotence = [
  law('create sent twice', (bench) =>
    twice(bench, async (store) => {
      const [id, record] = [makeId(), makeRecord()];
      return both({ ids: [id] }, () => store.create(id, record));
    }),
  ),

  law('a create that was refused, sent twice', (bench) =>
    twice(bench, async (store) => {
      const [id, record] = [makeId(), makeRecord()];
      await created(store, id);
      return both({ ids: [id] }, () => store.create(id, record));
    }),
  ),

  law('update sent twice', (bench) =>
    twice(bench, async (store) => {
      const id = makeId();
      const before = await created(store, id);
      const after = makeRecord({ idleDeadline: before.idleDeadline + hourMs });
      return both({ ids: [id] }, () => store.update(id, after, before.version));
    }),
  ),

  law('an update sent again after a touch leaves the later deadline', async ({ store, second }) => {
    const id = makeId();
    const before = await created(store, id);
    const after = makeRecord({ idleDeadline: before.idleDeadline + 1 });
    assert.equal(await store.update(id, after, before.version), 'updated');
    await store.touch(id, before.idleDeadline + hourMs);
    assert.equal(await second.update(id, after, before.version), 'updated');
    assertSame(await store.read(id), { ...after, idleDeadline: before.idleDeadline + hourMs });
  }),

  law('an update sent again after another one is a conflict, not a rollback', async ({ store, second }) => {
    const id = makeId();
    const first = await created(store, id);
    const mine = makeRecord({ idleDeadline: first.idleDeadline });
    const theirs = makeRecord({ idleDeadline: first.idleDeadline });
    await store.update(id, mine, first.version);
    await store.update(id, theirs, mine.version);
    assertSame(await second.update(id, mine, first.version), { conflict: theirs });
    assertSame(await store.read(id), theirs);
  }),

  law('touch sent twice', (bench) =>
    twice(bench, async (store) => {
      const id = makeId();
      const { idleDeadline } = await created(store, id);
      return both({ ids: [id] }, () => store.touch(id, idleDeadline + 1));
    }),
  ),

  law('end sent twice; a second reason does not replace the first', async (bench) => {
    const id = makeId();
    await created(bench.store, id);
    const ending = makeEnding('signed-out', Date.now() - 10);
    await twice(bench, async (store) => both({ ids: [id] }, () => store.end(id, ending)));
    assert.equal(await bench.second.end(id, makeEnding('revoked')), true);
    assertSame(await bench.store.read(id), { ended: 'signed-out', at: ending.at });
  }),

  law('replace sent twice', (bench) =>
    twice(bench, async (store) => {
      const after = makeRecord(isOwnerIndexed(store) ? { owner: makeOwner() } : {});
      const [id, next, ending] = [makeId(), makeId(after.owner), makeEnding('replaced')];
      const before = await created(store, id);
      return both({ ids: [id, next], owners: after.owner === undefined ? [] : [after.owner] }, () =>
        store.replace(id, before.version, next, after, ending),
      );
    }),
  ),

  law('a replace that was refused, sent twice', (bench) =>
    twice(bench, async (store) => {
      const [id, next, ending, record] = [makeId(), makeId(), makeEnding('replaced'), makeRecord()];
      await created(store, id);
      return both({ ids: [id, next] }, () => store.replace(id, makeVersion(), next, record, ending));
    }),
  ),

  law('a replace sent again after the new session ended does not start it anew', async ({ store, second }) => {
    const [id, next] = [makeId(), makeId()];
    const [before, after] = [await created(store, id), makeRecord()];
    await store.replace(id, before.version, next, after, makeEnding('replaced'));
    await store.end(next, makeEnding('signed-out'));
    const state = await observe(store, { ids: [id, next] });
    assert.notEqual(await second.replace(id, before.version, next, after, makeEnding('replaced')), 'replaced');
    assertSame(await observe(store, { ids: [id, next] }), state);
  }),

  law(
    'a create that evicts, sent twice, evicts once',
    (bench) =>
      twice(bench, async (store) => {
        const owner = makeOwner();
        const id = makeId(owner);
        const ids = [makeId(owner), makeId(owner)];
        for (const one of ids) await created(store, one, { owner });
        const record = makeRecord({ owner });
        const owning = makeOwning({ limit: 2, onExceed: 'evict-oldest' });
        return both({ ids: [...ids, id], owners: [owner] }, () => store.create(id, record, owning));
      }),
    needsOwners,
  ),

  law(
    'a create at its limit, sent twice',
    (bench) =>
      twice(bench, async (store) => {
        const owner = makeOwner();
        const [id, record] = [makeId(owner), makeRecord()];
        await created(store, makeId(owner), { owner });
        return both({ ids: [id], owners: [owner] }, () =>
          store.create(id, { ...record, owner }, makeOwning({ limit: 2 })),
        );
      }),
    needsOwners,
  ),

  law(
    'endByOwner sent twice ends nothing more; its second answer may be empty, since the first call ended them',
    async ({ store, second }) => {
      const owner = makeOwner();
      const [kept, ended] = [makeId(owner), makeId(owner)];
      await created(store, kept, { owner });
      await created(store, ended, { owner });
      const ending = makeEnding('revoked');
      assertSame(await owned(store).endByOwner(owner, ending, { except: kept }), [ended]);
      const state = await observe(store, { ids: [kept, ended], owners: [owner] });
      const answer = await owned(second).endByOwner(owner, ending, { except: kept });
      assert(answer.every((id) => id === ended));
      assertSame(await observe(store, { ids: [kept, ended], owners: [owner] }), state);
    },
    needsOwners,
  ),
];
