/** What a cookie of express-session must not do to a session that began here, and what it is let go of with. */
import { createHmac } from 'node:crypto';
import session from 'express-session';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore, type SessionOptions } from '../../src/index.js';
import { startApp, type TestApp, testSecret } from '../support/app.js';
import { Client } from '../support/client.js';
import { done } from '../support/express-session-app.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, type Me, tokenOf } from '../support/routes.js';
import { spyOn } from '../support/spy-store.js';
import type { OpenStore } from '../support/stores.js';
import { endServers, newStores, ownerIndexed } from './new-stores.js';

const oldSecret = 'the one that signs cookies';
const hourMs = 3_600_000;
const signed = (sid: string): string =>
  encodeURIComponent(`s:${sid}.${createHmac('sha256', oldSecret).update(sid).digest('base64').replace(/=+$/, '')}`);

afterAll(endServers);

describe.each(newStores)('beside the cookie of express-session, into: $name', (kind) => {
  let oldStore: session.MemoryStore;
  let clock: FakeClock;
  let opened: OpenStore;
  let ours: ReturnType<typeof spyOn>;
  let app: TestApp;
  let apps: TestApp[];

  const start = async (options: SessionOptions = {}) => {
    const migrateFrom = { secret: oldSecret, store: oldStore, owner: (data: { userId?: unknown }) => data.userId };
    const started = await startApp(everyVerb, { store: ours.store, clock, migrateFrom, ...options });
    apps.push(started);
    return started;
  };
  beforeEach(async () => {
    oldStore = new session.MemoryStore();
    clock = new FakeClock(Date.now());
    opened = await kind.open();
    ours = spyOn(opened.store);
    apps = [];
    app = await start();
  });
  afterEach(async () => {
    for (const one of apps) await one.close();
    await opened.remove();
  });

  const keep = (sid: string, data: object) =>
    done((callback) => oldStore.set(sid, { cookie: { originalMaxAge: null }, ...data } as never, callback));
  const has = (sid: string) => new Promise((resolve) => oldStore.get(sid, (_, found) => resolve(found != null)));
  /** A browser with these old cookies, and perhaps with a token of ours. */
  const browser = (sids: string[], token?: string, to = app) => {
    const cookies = sids.map((sid) => `connect.sid=${signed(sid)}`);
    if (token !== undefined) cookies.unshift(`${to.cookieName}=${token}`);
    const headers = { cookie: cookies.join('; ') };
    return {
      get: (path: string) => new Client(to.origin).get(path, { headers }),
      post: (path: string, body = {}) => new Client(to.origin).post(path, { headers, body }),
      me: async () => (await new Client(to.origin).get('/me', { headers })).json<Me>(),
    };
  };

  it('a request under way with a token that a sign-in replaced does not become whose old cookie was planted', async () => {
    await keep('evil', { userId: 'mallory' });
    await browser(['evil']).me();
    clock.advance(15_000);
    const victim = app.client();
    await victim.post('/put', { body: { cart: 1 } });
    const before = tokenOf(victim);
    await victim.post('/sign-in/ada');
    const late = await browser(['evil'], before).get('/me');
    expect([late.json<Me>().owner, late.setCookies]).toEqual([undefined, []]);
  });

  it.each([true, false])(
    'a request under way with it alone sets no cookie over the one of a sign-in, taken over before: %s',
    async (taken) => {
      await keep('mine', { cart: 1 });
      if (taken) await browser(['mine']).me();
      expect((await browser(['mine']).post('/sign-in/ada')).setCookies).toHaveLength(2);
      const late = await browser(['mine']).post('/put', { cart: 2 });
      expect([late.status, late.setCookies]).toEqual([401, []]);
      clock.advance(61_000);
      expect((await browser(['mine']).post('/put', { cart: 2 })).setCookies).toHaveLength(1);
    },
  );

  it('a sign-out on an old instance while it was taken over is final, also where the second look fails', async () => {
    await keep('mine', { userId: 'ada' });
    const { get } = oldStore;
    let looks = 0;
    oldStore.get = (sid, callback) => {
      if (++looks < 2) return Reflect.apply(get, oldStore, [sid, callback]);
      oldStore.destroy(sid, () => callback(new Error('down')));
    };
    expect((await browser(['mine']).get('/me')).status).toBe(503);
    oldStore.get = get;
    clock.advance(250);
    expect((await browser(['mine']).me()).owner).toBeUndefined();
  });

  it.runIf(kind.name === 'memory')('strangers do not push out of a full store what is remembered of it', async () => {
    const small = await start({ store: memoryStore({ clock, maxSessions: 20 }) });
    await keep('mine', { userId: 'ada' });
    expect((await browser(['mine'], undefined, small).me()).owner).toBe('ada');
    clock.advance(26 * hourMs);
    for (let n = 0; n < 40; n++) await small.client().post('/put', { body: { n } });
    expect((await browser(['mine'], undefined, small).me()).owner).toBeUndefined();
  });

  it('what was claimed for a stranger does not begin as somebody else, where its marker would not find it', async () => {
    await keep('mine', { cart: 1 });
    let met = 0;
    ours.around = (operation, run) => {
      if (operation === 'create' && ++met === 2) throw new Error('died here');
      return run();
    };
    expect((await browser(['mine']).get('/me')).status).toBe(503);
    ours.around = undefined;
    clock.advance(250);
    // By an old instance that keeps the id at a sign-in.
    await keep('mine', { cart: 1, userId: 'ada' });
    expect((await browser(['mine']).me()).owner).toBeUndefined();
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'move-refused', reason: 'adopted-before' }));
  });

  it('a sign-in by hand on a new session deletes the old record and takes its cookie away', async () => {
    await keep('empty', {});
    const answer = await browser(['empty']).post('/put', { userId: 'ada' });
    expect([answer.status, answer.setCookies.length, await has('empty')]).toEqual([200, 2, false]);
    // Whoever planted it signs in with it on an old instance.
    await keep('empty', { userId: 'mallory' });
    clock.advance(25 * hourMs);
    expect((await browser(['empty']).me()).owner).toBeUndefined();
  });

  it('two sessions of one page load, taken over under two keys at once, end together', async () => {
    const [a, b] = [`A${testSecret}`, `B${testSecret}`];
    const [one, two] = [await start({ secret: [a, b] }), await start({ secret: [b, a] })];
    await keep('mine', { userId: 'ada' });
    let there: Me | undefined;
    ours.around = async (operation, run) => {
      if (operation !== 'create') return run();
      // After the first has looked and seen nothing.
      ours.around = undefined;
      there = await browser(['mine'], undefined, two).me();
      return run();
    };
    const first = await browser(['mine'], undefined, one).get('/me');
    const here = first.json<Me>();
    expect([here.owner, there?.owner, here.id === there?.id]).toEqual(['ada', 'ada', false]);
    const token = /=([^;]+)/.exec(first.setCookies[0] ?? '')?.[1];
    expect((await browser(['mine'], token, one).post('/signOut')).status).toBe(200);
    for (const instance of [one, two])
      expect((await browser(['mine'], undefined, instance).me()).owner).toBeUndefined();
    expect(one.events.filter(({ type }) => type === 'ended')).toHaveLength(2);
    if (ownerIndexed.includes(kind)) expect(await one.sessions.list('ada')).toEqual([]);
  });

  // One that answers at once, one whose owners have slots, and one without owners: elsewhere the calls are the same.
  it
    .runIf(['memory', 'redis cluster', 'bridged connect-redis'].includes(kind.name))
    .each([{ userId: 'ada' }, { cart: 1 }])(
    'however two instances take it over under two keys at once, what one ends the other does not keep: %o',
    async (data) => {
      const [a, b] = [`A${testSecret}`, `B${testSecret}`];
      const [one, two] = [await start({ secret: [a, b] }), await start({ secret: [b, a] })];
      const tokenIn = ({ setCookies }: { setCookies: readonly string[] }) =>
        setCookies.map((line) => new RegExp(`^${app.cookieName}=([^;]+)`).exec(line)?.[1]).find((it) => it);
      const isOpen = async (sid: string[], token: string | undefined, to: TestApp) =>
        Object.keys((await browser(sid, token, to).me()).data).length > 0;
      const ends = [
        async (sid: string, token: string | undefined) => browser([sid], token, one).post('/signOut'),
        async (sid: string, token: string | undefined) => browser([sid], token, one).post('/sign-in/eve'),
        async (_: string, _token: string | undefined, id: string) => one.sessions.revoke(id),
      ];
      // The second request runs whole before the nth call to the store of the first.
      let calls = 0;
      for (let n = 1; n <= calls + 1; n++) {
        for (const [which, end] of ends.entries()) {
          const sid = `mine-${n}-${which}`;
          await keep(sid, data);
          let there: Awaited<ReturnType<Client['get']>> | undefined;
          calls = 0;
          ours.around = async (_, run) => {
            if (++calls !== n) return run();
            const { around } = ours;
            ours.around = undefined;
            there = await browser([sid], undefined, two).get('/me');
            ours.around = around;
            return run();
          };
          const here = await browser([sid], undefined, one).get('/me');
          ours.around = undefined;
          there ??= await browser([sid], undefined, two).get('/me');
          const tokens = [here, there].map(tokenIn);
          for (const [token, to] of [
            [tokens[0], one],
            [tokens[1], two],
          ] as const)
            expect([n, which, await isOpen([sid], token, to)]).toEqual([n, which, true]);
          await end(sid, tokens[0], here.json<Me>().id);
          for (const token of tokens)
            for (const to of [one, two])
              expect([n, which, await isOpen(token === undefined ? [sid] : [], token, to)]).toEqual([n, which, false]);
        }
      }
      expect(calls).toBeGreaterThan(4);
    },
  );

  it.each(['sign-in/ada', 'signOut'])('of two valid ones both are let go of by %s', async (verb) => {
    await keep('one', { userId: 'ada' });
    await keep('two', { cart: 1 });
    const answer = await browser(['one', 'two']).post(`/${verb}`);
    expect(answer.status).toBe(200);
    expect(answer.setCookies.some((line) => line.startsWith('connect.sid=;'))).toBe(true);
    expect([await has('one'), await has('two')]).toEqual([false, false]);
    await keep('one', { userId: 'ada' });
    expect((await browser(['one']).me()).owner).toBeUndefined();
  });
});
