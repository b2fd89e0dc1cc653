/** HoldfastStore, called as express-session calls it. */
import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import session, { type SessionData } from 'express-session';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionError } from '../../src/core/errors.js';
import { HoldfastStore, type HoldfastStoreOptions } from '../../src/express-session/index.js';
import { memoryStore } from '../../src/stores/memory.js';
import { testSecret } from '../support/app.js';
import { type AnySession, done, type Held, holdfastStore } from '../support/express-session-app.js';
import { type Spy, spyOn } from '../support/spy-store.js';

type Fields = Record<string, unknown>;

/** As express-session makes it; `lifetimeMs` is the cookie's maxAge. */
function data(fields: Fields = {}, lifetimeMs?: number): SessionData & Fields {
  const cookie = new session.Cookie();
  if (lifetimeMs !== undefined) cookie.maxAge = lifetimeMs;
  return { cookie, ...fields } as never;
}

const get = (store: HoldfastStore, sid: string): Promise<(SessionData & Fields) | undefined> =>
  new Promise((resolve, reject) =>
    store.get(sid, (error, found) => (error ? reject(error) : resolve((found ?? undefined) as never))),
  );
const set = (store: HoldfastStore, sid: string, fields: object): Promise<void> =>
  done((callback) => store.set(sid, fields as SessionData, callback));
const touch = (store: HoldfastStore, sid: string, fields: object): Promise<void> =>
  done((callback) => store.touch(sid, fields as SessionData, callback));
const destroy = (store: HoldfastStore, sid: string): Promise<void> => done((callback) => store.destroy(sid, callback));
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no error',
    (error: SessionError) => error.code ?? error,
  );

let spy: Spy;
let held: Held;
let store: HoldfastStore;

function open(options: Partial<HoldfastStoreOptions> = {}): Held {
  return holdfastStore(spy.store, options);
}

/** A request's session, as express-session makes one of what it loaded. */
async function loaded(sid: string, method = 'POST', from = store): Promise<AnySession> {
  const found = await get(from, sid);
  if (!found) throw new Error('not found');
  const req = { sessionID: sid, sessionStore: from, method, headers: {} };
  return from.createSession(req as never, found) as AnySession;
}

const save = (held: AnySession): Promise<void> => done((callback) => held.save(callback));
const reload = (held: AnySession): Promise<void> => done((callback) => held.reload(callback));

const plain = (value: unknown): Fields => {
  const { cookie: _, ...rest } = JSON.parse(JSON.stringify(value));
  return rest;
};

beforeEach(() => {
  const inner = memoryStore();
  spy = spyOn(inner as never);
  held = open();
  store = held.store;
});
afterEach(() => store.close());

describe('as a store of express-session', () => {
  it('it is a real one, and an event emitter', () => {
    expect(store).toBeInstanceOf(session.Store);
    expect(store).toBeInstanceOf(EventEmitter);
  });

  it('what was set is what is got, as JSON says it', async () => {
    await set(store, 'a', data({ name: 'Ada', at: new Date(0), nested: { list: [1, { two: 2 }] }, gone: undefined }));
    const found = await get(store, 'a');
    expect(plain(found)).toEqual({ name: 'Ada', at: '1970-01-01T00:00:00.000Z', nested: { list: [1, { two: 2 }] } });
    expect(found?.cookie).toMatchObject({ originalMaxAge: null, expires: null, path: '/', httpOnly: true });
  });

  it('an id that nobody stored is not found, nor is one that is no string', async () => {
    expect(await get(store, 'nobody')).toBeUndefined();
    expect(await get(store, undefined as never)).toBeUndefined();
    expect(spy.count('read')).toBe(1);
    // An error that is thrown at express-session leaves the response without an end.
    const heard = new Promise((resolve) => {
      expect(() => store.destroy(undefined as never, resolve)).not.toThrow();
    });
    expect(await heard).toMatchObject({ code: 'ERR_SESSION_ARGUMENT' });
    expect(await code(set(store, 7 as never, data()))).toBe('ERR_SESSION_ARGUMENT');
  });

  it('load makes a session of it', async () => {
    await set(store, 'a', data({ name: 'Ada' }));
    const found = await new Promise<unknown>((resolve, reject) =>
      store.load('a', (error, made) => (error ? reject(error) : resolve(made))),
    );
    expect(found).toBeInstanceOf(session.Session);
    expect(plain(found)).toEqual({ name: 'Ada' });
  });

  it('methods work without a callback', async () => {
    store.set('a', data({ n: 1 }));
    store.touch('a', data());
    store.destroy('a');
    await spy.settled();
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('a callback that throws is called once, and its error is the process’s to hear of', async () => {
    let calls = 0;
    const heard = new Promise((resolve) => process.once('uncaughtException', resolve));
    const others = process.listeners('uncaughtException').filter((listener) => !/resolve/.test(String(listener)));
    for (const other of others.slice(0, -1)) process.off('uncaughtException', other);
    store.get('a', () => {
      calls++;
      throw new Error('the app’s own');
    });
    expect(String(await heard)).toBe('Error: the app’s own');
    for (const other of others.slice(0, -1)) process.on('uncaughtException', other);
    expect(calls).toBe(1);
  });

  it('options are checked at once', () => {
    const make = (options: object) => () => new HoldfastStore(options as never);
    const store = memoryStore();
    expect(make({ store })).toThrow(/secret: expected a string/);
    expect(make({ store, secret: 'keyboard cat' })).toThrow(
      // Named in full, and without the line that names session(): express-session's has a `secret` too.
      /^new HoldfastStore\(\) secret: expected at least 32 random bytes, got 12 bytes\.\nMake one with: .*$/,
    );
    expect(make({ secret: testSecret })).toThrow(/store: expected a store/);
    expect(make({ store, secret: testSecret, ttl: 5 })).toThrow(/there is no option 'ttl'/);
    expect(make({ store, secret: testSecret, owner: 'userId' })).toThrow(/owner: expected a function/);
  });
});

describe('overlapping requests', () => {
  beforeEach(() => set(store, 'a', data({ cart: { apples: 1 }, theme: 'light' })));

  it('each change is merged into what is stored, path by path', async () => {
    const [one, two] = [await loaded('a'), await loaded('a')];
    one.cart.pears = 2;
    two.cart.plums = 3;
    delete two.theme;
    await save(one);
    await save(two);
    expect(plain(await get(store, 'a'))).toEqual({ cart: { apples: 1, pears: 2, plums: 3 } });
  });

  it('the same value changed twice is the later one’s, with an event', async () => {
    const [one, two] = [await loaded('a'), await loaded('a')];
    one.theme = 'dark';
    two.theme = 'high contrast';
    await save(one);
    await save(two);
    expect(await get(store, 'a')).toMatchObject({ theme: 'high contrast' });
    expect(held.events.filter(({ type }) => type === 'conflict')).toMatchObject([{ paths: ['theme'] }]);
  });

  it('a request that saves twice takes back nothing that another stored in between', async () => {
    const [one, two] = [await loaded('a'), await loaded('a')];
    one.first = true;
    await save(one);
    two.other = true;
    await save(two);
    one.second = true;
    await save(one);
    expect(await get(store, 'a')).toMatchObject({ first: true, other: true, second: true });
  });

  it('a save that merged does not make a later save of the same request delete what was merged in', async () => {
    const [one, two] = [await loaded('a'), await loaded('a')];
    two.other = true;
    await save(two);
    one.first = true;
    await save(one);
    one.second = true;
    await save(one);
    expect(await get(store, 'a')).toMatchObject({ first: true, other: true, second: true });
  });

  it('reload shows what others stored, and a save after it changes only what came later', async () => {
    const [one, two] = [await loaded('a'), await loaded('a')];
    two.other = true;
    await save(two);
    one.lost = 'not saved before the reload';
    await reload(one);
    const fresh = one.req?.session as AnySession;
    expect(plain(fresh)).toEqual({ cart: { apples: 1 }, theme: 'light', other: true });
    fresh.second = true;
    await save(fresh);
    expect(plain(await get(store, 'a'))).toEqual({ cart: { apples: 1 }, theme: 'light', other: true, second: true });
  });

  it('two saves of one request that overlap are both stored, in order', async () => {
    const one = await loaded('a');
    one.n = 1;
    const first = save(one);
    one.n = 2;
    await Promise.all([first, save(one)]);
    expect(await get(store, 'a')).toMatchObject({ n: 2 });
  });

  it('a subtree named in `atomic` comes from one request', async () => {
    const { store } = open({ atomic: ['cart'] });
    const [one, two] = [await loaded('a', 'POST', store), await loaded('a', 'POST', store)];
    one.cart.pears = 2;
    two.cart.plums = 3;
    await save(one);
    await save(two);
    expect(await get(store, 'a')).toMatchObject({ cart: { apples: 1, plums: 3 } });
    expect((await get(store, 'a'))?.cart).not.toHaveProperty('pears');
  });

  it('with onConflict "error" the later change is refused and nothing is stored', async () => {
    const { store } = open({ onConflict: 'error' });
    const [one, two] = [await loaded('a', 'POST', store), await loaded('a', 'POST', store)];
    one.cart.pears = 2;
    two.cart.plums = 3;
    await save(one);
    expect(await code(save(two))).toBe('ERR_SESSION_CONFLICT');
    expect((await get(store, 'a'))?.cart).toEqual({ apples: 1, pears: 2 });
  });

  it('an object that is no session of a request is stored as it is, over whatever is there', async () => {
    await set(store, 'a', data({ only: 'this' }));
    expect(plain(await get(store, 'a'))).toEqual({ only: 'this' });
  });

  it('nothing is written where nothing changed, whatever `resave` says', async () => {
    const one = await loaded('a');
    spy.forget();
    await save(one);
    expect(spy.calls).toEqual([]);
  });
});

describe('a session that has ended', () => {
  beforeEach(() => set(store, 'a', data({ n: 1 })));

  it('is not brought back by a save, by a touch or by a set of its id', async () => {
    const one = await loaded('a');
    await destroy(store, 'a');
    one.n = 2;
    expect(await code(save(one))).toBe('ERR_SESSION_ENDED');
    await touch(store, 'a', one);
    expect(await code(set(store, 'a', data({ n: 3 })))).toBe('ERR_SESSION_ENDED');
    expect(await get(store, 'a')).toBeUndefined();
    expect(held.events.filter(({ type }) => type === 'ended')).toMatchObject([{ reason: 'destroyed' }]);
  });

  it('a page view that changed it is answered as made, with an event', async () => {
    const one = await loaded('a', 'GET');
    await destroy(store, 'a');
    one.views = 2;
    await save(one);
    expect(held.events.filter(({ type }) => type === 'change-dropped')).toMatchObject([
      { reason: 'ended-meanwhile', endedReason: 'destroyed' },
    ]);
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('destroying what is being created waits for it', async () => {
    const creating = set(store, 'b', data({ n: 1 }));
    await Promise.all([creating, destroy(store, 'b')]);
    expect(await get(store, 'b')).toBeUndefined();
  });

  it('regenerate ends the old session before the new one begins, and says so', async () => {
    const one = await loaded('a');
    const order: string[] = [];
    store.generate = () => void order.push('new');
    spy.around = (operation, run) => {
      if (operation === 'end') order.push('end');
      return run();
    };
    await done((callback) => one.regenerate(callback));
    expect(order).toEqual(['end', 'new']);
    expect(held.events.filter(({ type }) => type === 'ended')).toMatchObject([{ reason: 'replaced' }]);
  });

  it('a regenerate that could not end the old session still gives a new id, and the error', async () => {
    const one = await loaded('a');
    let generated = false;
    store.generate = () => {
      generated = true;
    };
    spy.around = (operation, run) => {
      if (operation === 'end') throw new Error('no link');
      return run();
    };
    expect(await code(done((callback) => one.regenerate(callback)))).toBe('ERR_SESSION_STORE_UNAVAILABLE');
    expect(generated).toBe(true);
  });
});

describe('how long it lives', () => {
  it('a cookie with maxAge brings its own limit, and use moves it', async () => {
    await set(store, 'a', data({}, 600_000));
    held.clock.advance(590_000);
    const one = await loaded('a');
    // As express-session does at the end of each response; its clock is the system's, so it is told the time.
    one.cookie.expires = new Date(held.clock.now() + 600_000);
    one.cookie.originalMaxAge = 600_000;
    await touch(store, 'a', one);
    held.clock.advance(590_000);
    expect(await get(store, 'a')).toBeDefined();
    held.clock.advance(11_000);
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('a maxAge of a month lasts a month, although `idle` is a day', async () => {
    const month = 30 * 24 * 3_600_000;
    await set(store, 'a', data({ kept: 1 }, month));
    held.clock.advance(29 * 24 * 3_600_000);
    expect(await get(store, 'a')).toMatchObject({ kept: 1 });
    held.clock.advance(25 * 3_600_000);
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('without maxAge it is `idle`, a day by default', async () => {
    await set(store, 'a', data());
    held.clock.advance(24 * 3_600_000 - 5_000);
    expect(await get(store, 'a')).toBeDefined();
    held.clock.advance(5_001);
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('`absolute` ends it however often it is used', async () => {
    const { store, clock } = open({ idle: '1h', absolute: '2h' });
    await set(store, 'a', data());
    for (let use = 0; use < 3; use++) {
      clock.advance(39 * 60_000);
      await touch(store, 'a', await loaded('a', 'GET', store));
    }
    clock.advance(2 * 60_000);
    expect(await get(store, 'a')).toBeDefined();
    clock.advance(2 * 60_000);
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('a maxAge that is shortened counts at once, although a store’s deadline never moves back', async () => {
    await set(store, 'a', data({ n: 1 }, 86_400_000));
    const one = await loaded('a');
    one.cookie.maxAge = 60_000;
    await touch(store, 'a', one);
    const next = await loaded('a');
    expect(next.cookie.originalMaxAge).toBe(60_000);
    held.clock.advance(61_000);
    expect(await get(store, 'a')).toBeUndefined();
    next.n = 2;
    next.cookie.expires = new Date(held.clock.now() + 60_000);
    expect(await code(save(next))).toBe('ERR_SESSION_ENDED');
  });

  it('a shortened session that is used lives on', async () => {
    await set(store, 'a', data({}, 86_400_000));
    const one = await loaded('a');
    one.cookie.maxAge = 60_000;
    await save(one);
    held.clock.advance(50_000);
    const next = await loaded('a');
    next.cookie.expires = new Date(held.clock.now() + 60_000);
    next.cookie.originalMaxAge = 60_000;
    await touch(store, 'a', next);
    held.clock.advance(50_000);
    expect(await get(store, 'a')).toBeDefined();
    held.clock.advance(11_000);
    expect(await get(store, 'a')).toBeUndefined();
  });

  it('a cookie that has expired already ends the session', async () => {
    await set(store, 'a', data({}, 600_000));
    const one = await loaded('a');
    one.cookie.maxAge = -1;
    await save(one);
    expect(await get(store, 'a')).toBeUndefined();
    expect(held.events.at(-2)).toMatchObject({ type: 'ended', reason: 'expired' });
  });

  it('uses shortly after each other touch the store once', async () => {
    await set(store, 'a', data());
    spy.forget();
    for (let use = 0; use < 10; use++) {
      held.clock.advance(10_000);
      await touch(store, 'a', await loaded('a', 'GET'));
    }
    expect(spy.count('touch')).toBe(1);
    expect(spy.count('update')).toBe(0);
  });
});

describe('secrets and ids', () => {
  const older = 'an-0lder-0ne-0nly-Zq8wV2nL5xK7pY3mB9dT';

  it('a session made under an older secret is found, changed and ended', async () => {
    const before = open({ secret: older }).store;
    await set(before, 'a', data({ n: 1 }));
    const { store: after } = open({ secret: [testSecret, older] });
    const one = await loaded('a', 'POST', after);
    one.n = 2;
    await save(one);
    // An instance that was not given the new secret yet can't read it, and must not take it for gone.
    expect(await code(get(before, 'a'))).toBe('ERR_SESSION_RECORD_UNREADABLE');
    expect(await get(after, 'a')).toMatchObject({ n: 2 });
    await destroy(after, 'a');
    expect(await get(after, 'a')).toBeUndefined();
    expect(await code(set(after, 'a', data({ n: 3 })))).toBe('ERR_SESSION_ENDED');
  });

  it('the public id names the session, opens nothing, and is what the store has', async () => {
    await set(store, 'the-cookie-half', data({ n: 1 }));
    const one = await loaded('the-cookie-half');
    const id = store.publicId(one);
    expect(id).toMatch(/^[\w-]{27}$/);
    expect(await get(store, id)).toBeUndefined();
    expect(await store.revoke(id)).toBe(true);
    expect(await get(store, 'the-cookie-half')).toBeUndefined();
    expect(await store.revoke(id.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')))).toBe(false);
  });

  it('no event and no error contains an id of express-session’s, or data', async () => {
    const sid = 'Q7-the-half-that-the-cookie-carries';
    await set(store, sid, data({ n: 'Q8-private' }));
    const one = await loaded(sid);
    await destroy(store, sid);
    one.n = 'Q9-private';
    const error = await save(one).catch((refused: unknown) => refused);
    await get(store, sid);
    await get(store, `${sid}-unknown`);
    const said = JSON.stringify([held.events, String(error), error]) + inspect(store, { depth: 9 });
    // Long enough that no public id has it by chance.
    expect(said).not.toMatch(/Q7-the-half|cookie-carries|Q[89]-private/);
  });
});

describe('values that can’t be kept', () => {
  const cycle: Fields = {};
  cycle.self = cycle;

  it.each([
    ['a BigInt', { n: 1n }, 'ERR_SESSION_DATA_UNSUPPORTED'],
    ['a cycle', { cycle }, 'ERR_SESSION_DATA_UNSUPPORTED'],
    ['a key __proto__', JSON.parse('{"body":{"__proto__":{"isAdmin":true}}}'), 'ERR_SESSION_DATA_UNSUPPORTED'],
    ['too much', { text: 'x'.repeat(70_000) }, 'ERR_SESSION_DATA_TOO_LARGE'],
  ])('%s is an error in the callback, and what was stored stays', async (_, fields, expected) => {
    await set(store, 'a', data({ good: true }));
    expect(await code(set(store, 'a', data(fields as Fields)))).toBe(expected);
    expect(plain(await get(store, 'a'))).toEqual({ good: true });
  });

  it('a session without a cookie is refused: express-session could not read it', async () => {
    expect(await code(set(store, 'a', { n: 1 }))).toBe('ERR_SESSION_ARGUMENT');
    expect(await code(set(store, 'a', 'text' as never))).toBe('ERR_SESSION_ARGUMENT');
  });
});

describe('walking', () => {
  it('all, length and clear know the live sessions of this secret and audience, by public ids', async () => {
    const other = open({ audience: 'another app' }).store;
    await set(store, 'a', data({ n: 1 }));
    await set(store, 'b', data({ n: 2 }));
    await set(store, 'c', data({ n: 3 }));
    await set(other, 'd', data({ n: 4 }));
    await destroy(store, 'c');
    const all = await new Promise<Fields>((resolve, reject) =>
      store.all((error, sessions) => (error ? reject(error) : resolve(sessions as never))),
    );
    expect(Object.values(all).map(plain)).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }]));
    expect(Object.keys(all)).toHaveLength(2);
    const length = () => new Promise((resolve) => store.length((_, count) => resolve(count)));
    expect(await length()).toBe(2);
    await done((callback) => store.clear(callback));
    expect(await length()).toBe(0);
    expect(await get(store, 'a')).toBeUndefined();
    expect(await get(other, 'd')).toBeDefined();
  });

  it('a store that can’t be walked says so', async () => {
    spy = spyOn(memoryStore() as never, ['scan']);
    const { store } = open();
    expect(await code(done((callback) => store.all(callback)))).toBe('ERR_SESSION_STORE_CAPABILITY');
    expect(await code(done((callback) => store.length(callback)))).toBe('ERR_SESSION_STORE_CAPABILITY');
    expect(await code(done((callback) => store.clear(callback)))).toBe('ERR_SESSION_STORE_CAPABILITY');
  });
});
