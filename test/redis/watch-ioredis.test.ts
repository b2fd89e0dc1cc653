/** ioredis reads on one connection and hears on another: what holds between the two. */
import { Redis, type RedisOptions } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { redisStore } from '../../src/stores/redis.js';
import { type RedisServer, startRedis } from '../support/redis-server.js';
import { binary, servers } from './kit.js';
import { Watcher } from './watcher.js';

describe.runIf(binary)('the two connections of a link through ioredis', () => {
  const { all } = servers('standalone');
  let other: RedisServer;
  let client: Redis;
  /** Connections that the store has made, in order. */
  let made: Redis[];

  beforeAll(async () => {
    other = await startRedis(binary ?? '');
    client = new Redis({ host: '127.0.0.1', port: all[0]?.port ?? 0 });
  });
  afterAll(async () => {
    client.disconnect();
    await other.stop();
  });

  /** A store whose own connections are at hand; `options` are those of each next one. */
  function storeOf(...options: RedisOptions[]) {
    made = [];
    const duplicate = (overrides: RedisOptions): Redis => {
      const connection = client.duplicate({ ...overrides, ...options[made.length] });
      made.push(connection);
      return connection;
    };
    return redisStore({
      client: new Proxy(client, {
        get: (target, name) => (name === 'duplicate' ? duplicate : Reflect.get(target, name, target)),
      }),
    });
  }

  it('a heartbeat waits for the notices, also where they are slower than the reads', async () => {
    const store = storeOf();
    const watcher = await Watcher.of(store);
    const id = makeId();
    await store.create(id, makeRecord());
    await watcher.watch.read(id);
    const notices = made.find(({ mode }) => mode === 'subscriber');
    notices?.stream.pause();
    await store.end(id, makeEnding());
    let answered = false;
    const heartbeat = Promise.resolve(watcher.watch.heartbeat()).then(() => {
      answered = true;
    });
    // Sent after what the heartbeat asks on the connection for reads, and answered after it.
    expect(await watcher.watch.read(id)).toHaveProperty('ended');
    expect([answered, watcher.heard]).toEqual([false, []]);
    notices?.stream.resume();
    await heartbeat;
    expect(watcher.heard).toEqual([id]);
    await store.close?.();
  });

  it('must lead to the same server, and where they do not, neither stays open', async () => {
    const store = storeOf({}, { port: other.port });
    await expect(Watcher.of(store)).rejects.toThrow(/different servers/);
    expect(made.map(({ stream }) => stream.destroyed)).toEqual([true, true]);
  });
});
