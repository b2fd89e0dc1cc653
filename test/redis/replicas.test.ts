/** An end that waits for replicas, on a real primary and its real replica. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import { makeEnding, makeId, makeOwner, makeRecord } from '../../src/stores/conformance/index.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { type RedisServer, startReplica } from '../support/redis-server.js';
import { binary, type Connection, ioredis, nodeRedis, nodeRedisPool, servers } from './kit.js';

const unreplicated = { code: 'ERR_SESSION_STORE_UNREPLICATED', status: 503, outcome: 'unknown' };
const marker = 3;

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['a pool of node-redis', nodeRedisPool],
  ['ioredis', ioredis],
] as const)('waitForReplicas: %s', (_, connect) => {
  const { all } = servers('standalone', '--repl-diskless-sync-delay', '0');
  let replica: RedisServer;
  let connection: Connection;
  let store: RedisStore;
  /** Waits less long, for the tests in which nobody answers. */
  let hasty: RedisStore;

  beforeAll(async () => {
    const [primary] = all;
    if (primary) replica = await startReplica(binary ?? '', primary);
    connection = await connect(all.map(({ port }) => port));
  });
  afterAll(async () => {
    await connection.close();
    await replica.stop();
  });
  beforeEach(() => {
    store = redisStore({ client: connection.client, waitForReplicas: { replicas: 1, timeout: '4s' } });
    hasty = redisStore({ client: connection.client, waitForReplicas: { replicas: 1, timeout: '100ms' } });
  });
  afterEach(async () => {
    await store.close?.();
    await hasty.close?.();
  });

  /** The form of what the replica has of a session. */
  const onReplica = async (id: SessionId): Promise<number> =>
    String(await replica.command('GET', `holdfast:{${id.slice(0, 5)}}:s:${id}`)).charCodeAt(0);
  async function begun(owner = makeOwner()): Promise<SessionId> {
    const id = makeId(owner);
    await store.create(id, makeRecord({ owner }));
    return id;
  }

  it('an end that is acknowledged is on the replica', async () => {
    const owner = makeOwner();
    const [first, second] = [await begun(owner), await begun(owner)];
    expect(await store.end(first, makeEnding())).toBe(true);
    expect(await onReplica(first)).toBe(marker);
    expect(await store.endByOwner(owner, makeEnding())).toEqual([second]);
    expect(await onReplica(second)).toBe(marker);
    expect(await store.end(makeId(), makeEnding())).toBe(false);
  });

  it('too few replicas are an error, the session has ended all the same, and the end sent again waits again', async () => {
    const [id, owner] = [await begun(), makeOwner()];
    await begun(owner);
    // Another process, whose connection has written nothing that a replica could lack.
    const elsewhere = redisStore({ client: connection.client, waitForReplicas: { replicas: 1, timeout: '100ms' } });
    replica.pause();
    try {
      await expect(hasty.end(id, makeEnding())).rejects.toMatchObject(unreplicated);
      await expect(hasty.endByOwner(owner, makeEnding())).rejects.toMatchObject(unreplicated);
      expect(await store.read(id)).toHaveProperty('ended');
      await expect(elsewhere.end(id, makeEnding())).rejects.toMatchObject(unreplicated);
    } finally {
      replica.resume();
      await elsewhere.close?.();
    }
    expect(await store.end(id, makeEnding())).toBe(true);
    expect(await onReplica(id)).toBe(marker);
  });

  it('a connection that is cut while it waits does not cost the ids of what ended', async () => {
    const owner = makeOwner();
    const id = await begun(owner);
    replica.pause();
    try {
      const end = store.endByOwner(owner, makeEnding());
      let waiting: string | undefined;
      while (waiting === undefined) {
        const clients = String(await all[0]?.command('CLIENT', 'LIST')).split('\n');
        waiting = clients.find((line) => line.includes(' cmd=wait '))?.match(/^id=(\d+)/)?.[1];
      }
      await all[0]?.command('CLIENT', 'KILL', 'ID', waiting);
      replica.resume();
      expect(await end).toEqual([id]);
    } finally {
      replica.resume();
    }
  });

  it('nobody else waits meanwhile', async () => {
    const id = await begun();
    const patient = redisStore({ client: connection.client, waitForReplicas: { replicas: 1, timeout: '10s' } });
    replica.pause();
    try {
      let settled = false;
      const end = Promise.resolve(patient.end(id, makeEnding())).finally(() => {
        settled = true;
      });
      while (!('ended' in ((await store.read(id)) ?? {})));
      expect(await store.create(makeId(), makeRecord())).toBe('created');
      expect(settled).toBe(false);
      replica.resume();
      expect(await end).toBe(true);
    } finally {
      replica.resume();
      await patient.close?.();
    }
  });

  it('a connection that was cut, and a server that has lost its scripts, cost nothing but a command', async () => {
    const [first, second] = [await begun(), await begun()];
    await store.end(first, makeEnding());
    await all[0]?.command('SCRIPT', 'FLUSH');
    await all[0]?.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await new Promise((resolve) => setImmediate(resolve));
    await expect.poll(() => store.end(second, makeEnding())).toBe(true);
    expect(await onReplica(second)).toBe(marker);
  });
});

describe('waitForReplicas', () => {
  const ioredisLike = { isCluster: false, callBuffer: async () => null };
  it.each([
    [true],
    [{}],
    [{ replicas: 0 }],
    [{ replicas: 1.5 }],
    [{ replicas: 1, timeout: 0 }],
    [{ replicas: 1, wait: '1s' }],
  ])('refuses %j', (waitForReplicas) => {
    expect(() => redisStore({ client: ioredisLike, waitForReplicas: waitForReplicas as never })).toThrow(
      /redisStore: waitForReplicas: /,
    );
  });

  it('needs connections of its own', () => {
    expect(() => redisStore({ client: ioredisLike, waitForReplicas: { replicas: 1 } })).toThrow(
      /connections of its own/,
    );
  });
});
