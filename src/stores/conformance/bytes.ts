/** Payloads and ids are kept to the bit, and nobody else's array is a part of the store. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { OwnerHash, SessionId } from '../../core/ids.js';
import { isEnded, type SessionStore } from '../../core/store.js';
import { makeEnding, makeId, makeOwner, makeRecord, makeVersion } from './fixtures.js';
import { assertSame, created, law, needsOwners, owned } from './law.js';

async function bytesOf(store: SessionStore, id: SessionId): Promise<Uint8Array> {
  const found = await store.read(id);
  assert(found && !isEnded(found), 'the record is there');
  return found.bytes;
}

export const bytes = [
  law('every byte value comes back, through create and update', async ({ store }) => {
    const all = Uint8Array.from({ length: 256 }, (_, index) => index);
    const reversed = Uint8Array.from(all).reverse();
    const id = makeId();
    const { version } = await created(store, id, { bytes: all });
    assertSame(await bytesOf(store, id), all);
    await store.update(id, makeRecord({ bytes: reversed }), version);
    assertSame(await bytesOf(store, id), reversed);
  }),

  law('payloads of one byte and of a megabyte come back', async ({ store }) => {
    for (const content of [Uint8Array.of(0), Uint8Array.of(255), randomBytes(65_536), randomBytes(1_048_576)]) {
      const [id, next] = [makeId(), makeId()];
      const { version } = await created(store, id, { bytes: content });
      assertSame(await bytesOf(store, id), content);
      const answer = await store.update(id, makeRecord(), makeVersion());
      assert(typeof answer === 'object');
      assertSame(answer.conflict.bytes, content);
      assert.equal(await store.replace(id, version, next, makeRecord({ bytes: content }), makeEnding()), 'replaced');
      assertSame(await bytesOf(store, next), content);
    }
  }),

  law('a payload that is a window on a larger buffer is stored alone', async ({ store }) => {
    const large = randomBytes(1_000);
    const id = makeId();
    await created(store, id, { bytes: large.subarray(100, 200) });
    assertSame(await bytesOf(store, id), large.subarray(100, 200));
  }),

  law('changing an array after it was passed in changes nothing', async ({ store }) => {
    const [id, next] = [makeId(), makeId()];
    const first = makeRecord({ bytes: Uint8Array.of(1, 2, 3) });
    const creating = store.create(id, first);
    first.bytes.fill(9);
    await creating;
    assertSame(await bytesOf(store, id), Uint8Array.of(1, 2, 3));
    const later = makeRecord({ bytes: Uint8Array.of(4, 5) });
    const updating = store.update(id, later, first.version);
    later.bytes.fill(9);
    await updating;
    assertSame(await bytesOf(store, id), Uint8Array.of(4, 5));
    const last = makeRecord({ bytes: Uint8Array.of(6) });
    const replacing = store.replace(id, later.version, next, last, makeEnding());
    last.bytes.fill(9);
    await replacing;
    assertSame(await bytesOf(store, next), Uint8Array.of(6));
  }),

  law('changing an array that was handed out changes nothing', async ({ store }) => {
    const id = makeId();
    await created(store, id, { bytes: Uint8Array.of(1, 2, 3) });
    (await bytesOf(store, id)).fill(9);
    const answer = await store.update(id, makeRecord(), makeVersion());
    assert(typeof answer === 'object');
    answer.conflict.bytes.fill(9);
    assertSame(await bytesOf(store, id), Uint8Array.of(1, 2, 3));
  }),

  law('an array that was handed out stays as it was, whatever is read and written after it', async ({ store }) => {
    const [id, other] = [makeId(), makeId()];
    const { version } = await created(store, id, { bytes: Uint8Array.of(1, 2, 3) });
    await created(store, other, { bytes: Uint8Array.of(7, 8, 9) });
    const before = await bytesOf(store, id);
    await bytesOf(store, other);
    await store.update(id, makeRecord({ bytes: Uint8Array.of(4, 5, 6) }), version);
    await bytesOf(store, id);
    assertSame(before, Uint8Array.of(1, 2, 3));
  }),

  law('ids that differ in case or in their last character are different ids', async ({ store }) => {
    const stem = makeId().slice(0, 24);
    const ids = ['aBc', 'abc', 'ABC', 'abd', 'ab-', 'ab_', 'ab0', 'abQ', 'abR'].map(
      (end) => `${stem}${end}` as SessionId,
    );
    const records = new Map<SessionId, unknown>();
    for (const id of ids) records.set(id, await created(store, id));
    for (const id of ids) assertSame(await store.read(id), records.get(id));
    const [first] = ids;
    assert(first !== undefined);
    await store.end(first, makeEnding());
    for (const id of ids.slice(1)) assertSame(await store.read(id), records.get(id));
  }),

  law(
    'owners that differ in case or in their last character are different owners',
    async ({ store }) => {
      const indexed = owned(store);
      const stem = makeOwner().slice(0, 26);
      const owners = ['a', 'A', 'b', '_', '-', '0'].map((end) => `${stem}${end}` as OwnerHash);
      const ids = new Map<OwnerHash, SessionId>();
      for (const owner of owners) {
        const id = makeId(owner);
        ids.set(owner, id);
        await created(store, id, { owner });
      }
      for (const owner of owners) {
        assertSame(
          (await indexed.listByOwner(owner)).map(({ id }) => id),
          [ids.get(owner)],
        );
      }
    },
    needsOwners,
  ),
];
