/** What the watch says when the servers of a cluster change places. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { slotOf } from '../../src/stores/redis/watch/slot.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { binary, type Connection, ioredisCluster, nodeRedisCluster, servers } from './kit.js';
import { until, Watcher } from './watcher.js';

describe.runIf(binary).each([
  ['node-redis', nodeRedisCluster],
  ['ioredis', ioredisCluster],
] as const)('the watch in a cluster: %s', (_, connect) => {
  const { all } = servers('cluster');
  let connection: Connection;
  let store: RedisStore;
  let watcher: Watcher;

  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
    store = redisStore({ client: connection.client });
  });
  afterAll(() => connection.close());
  beforeEach(async () => {
    watcher = await Watcher.of(store);
  });
  afterEach(() => watcher.watch.close());

  const slotNumber = (id: SessionId): number => slotOf(id.slice(0, 5));
  /** Of the ids so far. A slot that changes hands must hold no other. */
  const slots = new Set<number>();
  /** An id in the third of the slots that server `index` begins with. */
  function idOn(index: number): SessionId {
    for (;;) {
      const id = makeId();
      const isFirstOfSlot = !slots.has(slotNumber(id));
      if (Math.floor((slotNumber(id) * all.length) / 16_384) !== index || !isFirstOfSlot) continue;
      slots.add(slotNumber(id));
      return id;
    }
  }
  const nameOf = async (index: number): Promise<string> => String(await all[index]?.command('CLUSTER', 'MYID'));

  it('reads each session from its own server, and hears of it', async () => {
    const ids = [0, 1, 2].map(idOn);
    for (const id of ids) await store.create(id, makeRecord());
    for (const id of ids) expect(await watcher.watch.read(id)).toHaveProperty('bytes');
    // A client that had not yet heard of every server has by now.
    await watcher.take();
    for (const id of ids) await store.end(id, makeEnding());
    expect((await watcher.take()).sort()).toEqual([...ids].sort());
  });

  it('computes the slots that the servers do', async () => {
    for (const tag of ['a', 'abcde', '-_-_-', '01234', '123456789']) {
      expect(slotOf(tag)).toBe(Number(await all[0]?.command('CLUSTER', 'KEYSLOT', `x{${tag}}`)));
    }
  });

  it('a slot that moves: each session is heard of as it leaves, and all when it has a new owner', async () => {
    const id = idOn(0);
    const slot = String(slotNumber(id));
    const [from, to] = [await nameOf(0), await nameOf(1)];
    const key = `holdfast:{${id.slice(0, 5)}}:s:${id}`;
    await store.create(id, makeRecord());
    await watcher.watch.read(id);
    await watcher.take();
    await all[1]?.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
    await all[0]?.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to);
    await all[0]?.command('MIGRATE', '127.0.0.1', String(all[1]?.port), key, '0', '5000');
    expect(await watcher.take()).toContain(id);
    // Between the two, the old owner sends whoever asks on: the store follows, the watch does not.
    await expect(watcher.watch.read(id)).rejects.toThrow(/ASK/);
    expect(await store.read(id)).toHaveProperty('bytes');
    for (const index of [1, 0, 2]) await all[index]?.command('CLUSTER', 'SETSLOT', slot, 'NODE', to);
    const told = watcher.next('all');
    // The client learns of the move as it is told MOVED, and the watch with it.
    await expect(watcher.watch.read(id)).rejects.toThrow(/MOVED/);
    await told;
    await store.read(id);
    await until(async () => (await watcher.watch.read(id)) !== undefined);
    watcher.heard.splice(0);
    await store.end(id, makeEnding());
    expect(await watcher.take()).toContain(id);
  });
});
