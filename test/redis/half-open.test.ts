/**
 * A link on which nothing passes and nobody is told. Commands on the app's own connection wait there for as long as the
 * client lets them (every call of a session has the store deadline above it); what the store opens itself must not.
 */

import { createSentinel } from 'redis';
import { afterEach, describe, expect, it } from 'vitest';
import { makeId, makeRecord } from '../../src/stores/conformance/index.js';
import { redisStore } from '../../src/stores/redis.js';
import { startApp } from '../support/app.js';
import { startRedis, startRedisCluster, startSentinel } from '../support/redis-server.js';
import { bearing, everyVerb, signedIn, tokenOf } from '../support/routes.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { binary, type Connection, ioredis, ioredisCluster, nodeRedis, nodeRedisCluster, nodeRedisPool } from './kit.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Link = { readonly ports: readonly number[]; stall(): void; heal(): void };

async function proxied(): Promise<Link> {
  const server = await startRedis(binary ?? '');
  const link = await TcpProxy.to(server.port);
  ends.push(server.stop, () => link.close());
  return { ports: [link.port], stall: () => link.stall(), heal: () => link.heal() };
}

/** Servers of a cluster tell their own addresses, past any proxy: they stop instead, while their machines go on. */
async function stopped(): Promise<Link> {
  const { servers, stop } = await startRedisCluster(binary ?? '');
  ends.push(stop);
  const all = (how: 'pause' | 'resume') => () => {
    for (const server of servers) server[how]();
  };
  return { ports: servers.map(({ port }) => port), stall: all('pause'), heal: all('resume') };
}

/** Sentinel goes on, and has no replica to promote. */
async function watched(): Promise<Link> {
  const primary = await startRedis(binary ?? '');
  const sentinel = await startSentinel(binary ?? '', primary);
  ends.push(primary.stop, sentinel.stop);
  return { ports: [sentinel.port], stall: () => primary.pause(), heal: () => primary.resume() };
}

const nodeRedisSentinel = async ([port = 0]: readonly number[]): Promise<Connection> => {
  const client = createSentinel({ name: 'main', sentinelRootNodes: [{ host: '127.0.0.1', port }] });
  client.on('error', () => undefined);
  await client.connect();
  return { client, close: async () => client.destroy() };
};

const ways = [
  ['Sentinel through node-redis', nodeRedisSentinel, watched],
  ['node-redis', nodeRedis, proxied],
  ['a pool of node-redis', nodeRedisPool, proxied],
  ['ioredis', ioredis, proxied],
  ['a cluster through node-redis', nodeRedisCluster, stopped],
  ['a cluster through ioredis', ioredisCluster, stopped],
] as const;

describe.runIf(binary).each(ways)('a half-open link: %s', (_, connect, open) => {
  async function begin() {
    const link = await open();
    const connection = await connect(link.ports);
    ends.push(link.heal, connection.close);
    const store = redisStore({ client: connection.client });
    const id = makeId();
    await store.create(id, makeRecord());
    return { link, store, id, client: connection.client };
  }

  it('a watch that is opened on it is given up, and one that is opened afterwards works', async () => {
    const { link, store, id } = await begin();
    link.stall();
    // More than a pool has connections.
    const waiting = Array.from({ length: 120 }, () => store.read(id).catch(() => undefined));
    await expect(Promise.resolve(store.watch?.(() => undefined))).rejects.toThrow();
    link.heal();
    await Promise.all(waiting);
    await expect
      .poll(async () => {
        const watch = await store.watch?.(() => undefined);
        const found = await watch?.read(id);
        watch?.close();
        return found;
      })
      .toHaveProperty('bytes');
  });

  it('an end that waits for replicas is given up on the connections of its own', async () => {
    const { link, id, client } = await begin();
    const store = redisStore({ client, waitForReplicas: { replicas: 1, timeout: '100ms' } });
    ends.push(() => store.close?.());
    link.stall();
    const waiting = Array.from({ length: 120 }, () => store.read(id).catch(() => undefined));
    const end = store.end(id, { reason: 'revoked', at: Date.now(), keepUntil: Date.now() + 60_000 });
    const outcome = Promise.resolve(end).catch((error: { code: string }) => error.code);
    link.heal();
    expect(await outcome).toBe('ERR_SESSION_STORE_UNREPLICATED');
    await Promise.all(waiting);
    expect(await store.read(id)).toMatchObject({ ended: 'revoked' });
  });

  it('requests get their 503, and the sessions can be closed while nothing passes', async () => {
    const { link, store } = await begin();
    const app = await startApp(everyVerb, { store, cache: true, storeDeadline: '300ms' });
    ends.push(() => app.close());
    // Who signs in while all is well has all the time that a busy machine takes.
    const patient = await startApp(everyVerb, { store, storeDeadline: '60s' });
    ends.push(() => patient.close());
    const client = bearing(app, tokenOf(await signedIn(patient, 'ada')));
    link.stall();
    expect((await client.post('/put', { body: { a: 1 } })).status).toBe(503);
    expect((await client.post('/me')).status).toBe(503);
    await app.sessions.close();
  });
});

describe.runIf(binary)('a client that has not found its servers yet, behind a half-open link', () => {
  it('a watch is given up, and the sessions can be closed: a cluster through ioredis', async () => {
    const link = await stopped();
    link.stall();
    const connection = await ioredisCluster(link.ports);
    ends.push(link.heal, connection.close);
    const store = redisStore({ client: connection.client });
    await expect(Promise.resolve(store.watch?.(() => undefined))).rejects.toThrow();
    const app = await startApp(everyVerb, { store, cache: true, storeDeadline: '300ms' });
    ends.push(() => app.close());
    expect((await app.client().post('/put', { body: { a: 1 } })).status).toBe(503);
    await app.sessions.close();
  });
});
