import { randomUUID } from 'node:crypto';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeEnding, makeId, makeOwner, makeRecord, makeVersion } from '../../src/stores/conformance/index.js';
import { type RedisStore, redisStore } from '../../src/stores/redis.js';
import { startApp, type TestApp } from '../support/app.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, signedIn } from '../support/routes.js';
import { binary, type Connection, ioredis, nodeRedis, servers, withHook } from './kit.js';

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['ioredis', ioredis],
] as const)('one method is one command: %s', (_, connect) => {
  const { all } = servers('standalone');
  const prefix = 'count:';
  let connection: Connection;
  let store: RedisStore;
  let sent = 0;

  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
    const hooked = withHook(connection.client);
    hooked.beforeCommand(() => void sent++);
    store = redisStore({ client: hooked.client, prefix });
  });
  afterAll(() => connection.close());

  /** Counted by the server too: of its commands, those that no script made. */
  async function commandsOf(run: () => Promise<unknown>): Promise<number> {
    const before = sent;
    const calls = async (): Promise<number> => {
      const stats = String(await all[0]?.command('INFO', 'commandstats'));
      return [...stats.matchAll(/cmdstat_(?:evalsha|eval):calls=(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), 0);
    };
    const scripts = await calls();
    await run();
    expect((await calls()) - scripts).toBeLessThanOrEqual(1);
    return sent - before;
  }

  it('read, update, touch and every other method, refused or not', async () => {
    const owner = makeOwner();
    const [id, next, record] = [makeId(owner), makeId(owner), makeRecord({ owner })];
    const later = makeRecord({ owner });
    const methods: Record<string, () => Promise<unknown>> = {
      create: async () => store.create(id, record),
      read: async () => store.read(id),
      'a conflict': async () => store.update(id, makeRecord(), makeVersion()),
      update: async () => store.update(id, later, record.version),
      touch: async () => store.touch(id, record.idleDeadline + 5_000),
      replace: async () => store.replace(id, later.version, next, makeRecord({ owner }), makeEnding()),
      listByOwner: async () => store.listByOwner(owner),
      endByOwner: async () => store.endByOwner(owner, makeEnding()),
      end: async () => store.end(next, makeEnding()),
    };
    // The first call of each script is two: the server does not know it yet.
    for (const run of Object.values(methods)) await run();
    for (const [name, run] of Object.entries(methods)) expect([name, await commandsOf(run)]).toEqual([name, 1]);
  });

  it('a server that has forgotten the scripts is told them again', async () => {
    const [id, record] = [makeId(), makeRecord()];
    await store.create(id, record);
    await all[0]?.command('SCRIPT', 'FLUSH');
    expect(await store.touch(id, record.idleDeadline + 1)).toBe('touched');
    await all[0]?.command('SCRIPT', 'FLUSH');
    expect(await store.update(id, makeRecord(), record.version)).toBe('updated');
  });
});

describe.runIf(binary).each([
  ['node-redis', nodeRedis],
  ['ioredis', ioredis],
] as const)('what a request costs in the steady state: %s', (_, connect) => {
  const { all } = servers('standalone');
  let connection: Connection;
  let apps: TestApp[] = [];

  beforeAll(async () => {
    connection = await connect(all.map(({ port }) => port));
  });
  afterEach(async () => {
    for (const app of apps) {
      await app.sessions.close();
      await app.close();
    }
    apps = [];
  });
  afterAll(() => connection.close());

  const start = async (cache: boolean): Promise<TestApp> => {
    // Time stands still, so that what is in memory does not become too old by itself while a machine is busy.
    const clock = new FakeClock(Date.now());
    const app = await startApp(everyVerb, { store: redisStore({ client: connection.client }), cache, clock });
    apps.push(app);
    return app;
  };

  /** Commands that the server was sent, as its MONITOR tells them: not what scripts call, nor the link's heartbeats. */
  async function commandsFor(run: () => Promise<unknown>): Promise<number> {
    const monitor = createClient({ socket: { host: '127.0.0.1', port: all[0]?.port ?? 0 } });
    monitor.on('error', () => undefined);
    await monitor.connect();
    const last = `last ${randomUUID()}`;
    let sent = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        const listening = monitor.monitor((line) => {
          const text = String(line);
          if (text.includes(last)) resolve();
          else if (!text.includes(' lua] ') && /"(?:get|evalsha|eval)"/i.test(text)) sent++;
        });
        listening.then(run).then(() => all[0]?.command('ECHO', last), reject);
      });
    } finally {
      monitor.destroy();
    }
    return sent;
  }

  it.each([
    ['a safe request, answered from the cache', true, 'GET', '/me', 0],
    ['a safe request, without it', false, 'GET', '/me', 1],
    ['an unsafe request without a change, with the cache', true, 'POST', '/me', 1],
    ['an unsafe request without a change, without it', false, 'POST', '/me', 1],
    ['an unsafe request that changes the session, with the cache', true, 'POST', '/put', 2],
    ['an unsafe request that changes the session, without it', false, 'POST', '/put', 2],
  ])('%s', async (_what, cache, method, path, expected) => {
    const app = await start(cache);
    const client = await signedIn(app, 'ada');
    await client.post('/put', { body: { n: 0 } });
    client.jar.delete(`${app.cookieName}-v`);
    while (cache && app.sessions.cacheStatistics().hits === 0) await client.get('/me');
    const sent = await commandsFor(async () => {
      for (let i = 1; i <= 20; i++) await client.send(method, path, path === '/put' ? { body: { n: i } } : {});
    });
    expect(sent).toBe(20 * expected);
  });
});
