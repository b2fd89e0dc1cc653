/** In a cluster a record may come to name an owner of another slot: whoever writes to the server put another session's there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { slotOf } from '../../src/stores/redis/watch/slot.js';
import { redisStore } from '../../src/stores/redis.js';
import { connectRedis, type RedisConnections } from '../support/redis-clients.js';
import { binary } from './kit.js';

const partOf = (owner: string): number => Math.floor((slotOf(owner.slice(0, 5)) * 3) / 16_384);
const keyOf = (id: string): string => `holdfast:{${id.slice(0, 5)}}:s:${id}`;

describe.runIf(binary)('a record of a cluster with the value of another owner’s session', () => {
  let cluster: RedisConnections;
  beforeAll(async () => {
    cluster = await connectRedis(binary ?? '', 'node-redis-cluster');
  });
  afterAll(() => cluster.end());

  it.each(['touch', 'update', 'end'] as const)(
    'does not stand in the way of %s, nor of the revocation of its owner',
    async (operation) => {
      const store = redisStore({ client: cluster.first });
      const ada = makeOwner();
      let grace = makeOwner();
      while (partOf(grace) === partOf(ada)) grace = makeOwner();
      const [first, second, third] = [makeId(ada), makeId(ada), makeId(ada)];
      const other = makeId(grace);
      const record = makeRecord({ owner: grace });
      for (const id of [first, second, third]) await store.create(id, makeRecord({ owner: ada }));
      await store.create(other, record);
      await cluster.command('SET', keyOf(first), (await cluster.command('GET', keyOf(other))) as Buffer);
      const later = record.idleDeadline + 60_000;
      if (operation === 'touch') expect(await store.touch(first, later)).toBe('touched');
      if (operation === 'update') {
        const newer = makeRecord({ owner: grace, idleDeadline: later });
        expect(await store.update(first, newer, record.version)).toBe('updated');
      }
      if (operation === 'end') expect(await store.end(first, makeEnding())).toBe(true);
      const ended = await store.endByOwner(ada, makeEnding('revoked'));
      expect(ended).toEqual(expect.arrayContaining([second, third]));
      for (const id of [first, second, third]) expect(await store.read(id)).toHaveProperty('ended');
      expect(await store.read(other)).toMatchObject({ version: record.version });
      expect((await store.listByOwner(grace)).map(({ id }) => id)).toEqual([other]);
    },
  );
});
