/**
 * A slot that moves takes its keys along one after the other. While an owner's index is on one server and the sessions
 * that it names are on another, the server that the slot moves to answers for what has not come yet as if it were not
 * there: taken at its word, the owner's sessions would be lost from the index, and from every revocation after it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OwnerHash, SessionId } from '../../src/core/ids.js';
import { isEnded } from '../../src/core/store.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { slotOf } from '../../src/stores/redis/watch/slot.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { binary, type Connection, ioredisCluster, nodeRedisCluster, servers, withHook } from './kit.js';

const moving = { code: 'ERR_SESSION_STORE_UNAVAILABLE', outcome: 'not-applied' };

describe.runIf(binary).each([
  ['node-redis', nodeRedisCluster],
  ['ioredis', ioredisCluster],
] as const)('a slot that moves: %s', (_, connect) => {
  const { all } = servers('cluster');
  let connection: Connection;
  let hooked: ReturnType<typeof withHook>;
  let store: RedisStore;
  let owner: OwnerHash;
  let ids: SessionId[];

  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
    hooked = withHook(connection.client);
    store = redisStore({ client: hooked.client, prefix: '' });
  });
  afterAll(() => connection.close());
  beforeEach(async () => {
    owner = makeOwner();
    ids = [makeId(owner), makeId(owner)];
    // It leaves the owner's mark, so that all three kinds of keys are there.
    await store.endByOwner(owner, makeEnding('revoked'));
    for (const id of ids) await store.create(id, makeRecord({ owner }));
  });

  const keyOf = (kind: string, name: string): string => `{${owner.slice(0, 5)}}:${kind}:${name}`;

  /** Begins to move the owner's slot; `take` moves some of its keys, `finish` the others and then the slot. */
  async function move() {
    const slot = slotOf(owner.slice(0, 5));
    const from = Math.floor((slot * all.length) / 16_384);
    const [source, target, third] = [0, 1, 2].map((step) => all[(from + step) % all.length]);
    if (!source || !target || !third) throw new Error('there are three');
    const nameOf = async (server: typeof source): Promise<string> => String(await server.command('CLUSTER', 'MYID'));
    const setSlot = (server: typeof source, ...how: string[]): Promise<unknown> =>
      server.command('CLUSTER', 'SETSLOT', String(slot), ...how);
    await setSlot(target, 'IMPORTING', await nameOf(source));
    await setSlot(source, 'MIGRATING', await nameOf(target));
    const take = async (...keys: string[]): Promise<void> => {
      for (const key of keys) await source.command('MIGRATE', '127.0.0.1', String(target.port), key, '0', '5000');
    };
    return {
      take,
      target,
      async finish(): Promise<void> {
        await take(...ids.map((id) => keyOf('s', id)), keyOf('o', owner), keyOf('m', owner));
        for (const server of [target, source, third]) await setSlot(server, 'NODE', await nameOf(target));
      },
    };
  }

  const listed = async (): Promise<SessionId[]> => (await store.listByOwner(owner)).map(({ id }) => id);

  it('a list that can only see the index says so, and loses no session from it', async () => {
    const { take, finish } = await move();
    await take(keyOf('o', owner));
    await expect(store.listByOwner(owner)).rejects.toMatchObject(moving);
    await finish();
    expect(await listed()).toEqual(ids);
  });

  it.each(['o m', 's'])(
    'a revocation that can reach only part (moved: %s) changes nothing, and ends all after the move',
    async (kinds) => {
      const { take, finish } = await move();
      const names: Record<string, string> = { o: owner, m: owner, s: ids[0] ?? '' };
      await take(...kinds.split(' ').map((kind) => keyOf(kind, names[kind] ?? '')));
      await expect(store.endByOwner(owner, makeEnding('revoked'))).rejects.toMatchObject(moving);
      for (const id of ids) expect(await store.read(id)).toHaveProperty('bytes');
      await finish();
      expect([...(await store.endByOwner(owner, makeEnding('revoked')))].sort()).toEqual([...ids].sort());
      expect(await listed()).toEqual([]);
    },
  );

  it.each(['o', 's'])(
    'a change that would leave the index behind (moved: %s) is refused whole, and made after the move',
    async (kind) => {
      const [id] = ids as [SessionId];
      const before = await store.read(id);
      if (before === undefined || isEnded(before)) throw new Error('it is there');
      const later = before.idleDeadline + 3_600_000;
      const { take, finish, target } = await move();
      await take(keyOf(kind, kind === 'o' ? owner : id));
      const after = makeRecord({ owner, idleDeadline: later });
      await expect(store.update(id, after, before.version)).rejects.toMatchObject(moving);
      await expect(store.touch(id, later)).rejects.toMatchObject(moving);
      expect(await store.read(id)).toEqual(before);
      await finish();
      expect(await store.update(id, after, before.version)).toBe('updated');
      expect(Number(await target.command('PTTL', keyOf('o', owner)))).toBeGreaterThan(later - Date.now());
    },
  );

  it.each(['o', 's'])('a sign-out succeeds (moved: %s), and stays out of the list', async (kind) => {
    const [id] = ids as [SessionId];
    const { take, finish } = await move();
    await take(keyOf(kind, kind === 'o' ? owner : id));
    expect(await store.end(id, makeEnding('signed-out'))).toBe(true);
    expect(await store.read(id)).toMatchObject({ ended: 'signed-out' });
    await finish();
    expect(await listed()).toEqual(ids.slice(1));
  });

  it('a revocation before anything has left ends all, and bars what was begun before it', async () => {
    const { finish } = await move();
    const ending = makeEnding('revoked');
    expect([...(await store.endByOwner(owner, ending))].sort()).toEqual([...ids].sort());
    await finish();
    for (const id of ids) expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
    const owning = makeOwning({ now: ending.at, startedAt: ending.at });
    expect(await store.create(makeId(owner), makeRecord({ owner }), owning)).toBe('barred');
  });

  it('a call that meets the move is answered once the slot has moved', async () => {
    const { take, finish } = await move();
    await take(keyOf('o', owner));
    let calls = 0;
    hooked.beforeCommand(async () => {
      // The first is EVALSHA.
      if (++calls === 2) await finish();
    });
    try {
      expect(await listed()).toEqual(ids);
    } finally {
      hooked.beforeCommand(undefined);
    }
  });
});
