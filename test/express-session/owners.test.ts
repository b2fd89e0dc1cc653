/** Whose sessions they are: list, revoke, revokeAll, on every store; and what an owner that appears too late means. */
import type { SessionData } from 'express-session';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../support/client.js';
import {
  type AnySession,
  done,
  type ExpressSessionApp,
  type Held,
  holdfastStore,
  sessionIn,
  startExpressSession,
} from '../support/express-session-app.js';
import { type OpenStore, storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

const owner = (session: SessionData): string => (session as AnySession).userId;

describe.each(storeKinds)('owners over $name', (kind) => {
  let opened: OpenStore;
  let held: Held;
  let app: ExpressSessionApp;
  const login = new Turnstile();

  beforeAll(async () => {
    opened = await kind.open();
  });
  afterAll(() => opened.remove());
  beforeEach(async () => {
    held = holdfastStore(opened.store, { owner });
    app = await startExpressSession(held.store, {}, (app) => {
      app.post('/sign-in-wrongly/:who', (req, res) => {
        sessionIn(req).userId = req.params.who;
        res.json({});
      });
      app.post('/slow-sign-in/:who', async (req, res) => {
        await login.pass();
        await done((callback) => req.session.regenerate(callback));
        sessionIn(req).userId = req.params.who;
        await done((callback) => req.session.save(callback));
        res.json({});
      });
      app.get('/id', (req, res) => res.json({ id: held.store.publicId(req.session) }));
    });
  });
  afterEach(() => app.close());

  /** On a connection of its own: after a save that failed at the end of a response, Express closes the one it came on. */
  const me = async (client: Client): Promise<string | undefined> => {
    const fresh = client.copy();
    const answer = await fresh.get('/me');
    fresh.close();
    return answer.json<{ userId?: string }>().userId;
  };
  const idOf = async (client: Client): Promise<string> => (await client.get('/id')).json<{ id: string }>().id;
  const signedIn = async (who: string): Promise<Client> => {
    const client = app.client();
    await client.post(`/sign-in/${who}`, { headers: { 'user-agent': 'A browser' } });
    return client;
  };
  /** The mark of a revocation bars sign-ins of the same millisecond, and rightly so. */
  const nextMillisecond = async (): Promise<void> => {
    held.clock.advance(2);
  };

  it('a person’s sessions are listed, and nothing in the list opens one', async () => {
    const [phone, laptop] = [await signedIn('ada'), await signedIn('ada')];
    await signedIn('bob');
    const list = await held.store.list('ada');
    expect(list.map(({ id }) => id).sort()).toEqual([await idOf(phone), await idOf(laptop)].sort());
    expect(list[0]?.userAgent).toBe('A browser');
    const text = JSON.stringify(list);
    for (const client of [phone, laptop]) {
      const sid = /s%3A([^.]+)/.exec(client.cookie)?.[1] ?? 'no cookie';
      expect(text).not.toContain(sid);
    }
  });

  it('one is revoked by its public id, all by their owner, but the one that asks', async () => {
    const [phone, laptop, tablet] = [await signedIn('eve'), await signedIn('eve'), await signedIn('eve')];
    const bob = await signedIn('bob');
    expect(await held.store.revoke(await idOf(phone))).toBe(true);
    expect(await Promise.all([phone, laptop, tablet].map(me))).toEqual([undefined, 'eve', 'eve']);
    expect(await held.store.revokeAll('eve', { except: await idOf(laptop) })).toBe(1);
    expect(await Promise.all([laptop, tablet].map(me))).toEqual(['eve', undefined]);
    expect(await held.store.revokeAll('eve')).toBe(1);
    expect(await me(bob)).toBe('bob');
    expect(await held.store.list('eve')).toEqual([]);
  });

  it('a sign-in that had begun when everything was revoked does not count', async () => {
    await nextMillisecond();
    const client = app.client();
    const slow = client.post('/slow-sign-in/mallory');
    await login.holding(1);
    await held.store.revokeAll('mallory');
    login.open();
    const answer = await slow;
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([401, 'ERR_SESSION_BARRED']);
    expect(await me(client)).toBeUndefined();
    await nextMillisecond();
    expect(await me(await signedIn('mallory'))).toBe('mallory');
  });

  it('an identity that is written without regenerate is not stored: the id from before the sign-in is worth nothing', async () => {
    const victim = app.client();
    await victim.post('/put', { body: { cart: 1 } });
    const thief = victim.copy();
    await victim.post('/sign-in-wrongly/ada');
    expect(await Promise.all([victim, thief].map(me))).toEqual([undefined, undefined]);
    expect(app.errors.at(-1)).toMatchObject({ code: 'ERR_SESSION_OWNER_FIXED' });
    expect(app.errors.at(-1)?.message).toMatch(/regenerate/);
  });

  it('nor is another person’s', async () => {
    const client = await signedIn('ada');
    await client.post('/sign-in-wrongly/bob');
    expect(await me(client)).toBe('ada');
    expect(app.errors.at(-1)).toMatchObject({ code: 'ERR_SESSION_OWNER_FIXED' });
  });

  it('a first save with the identity in it needs no regenerate, for nobody knew the id', async () => {
    const client = app.client();
    await client.post('/sign-in-wrongly/carol');
    expect(await me(client)).toBe('carol');
    expect(await held.store.list('carol')).toHaveLength(1);
  });

  it.each([[{ all: 'of it' }], ['x'.repeat(513)], ['a\ud800']])(
    'an owner that is no name of a person is an error in the callback, with the remedy: %j',
    async (userId) => {
      const client = app.client();
      await client.post('/put', { body: { userId } });
      expect(app.errors.at(-1)).toMatchObject({
        code: 'ERR_SESSION_ARGUMENT',
        message: expect.stringMatching(/^owner\(\): expected .* Answer undefined while nobody has signed in\.$/),
      });
      expect(await me(client)).toBeUndefined();
    },
  );

  it('an async owner function is an error in the callback, and its rejection does not end the process', async () => {
    const asking = holdfastStore(opened.store, { owner: () => Promise.reject(new Error('down')) as never });
    const other = await startExpressSession(asking.store);
    try {
      await other.client().post('/sign-in/dora');
      expect(other.errors.at(-1)).toMatchObject({
        code: 'ERR_SESSION_ARGUMENT',
        message: expect.stringContaining('owner(): expected an answer at once'),
      });
    } finally {
      await other.close();
    }
  });
});
