/** `session({ store })` with the stores of express-session as they come from npm. */
import session from 'express-session';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HoldfastStore } from '../../src/express-session/index.js';
import { session as holdfast, memoryStore, type SessionOptions } from '../../src/index.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import { bridgedKinds, connectRedisTo, type OpenBridged, stopSharedRedis } from '../support/bridged-stores.js';
import { deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import { needs } from '../support/needs.js';
import { startRedis } from '../support/redis-server.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';

afterAll(stopSharedRedis);

describe.each(bridgedKinds)('session() over $name', (kind) => {
  let opened: OpenBridged;
  let app: TestApp;
  beforeEach(async () => {
    opened = await kind.open();
    // Fifty changes of one session queue, and a busy machine takes its time.
    app = await startApp(everyVerb, { store: opened.store, storeDeadline: '60s' });
  });
  afterEach(async () => {
    await app.close();
    await opened.remove();
  });

  it('a person signs in, changes data, and signs out for good', async () => {
    const client = await signedIn(app, 'ada');
    await client.post('/put', { body: { cart: ['pear'] } });
    expect((await client.get('/me')).json<Me>()).toMatchObject({ owner: 'ada', data: { cart: ['pear'] } });
    const copy = client.copy();
    expect((await client.post('/signOut')).status).toBe(200);
    expect((await copy.get('/me')).json<Me>()).toMatchObject({ data: {}, endedReason: 'signed-out' });
    expect((await copy.get('/guarded')).status).toBe(401);
  });

  it('of 50 requests at once that each set a key of their own, 50 keys are kept', async () => {
    const client = await signedIn(app, 'ada');
    const keys = Array.from({ length: 50 }, (_, n) => `k${n}`);
    const answers = await Promise.all(keys.map((key) => client.copy().post('/put', { body: { [key]: 1 } })));
    expect(answers.map(({ status }) => status)).toEqual(keys.map(() => 200));
    expect(Object.keys((await client.get('/me')).json<Me>().data).sort()).toEqual([...keys].sort());
  });

  it('one session is revoked by its id; what needs the sessions of a person says that this store has none', async () => {
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    const lacks = { code: 'ERR_SESSION_STORE_CAPABILITY' };
    await expect(app.sessions.list('ada')).rejects.toMatchObject(lacks);
    await expect(app.sessions.revokeAll('ada')).rejects.toMatchObject(lacks);
    expect(() => holdfast({ store: opened.store, secret: testSecret, log: () => {}, maxPerOwner: 3 })).toThrow(
      expect.objectContaining(lacks),
    );
    expect(await app.sessions.revoke(id)).toBe(true);
    expect((await client.get('/guarded')).status).toBe(401);
  });

  it('what lies in the store is a session as that store knows it, and opens and tells nothing', async () => {
    const client = await signedIn(app, 'ada@example.org');
    await client.post('/put', { body: { secret: 'nobody may read this' } });
    const { id } = (await client.get('/me')).json<Me>();
    const raw = await new Promise<object>((resolve, reject) =>
      opened.store.get(id, (error, found) => (found ? resolve(found) : reject(error))),
    );
    expect(raw).toMatchObject({
      cookie: { path: '/', httpOnly: true, originalMaxAge: expect.any(Number), expires: expect.anything() },
      holdfast: { bytes: expect.stringMatching(/^[\w-]+$/), version: expect.any(String), until: expect.any(Number) },
    });
    const text = JSON.stringify(raw);
    const token = tokenOf(client);
    const bytes = Buffer.from(token, 'base64url').subarray(21, 53);
    for (const secret of ['ada@example', 'nobody may', token, bytes.toString('base64url'), bytes.toString('hex')])
      expect(text).not.toContain(secret);
  });
});

const start = (options: SessionOptions) => startApp(everyVerb, options);

describe('a store of express-session', () => {
  let app: TestApp | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('is told in `lossy`, and in one line of the log, what it can’t keep; our own stores lose nothing', async () => {
    app = await start({ store: new session.MemoryStore() });
    expect(app.sessions.lossy.map(({ guarantee }) => guarantee)).toEqual(['G1', 'G2', 'G6']);
    const said = app.lines.filter((line) => line.includes('MemoryStore'));
    expect(said).toHaveLength(1);
    for (const { guarantee, why } of app.sessions.lossy) expect(said[0]).toContain(`${guarantee}: ${why}`);
    expect(Object.isFrozen(app.sessions.lossy)).toBe(true);
    const own = await start({ store: memoryStore() });
    expect([own.sessions.lossy, own.lines]).toEqual([[], []]);
    await own.close();
  });

  it('never runs on a secret that was made up: other machines may reach it', () => {
    expect(() => holdfast({ store: new session.MemoryStore(), log: () => {} })).toThrow(
      expect.objectContaining({ code: 'ERR_SESSION_SECRET_REQUIRED' }),
    );
  });

  it('HoldfastStore is refused: what lies beneath it is what session() takes', () => {
    const store = new HoldfastStore({ store: memoryStore(), secret: testSecret }) as never;
    expect(() => holdfast({ store, secret: testSecret })).toThrow(/expected a holdfast store.*HoldfastStore/);
  });

  it('that never calls back is a 503 within the deadline, and a late answer changes nothing that was said', async () => {
    const store = new session.MemoryStore();
    const clock = new FakeClock();
    app = await start({ store, clock });
    const client = await signedIn(app, 'ada');
    const { set } = store;
    const reached = deferred<() => void>();
    store.set = (sid, data, callback) => reached.resolve(() => set.call(store, sid, data, callback));
    const answer = client.post('/put', { body: { late: 1 } });
    const goOn = await reached.promise;
    clock.advance(2_000);
    expect(await answer).toMatchObject({ status: 503, setCookies: [] });
    store.set = set;
    clock.advance(250);
    // Whoever comes for the same session waits its turn, so that the late write can't undo what follows.
    const next = client.post('/put', { body: { next: 1 } });
    goOn();
    expect((await next).status).toBe(200);
    expect((await client.get('/me')).json<Me>().data).toEqual({ late: 1, next: 1 });
  });

  it.each(['throws', 'calls back with an error', 'rejects'])('that %s is a 503, and no success', async (how) => {
    const store = new session.MemoryStore();
    app = await start({ store });
    const client = app.client();
    const { set } = store;
    store.set = ((_sid: string, _data: object, callback: (error: Error) => void) => {
      const error = new Error('the disk is full');
      if (how === 'throws') throw error;
      if (how === 'rejects') return Promise.reject(error);
      return callback(error);
    }) as never;
    const answer = await client.post('/sign-in/ada');
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([503, 'ERR_SESSION_STORE_UNAVAILABLE']);
    expect(answer.setCookies).toEqual([]);
    store.set = set;
  });
});

const redisServer = needs('redis-server');

describe.runIf(redisServer)('two processes over connect-redis', () => {
  it('each sees what the other did, and a sign-out of one is final in the other', async () => {
    const server = await startRedis(redisServer ?? '');
    const [here, there] = [await connectRedisTo(server.port, 's:'), await connectRedisTo(server.port, 's:')];
    const [one, two] = [await start({ store: here.store }), await start({ store: there.store })];
    try {
      const client = await signedIn(one, 'ada');
      const elsewhere = bearing(two, tokenOf(client));
      await elsewhere.post('/put', { body: { from: 'two' } });
      expect((await client.get('/me')).json<Me>().data).toEqual({ from: 'two' });
      await client.post('/signOut');
      expect((await elsewhere.post('/put', { body: { late: 1 } })).status).toBe(401);
      expect((await elsewhere.get('/guarded')).status).toBe(401);
    } finally {
      await one.close();
      await two.close();
      here.end();
      there.end();
      await server.stop();
    }
  });
});

describe('what can get, set and destroy is not yet a store', () => {
  it.each([
    ['node-redis', () => createClient()],
    ['ioredis', () => new Redis({ lazyConnect: true })],
    ['an object', () => ({ get() {}, set() {}, destroy() {} })],
  ])('%s is refused, with where a client goes', (_, make) => {
    expect(() => holdfast({ store: make() as never, secret: testSecret })).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_OPTION',
        message: expect.stringContaining('redisStore({ client })'),
      }),
    );
  });
});
