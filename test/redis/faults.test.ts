import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionError } from '../../src/core/errors.js';
import { isWatchable } from '../../src/core/store.js';
import { makeEnding, makeId, makeOwner, makeOwning, makeRecord } from '../../src/stores/conformance/index.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { startRedis } from '../support/redis-server.js';
import { binary, type Connection, nodeRedis, servers } from './kit.js';
import { Watcher, walk } from './watcher.js';

const rejection = (call: PromiseLike<unknown> | unknown): Promise<SessionError> =>
  Promise.resolve(call).then(
    () => Promise.reject(new Error('it did not reject')),
    (error) => error,
  );

/** As the user whom the page sets up; `refused` is a command that it must not be allowed. */
async function asNodeRedis(port: number) {
  const client = createClient({ socket: { host: '127.0.0.1', port }, username: 'holdfast', password: 'password' });
  client.on('error', () => undefined);
  await client.connect();
  return { client, refused: () => client.sendCommand(['KEYS', '*']), close: () => client.destroy() };
}

async function asIoredis(port: number) {
  const client = new Redis({ host: '127.0.0.1', port, username: 'holdfast', password: 'password' });
  client.on('error', () => undefined);
  return { client, refused: () => client.keys('*'), close: () => client.disconnect() };
}

describe.runIf(binary)('a server in trouble', () => {
  const { all } = servers('standalone');
  let connection: Connection;
  let store: RedisStore;

  beforeAll(async () => {
    connection = await nodeRedis(all.map(({ port }) => port));
    store = redisStore({ client: connection.client });
  });
  afterAll(() => connection.close());

  const command = async (...args: string[]): Promise<unknown> => await all[0]?.command(...args);
  const keyOf = (id: string, prefix = 'holdfast:'): string => `${prefix}{${id.slice(0, 5)}}:s:${id}`;

  it('a full server refuses what is new, and never refuses an end, a revocation or a touch', async () => {
    const owner = makeOwner();
    const [id, other, anonymous] = [makeId(owner), makeId(owner), makeId()];
    const [record, lonely] = [makeRecord({ owner }), makeRecord()];
    await store.create(id, record);
    await store.create(other, makeRecord({ owner }));
    await store.create(anonymous, lonely);
    await command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      for (const refused of [
        store.create(makeId(), makeRecord()),
        store.update(id, makeRecord(), record.version),
        store.replace(anonymous, lonely.version, makeId(owner), makeRecord({ owner }), makeEnding()),
      ]) {
        const error = await rejection(refused);
        expect(error).toBeInstanceOf(SessionError);
        expect([error.code, error.outcome]).toEqual(['ERR_SESSION_STORE_FULL', 'not-applied']);
      }
      expect(await store.touch(id, record.idleDeadline + 1)).toBe('touched');
      expect(await store.end(other, makeEnding())).toBe(true);
      expect(await store.endByOwner(owner, makeEnding('revoked'))).toEqual([id]);
    } finally {
      await command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
    expect(await store.read(anonymous)).toEqual(lonely);
  });

  it('a value of a newer release is unreadable, and nothing overwrites it but its end', async () => {
    const id = makeId();
    await command('SET', keyOf(id), '\x09from the future');
    for (const call of [
      () => store.read(id),
      () => store.create(id, makeRecord()),
      () => store.update(id, makeRecord(), makeRecord().version),
      () => store.touch(id, Date.now()),
    ]) {
      expect((await rejection(call())).code).toBe('ERR_SESSION_RECORD_UNREADABLE');
    }
    expect(await command('GET', keyOf(id))).toBe('\x09from the future');
    expect(await store.end(id, makeEnding('revoked'))).toBe(true);
    expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
  });

  it.each([
    ['node-redis', asNodeRedis],
    ['ioredis', asIoredis],
  ] as const)('the permissions that the page names are enough: %s', async (_, login) => {
    const page = readFileSync(fileURLToPath(new URL('../../docs/stores/redis.md', import.meta.url)), 'utf8');
    // Of what the page allows, a part that no other test has written to.
    const prefix = `holdfast:${randomUUID()}:`;
    const line = /^ACL SETUSER .*$/m.exec(page)?.[0] ?? '';
    await command(...line.split(' '));
    const { client, refused, close } = await login(all[0]?.port ?? 0);
    const limited = redisStore({ client, prefix, waitForReplicas: { replicas: 1, timeout: '1ms' } });
    const owner = makeOwner();
    const [first, second, third] = [makeId(owner), makeId(owner), makeId(owner)];
    const record = makeRecord({ owner });
    await limited.create(first, record);
    await limited.touch(first, record.idleDeadline + 1);
    await limited.replace(first, record.version, second, makeRecord({ owner }), makeEnding(), makeOwning({ limit: 2 }));
    await limited.create(third, makeRecord({ owner }), makeOwning({ limit: 1, onExceed: 'evict-oldest' }));
    expect(await limited.read(second)).toMatchObject({ ended: 'evicted' });
    await limited.update(third, makeRecord({ owner }), record.version);
    expect(await limited.listByOwner(owner)).toHaveLength(1);
    expect((await walk(limited)).map(({ id }) => id)).toContain(third);
    const unreplicated = { code: 'ERR_SESSION_STORE_UNREPLICATED' };
    await expect(limited.endByOwner(owner, makeEnding())).rejects.toMatchObject(unreplicated);
    await expect(limited.end(third, makeEnding())).rejects.toMatchObject(unreplicated);
    const watcher = await Watcher.of(limited);
    await watcher.watch.read(third);
    await command('DEL', keyOf(third, prefix));
    expect(await watcher.take()).toEqual([third]);
    await limited.close?.();
    await expect(refused()).rejects.toThrow(/NOPERM/);
    close();
  });

  it('a replica that is asked to write is a fault, and no answer', async () => {
    const id = makeId();
    await store.create(id, makeRecord());
    await command('REPLICAOF', '127.0.0.1', '1');
    try {
      expect((await rejection(store.end(id, makeEnding()))).message).toMatch(/READONLY/);
    } finally {
      await command('REPLICAOF', 'NO', 'ONE');
    }
    expect(await store.read(id)).toHaveProperty('bytes');
  });

  it('a server that is gone rejects every call of a client that does not queue', async () => {
    const server = await startRedis(binary ?? '');
    const client = createClient({
      socket: { host: '127.0.0.1', port: server.port, reconnectStrategy: 20 },
      disableOfflineQueue: true,
    });
    client.on('error', () => undefined);
    await client.connect();
    const mine = redisStore({ client });
    const id = makeId();
    await mine.create(id, makeRecord());
    const lost = new Promise((resolve) => client.once('reconnecting', resolve));
    await server.stop();
    await lost;
    for (const call of [mine.read(id), mine.create(makeId(), makeRecord()), mine.end(id, makeEnding())]) {
      expect(await rejection(call)).toBeInstanceOf(Error);
    }
    client.destroy();
  });

  it.each([[undefined], [null], ['redis://:password@host'], [{}], [{ get() {}, set() {} }], [{ sendCommand() {} }]])(
    'what is no client of either kind is refused: %#',
    (client) => {
      const open = (): unknown => redisStore({ client: client as never });
      expect(open).toThrow(/redisStore: client: expected/);
      expect(open).not.toThrow(/password/);
    },
  );

  it('what would make a client do something else than is asked of it is refused, and so are braces', () => {
    const ioredis = { isCluster: true, callBuffer: async () => null };
    const open = (options: object): unknown => redisStore({ client: { ...ioredis, ...options } });
    expect(() => open({ options: { scaleReads: 'slave' } })).toThrow(/replicas/);
    expect(() => open({ options: { role: 'slave' } })).toThrow(/replicas/);
    expect(() => open({ options: { keyPrefix: '{app}' } })).toThrow(/braces/);
    expect(() => open({ options: { enableAutoPipelining: true } })).toThrow(/enableAutoPipelining/);
    expect(() => redisStore({ client: ioredis, prefix: 'a{b}' })).toThrow(/braces/);
    // No way to connections of its own: no watch, rather than one that hears nothing.
    expect(isWatchable(redisStore({ client: ioredis }))).toBe(false);
  });
});
