/** Sessions are found, limited and ended by whose they are. */
import assert from 'node:assert/strict';
import { isEnded } from '../../core/store.js';
import { hourMs, makeEnding, makeId, makeOwner, makeOwning, makeRecord } from './fixtures.js';
import { assertSame, created, type Law, law, needsOwners, owned } from './law.js';

const ownersLaw = (title: string, run: Law['run']): Law => law(title, run, needsOwners);

export const owners = [
  ownersLaw('the sessions of an owner are listed in order of creation, as they are stored now', async ({ store }) => {
    const [owner, stranger] = [makeOwner(), makeOwner()];
    const ids = Array.from({ length: 12 }, () => makeId(owner));
    const records = new Map<string, unknown>();
    for (const id of ids) {
      records.set(id, await created(store, id, { owner }));
      await created(store, makeId(stranger), { owner: stranger });
      await created(store, makeId());
    }
    const [first] = ids;
    assert(first !== undefined);
    // Neither a touch nor an update changes the order.
    await store.touch(first, Date.now() + 3 * hourMs);
    records.set(first, await store.read(first));
    assertSame(
      await owned(store).listByOwner(owner),
      ids.map((id) => ({ id, record: records.get(id) })),
    );
    assertSame(await owned(store).listByOwner(makeOwner()), []);
  }),

  ownersLaw('a limit that rejects counts live sessions only, and the new one', async ({ store }) => {
    const owner = makeOwner();
    const now = Date.now();
    const owning = makeOwning({ now, limit: 2 });
    await created(store, makeId(owner), { owner, idleDeadline: now + hourMs });
    await created(store, makeId(owner), { owner, idleDeadline: now + 2 * hourMs });
    assert.equal(await store.create(makeId(owner), makeRecord({ owner }), owning), 'limit');
    assert.equal((await owned(store).listByOwner(owner)).length, 2);
    // From its deadline on a session does not count, though it may still be there.
    const later = { ...owning, now: now + hourMs };
    const record = makeRecord({ owner, idleDeadline: now + 5 * hourMs });
    assert.equal(await store.create(makeId(owner), record, { ...later, now: later.now - 1 }), 'limit');
    assert.equal(await store.create(makeId(owner), record, later), 'created');
    const other = makeOwner();
    assert.equal(await store.create(makeId(other), makeRecord({ owner: other }), owning), 'created');
  }),

  ownersLaw('a limit that evicts ends the oldest until the new one fits', async ({ store }) => {
    const owner = makeOwner();
    const make = () => makeId(owner);
    const [oldest, second, third, fourth, next] = [make(), make(), make(), make(), make()];
    for (const id of [oldest, second, third, fourth]) await created(store, id, { owner });
    const owning = makeOwning({ limit: 3, onExceed: 'evict-oldest' });
    assert.equal(await store.create(next, makeRecord({ owner }), owning), 'created');
    assertSame(
      (await owned(store).listByOwner(owner)).map(({ id }) => id),
      [third, fourth, next],
    );
    for (const id of [oldest, second]) {
      assertSame(await store.read(id), { ended: 'evicted', at: owning.now });
    }
  }),

  ownersLaw('a limit of none admits none, and evicts nobody for it', async ({ store }) => {
    const owner = makeOwner();
    const id = makeId(owner);
    const record = await created(store, id, { owner });
    for (const onExceed of ['reject', 'evict-oldest'] as const) {
      const none = makeOwning({ limit: 0, onExceed });
      assert.equal(await store.create(makeId(owner), makeRecord({ owner }), none), 'limit');
    }
    assertSame(await owned(store).listByOwner(owner), [{ id, record }]);
  }),

  ownersLaw('twenty creations at the same time at a limit of three leave three', async ({ store, second }) => {
    for (const onExceed of ['reject', 'evict-oldest'] as const) {
      const owner = makeOwner();
      const ids = Array.from({ length: 20 }, () => makeId(owner));
      const owning = makeOwning({ limit: 3, onExceed });
      const answers = await Promise.all(
        ids.map((id, index) => (index % 2 ? store : second).create(id, makeRecord({ owner }), owning)),
      );
      const alive = [];
      for (const id of ids) {
        const found = await store.read(id);
        if (found && !isEnded(found)) alive.push(id);
      }
      assert.equal(alive.length, 3);
      assert.equal(answers.filter((answer) => answer === 'created').length, onExceed === 'reject' ? 3 : 20);
      assertSame((await owned(store).listByOwner(owner)).map(({ id }) => id).sort(), alive.sort());
    }
  }),

  ownersLaw('ending by owner ends all but the excepted, and nobody else', async ({ store }) => {
    const [owner, stranger] = [makeOwner(), makeOwner()];
    const ids = Array.from({ length: 5 }, () => makeId(owner));
    for (const id of ids) await created(store, id, { owner });
    const [other, anonymous] = [makeId(stranger), makeId()];
    await created(store, other, { owner: stranger });
    await created(store, anonymous);
    const [except, ...rest] = ids;
    assert(except !== undefined);
    const ending = makeEnding('credential-changed');
    const answer = await owned(store).endByOwner(owner, ending, { except });
    assertSame([...answer].sort(), rest.sort());
    for (const id of rest) assertSame(await store.read(id), { ended: 'credential-changed', at: ending.at });
    for (const id of [except, other, anonymous]) assert('bytes' in ((await store.read(id)) ?? {}));
    assertSame(
      (await owned(store).listByOwner(owner)).map(({ id }) => id),
      [except],
    );
  }),

  ownersLaw('what was begun before or at the mark is barred; what was begun after it is not', async ({ store }) => {
    const [owner, stranger] = [makeOwner(), makeOwner()];
    const at = Date.now();
    await owned(store).endByOwner(owner, { reason: 'revoked', at, keepUntil: at + hourMs });
    const attempt = (startedAt: number, whose = owner) =>
      store.create(makeId(whose), makeRecord({ owner: whose }), makeOwning({ now: at, startedAt }));
    assert.equal(await attempt(at - hourMs), 'barred');
    assert.equal(await attempt(at - 1), 'barred');
    assert.equal(await attempt(at), 'barred');
    assert.equal(await attempt(at + 1), 'created');
    assert.equal(await attempt(at - 1, stranger), 'created');
    assert.equal((await owned(store).listByOwner(owner)).length, 1);
  }),

  ownersLaw('the mark only moves forward', async ({ store }) => {
    const owner = makeOwner();
    const at = Date.now();
    for (const moment of [at, at - 1_000, at - 5]) {
      await owned(store).endByOwner(owner, { reason: 'revoked', at: moment, keepUntil: at + hourMs });
      const owning = makeOwning({ now: at, startedAt: at });
      assert.equal(await store.create(makeId(owner), makeRecord({ owner }), owning), 'barred');
    }
    await owned(store).endByOwner(owner, { reason: 'revoked', at: at + 10, keepUntil: at + hourMs });
    const owning = makeOwning({ now: at, startedAt: at + 10 });
    assert.equal(await store.create(makeId(owner), makeRecord({ owner }), owning), 'barred');
  }),

  ownersLaw('a sign-in while everything ends: it is barred, or ended with the rest', async ({ store, second }) => {
    for (let round = 0; round < 20; round++) {
      const owner = makeOwner();
      const id = makeId(owner);
      const now = Date.now();
      await Promise.all([
        store.create(id, makeRecord({ owner }), makeOwning({ now, startedAt: now })),
        owned(second).endByOwner(owner, { reason: 'revoked', at: now, keepUntil: now + hourMs }),
      ]);
      const found = await store.read(id);
      assert(found === undefined || isEnded(found), 'a session outlived endByOwner');
      assertSame(await owned(store).listByOwner(owner), []);
    }
  }),
];
