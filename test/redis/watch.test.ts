/** What the watch hears on one server, and what it says when it may not have heard. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { binary, type Connection, ioredis, nodeRedis, nodeRedisPool, servers } from './kit.js';
import { Watcher } from './watcher.js';

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['a pool of node-redis', nodeRedisPool],
  ['ioredis', ioredis],
] as const)('what the watch hears: %s', (_, connect) => {
  const { all } = servers('standalone');
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

  const command = async (...args: string[]): Promise<unknown> => await all[0]?.command(...args);
  const keyOf = (id: string): string => `holdfast:{${id.slice(0, 5)}}:s:${id}`;
  /** The numbers of the watch's own connections: the one that is tracked, and where there is one, the one for notices. */
  async function connectionsOfWatch(): Promise<{ tracked: string; notices: string | undefined }> {
    const list = String(await command('CLIENT', 'LIST')).split('\n');
    const numberOf = (line: string | undefined): string | undefined => /\bid=(\d+)/.exec(line ?? '')?.[1];
    const tracked = list.find((line) => /\bflags=\w*t/.test(line));
    return {
      tracked: numberOf(tracked) ?? '',
      notices: numberOf(list.find((line) => /\bsub=1\b/.test(line))),
    };
  }

  it('the id of what changed, and nothing else', async () => {
    const [id, other] = [makeId(), makeId()];
    const record = makeRecord();
    await store.create(id, record);
    await store.create(other, makeRecord());
    await watcher.watch.read(id);
    await watcher.watch.read(other);
    await store.update(id, makeRecord(), record.version);
    expect(await watcher.take()).toEqual([id]);
  });

  it('the id of a session that the server itself dropped', async () => {
    const id = makeId();
    await store.create(id, makeRecord());
    await watcher.watch.read(id);
    await command('PEXPIREAT', keyOf(id), '1');
    expect(await watcher.take()).toEqual([id]);
  });

  it('the creation of what was read and was not there', async () => {
    const id = makeId();
    expect(await watcher.watch.read(id)).toBeUndefined();
    await store.create(id, makeRecord());
    expect(await watcher.take()).toEqual([id]);
  });

  it('a touch too, which costs a read', async () => {
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    await watcher.watch.read(id);
    await store.touch(id, record.idleDeadline + 1);
    expect(await watcher.take()).toEqual([id]);
    expect(await watcher.watch.read(id)).toMatchObject({ idleDeadline: record.idleDeadline + 1 });
  });

  it.each(['FLUSHALL', 'FLUSHDB'])('all, after %s', async (flush) => {
    const id = makeId();
    await store.create(id, makeRecord());
    await watcher.watch.read(id);
    await command(flush);
    expect(await watcher.take()).toContain('all');
    expect(await watcher.watch.read(id)).toBeUndefined();
  });

  it.for(['tracked', 'notices'] as const)(
    'all, when its connection is cut (%s), before any read or heartbeat is answered wrongly; then it mends itself',
    async (which, context) => {
      const id = makeId();
      await store.create(id, makeRecord());
      await watcher.watch.read(id);
      const connections = await connectionsOfWatch();
      const cut = connections[which];
      if (cut === undefined) return context.skip('this client has one connection for both');
      watcher.heard.splice(0);
      const lost = watcher.next('all');
      await command('CLIENT', 'KILL', 'ID', cut);
      await lost;
      await expect(watcher.watch.heartbeat()).rejects.toThrow(/redisStore: watch: /);
      await expect(watcher.watch.read(id)).rejects.toThrow(/redisStore: watch: /);
      // What is missed now is what 'all' stands for.
      await store.end(id, makeEnding());
      await watcher.recovered();
      expect(watcher.heard.splice(0).filter((heard) => heard !== 'all')).toEqual([]);
      expect(await watcher.watch.read(id)).toHaveProperty('ended');
      const next = makeId();
      await store.create(next, makeRecord());
      await watcher.watch.read(next);
      await store.end(next, makeEnding());
      expect(await watcher.take()).toEqual([next]);
      expect((await connectionsOfWatch()).tracked).not.toBe(connections.tracked);
    },
  );

  it('all, when its server has become a replica, though every connection stays', async () => {
    const id = makeId();
    await store.create(id, makeRecord());
    await watcher.watch.read(id);
    await watcher.take();
    await command('REPLICAOF', '127.0.0.1', '1');
    try {
      await expect(watcher.watch.heartbeat()).rejects.toThrow(/replica/);
      expect(watcher.heard).toContain('all');
      await expect(watcher.watch.read(id)).rejects.toThrow();
    } finally {
      await command('REPLICAOF', 'NO', 'ONE');
    }
    await watcher.recovered();
  });

  it('nothing once it is closed, and its connections are gone', async () => {
    const id = makeId();
    await store.create(id, makeRecord());
    await watcher.watch.read(id);
    watcher.heard.splice(0);
    await watcher.watch.close();
    await watcher.watch.close();
    await store.end(id, makeEnding());
    await expect(watcher.watch.heartbeat()).rejects.toThrow();
    await expect(watcher.watch.read(id)).rejects.toThrow();
    expect(watcher.heard).toEqual([]);
    for (let left = true; left; ) left = (await connectionsOfWatch()).tracked !== '';
  });

  it('a store that is closed closes what it opened', async () => {
    const mine = redisStore({ client: connection.client });
    const heard = await Watcher.of(mine);
    await mine.close?.();
    await expect(heard.watch.heartbeat()).rejects.toThrow();
    expect(await store.read(makeId())).toBeUndefined();
  });
});

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['ioredis', ioredis],
] as const)('a server that goes: %s', (_, connect) => {
  let server: RedisServer;
  let connection: Connection;
  let watcher: Watcher;

  beforeEach(async () => {
    server = await startRedis(binary ?? '');
    connection = await connect([server.port]);
    watcher = await Watcher.of(redisStore({ client: connection.client }));
  });
  afterEach(async () => {
    await watcher.watch.close();
    await connection.close();
    await server.stop();
  });

  it('is missed at once', async () => {
    const lost = watcher.next('all');
    await server.stop();
    await lost;
    await expect(watcher.watch.heartbeat()).rejects.toThrow(/redisStore: watch: /);
  });

  it('or stands still with its connections open: heartbeat and read are refused within the second', async () => {
    server.pause();
    const lost = watcher.next('all');
    const answers = await Promise.allSettled([watcher.watch.heartbeat(), watcher.watch.read(makeId())]);
    for (const answer of answers) expect(answer).toMatchObject({ reason: { code: 'ERR_SESSION_STORE_UNAVAILABLE' } });
    await lost;
    server.resume();
    await watcher.recovered();
  });

  it('and is not there: there is no watch, and nothing is left of the attempt', async () => {
    await watcher.watch.close();
    await server.stop();
    await expect(Watcher.of(redisStore({ client: connection.client }))).rejects.toThrow();
  });
});
