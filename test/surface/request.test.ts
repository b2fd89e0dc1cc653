/** `req.session` set to null or deleted, `req.sessionID` and `req.sessionStore`, as code written for express-session uses them. */
import type { Express, Request } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import type { SessionOptions, SessionStore } from '../../src/index.js';
import { memoryStore, SessionError } from '../../src/index.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { expressVersions } from '../support/express-versions.js';
import { spyOn } from '../support/spy-store.js';
import { Turnstile } from '../support/turnstile.js';

const turnstile = new Turnstile();

// biome-ignore lint/suspicious/noExplicitAny: what express-session's users write
const loose = (req: Request): any => req;

const routes = (app: Express): void => {
  app.post('/put/:n', (req, res) => {
    sessionIn(req).n = Number(req.params.n);
    res.json({ id: loose(req).sessionID, same: loose(req).sessionID === sessionIn(req).id });
  });
  app.get('/', (req, res) => res.json({ n: sessionIn(req)?.n ?? null, id: loose(req).sessionID }));
  for (const [path, value] of [
    ['null', null],
    ['undefined', undefined],
  ] as const) {
    app.post(`/${path}`, (req, res) => {
      sessionIn(req).n = 99;
      loose(req).session = value;
      res.json({ now: String(loose(req).session) });
    });
  }
  app.post('/delete', (req, res) => {
    sessionIn(req).n = 99;
    delete loose(req).session;
    res.json({ now: String(loose(req).session) });
  });
  app.post('/delete-unseen', (req, res) => {
    delete loose(req).session;
    res.json({});
  });
  app.post('/unawaited/:id', async (req, res) => {
    loose(req).sessionStore.destroy(req.params.id);
    if (req.query.late) await turnstile.pass();
    res.json({});
  });
  app.post('/back', (req, res) => {
    const mine = req.session;
    loose(req).session = null;
    loose(req).session = mine;
    sessionIn(req).n = 5;
    res.json({});
  });
  app.post('/null-and-maxage', (req, res) => {
    const mine = sessionIn(req);
    loose(req).session = null;
    mine.cookie.maxAge = 60_000;
    res.json({});
  });
  app.post('/zero-and-back', (req, res) => {
    const mine = sessionIn(req);
    mine.cookie.maxAge = 0;
    if (req.query.null) loose(req).session = null;
    loose(req).session = mine;
    res.json({});
  });
  app.post('/assign', (req, res) => {
    loose(req).session = { n: 1 };
    res.json({});
  });
  app.post('/assign-id', (req, res) => {
    loose(req).sessionID = 'mine';
    res.json({});
  });
  app.post('/destroy', async (req, res) => {
    const before = loose(req).sessionID;
    await sessionIn(req).destroy();
    res.json({ same: before === loose(req).sessionID });
  });
  app.post('/store/:verb/:id', (req, res, next) => {
    const { sessionStore } = loose(req);
    const { verb, id } = req.params;
    if (sessionStore !== loose(req).sessionStore) throw new Error('another store each time');
    const callback = (error: Error | null, result: unknown) =>
      error ? next(error) : res.json({ result: result ?? null });
    if (verb === 'regenerate') sessionStore.regenerate(req, callback);
    else if (verb === 'set') sessionStore.set(id, { n: 7 }, callback);
    else if (verb === 'set-own') {
      sessionIn(req).n = 8;
      sessionStore.set(id, req.session, callback);
    } else if (verb === 'touch') sessionStore.touch(id, req.session, callback);
    else if (['all', 'length', 'clear'].includes(verb as string)) sessionStore[verb as string](callback);
    else sessionStore[verb as string](id, callback);
  });
  app.post('/promised/:verb/:id', async (req, res) => {
    res.json({ result: (await loose(req).sessionStore[req.params.verb](req.params.id)) ?? null });
  });
};

describe.each(expressVersions)('on Express %s', (_, makeApp) => {
  let app: TestApp;
  afterEach(() => app.close());
  const begin = async (options: SessionOptions = {}): Promise<Client> => {
    app = await startApp(routes, options, makeApp);
    const client = app.client();
    await client.post('/put/1');
    return client;
  };
  const n = async (client: Client) => (await client.get('/')).json<{ n: number | null }>().n;

  describe.each(['null', 'undefined'])('req.session = %s', (value) => {
    it("with unset: 'keep', which is the default, leaves the stored session as it was, and the cookie", async () => {
      const client = await begin();
      const answer = await client.post(`/${value}`);
      expect([answer.status, answer.json(), answer.setCookies]).toEqual([200, { now: value }, []]);
      expect(await n(client)).toBe(1);
    });

    it("with unset: 'destroy' ends the session with the response, and clears the cookie", async () => {
      const client = await begin({ unset: 'destroy' });
      const thief = client.copy();
      const answer = await client.post(`/${value}`);
      expect([answer.status, answer.json()]).toEqual([200, { now: value }]);
      expect(answer.setCookies[0]).toContain('Max-Age=0');
      expect(await n(thief)).toBeNull();
      expect(app.events).toContainEqual(expect.objectContaining({ type: 'ended', reason: 'destroyed' }));
    });

    it.each(['keep', 'destroy'] as const)("a stranger's is stored nowhere with unset: '%s'", async (unset) => {
      await begin({ unset });
      const stranger = app.client();
      expect((await stranger.post(`/${value}`)).setCookies).toEqual([]);
      expect(app.events.filter(({ type }) => type === 'created')).toHaveLength(1);
    });
  });

  it("a deletion is noticed: 'destroy' ends, 'keep' drops the changes, and is the default", async () => {
    const client = await begin({ unset: 'destroy' });
    const thief = client.copy();
    expect((await client.post('/delete')).json()).toEqual({ now: 'undefined' });
    expect(await n(thief)).toBeNull();
    for (const options of [{ unset: 'keep' }, {}] as const) {
      await app.close();
      const other = await begin(options);
      expect((await other.post('/delete')).json()).toEqual({ now: 'undefined' });
      expect(await n(other)).toBe(1);
    }
  });

  it("a deletion before anybody looked at the session ends it too, and clears the cookie, with unset: 'destroy'", async () => {
    const client = await begin({ unset: 'destroy' });
    const thief = client.copy();
    expect((await client.post('/delete-unseen')).setCookies[0]).toContain('Max-Age=0');
    expect(await n(thief)).toBeNull();
  });

  it('setting it back to what it was undoes the null', async () => {
    const client = await begin({ unset: 'destroy' });
    await client.post('/back');
    expect(await n(client)).toBe(5);
  });

  it.each(['null-and-maxage', 'zero-and-back', 'zero-and-back?null=1'])(
    '%s: two wishes to end the session, and taking back one leaves the other',
    async (path) => {
      const client = await begin({ unset: 'destroy' });
      const thief = client.copy();
      expect((await client.post(`/${path}`)).setCookies[0]).toContain('Max-Age=0');
      expect(await n(thief)).toBeNull();
    },
  );

  it('nothing else can be assigned, and the error says what to do', async () => {
    const client = await begin();
    expect((await client.post('/assign')).json()).toMatchObject({ code: 'ERR_SESSION_ARGUMENT' });
    expect((await client.post('/assign-id')).json<{ message: string }>().message).toMatch(/regenerate/);
    expect(await n(client)).toBe(1);
  });

  it('req.sessionID is the public id, before the session is stored and after it has ended', async () => {
    const client = await begin();
    const stranger = app.client();
    const answer = (await stranger.post('/put/2')).json<{ id: string; same: boolean }>();
    expect(answer).toEqual({ id: expect.stringMatching(/^[\w-]{27}$/), same: true });
    expect((await stranger.get('/')).json()).toEqual({ n: 2, id: answer.id });
    expect((await client.post('/destroy')).json()).toEqual({ same: true });
  });

  describe('req.sessionStore', () => {
    const two = async (options: SessionOptions = {}) => {
      const client = await begin(options);
      const other = app.client();
      const { id } = (await other.post('/put/2')).json<{ id: string }>();
      return { client, other, id };
    };
    const call = async (client: Client, verb: string, id = 'none') => {
      const answer = await client.post(`/store/${verb}/${id}`);
      return { status: answer.status, ...answer.json<{ result?: unknown; code?: string; message?: string }>() };
    };

    it.each(['get', 'load'])('%s gives a copy of the data and the cookie, by the public id', async (verb) => {
      const { client, id } = await two();
      const { result } = await call(client, verb, id);
      expect(result).toEqual({ n: 2, cookie: expect.objectContaining({ httpOnly: true, originalMaxAge: null }) });
      const promised = (await client.post(`/promised/${verb}/${id}`)).json();
      expect(promised).toEqual({ result });
    });

    it('of what is no id, unknown or over it gives nothing, and no error', async () => {
      const { client, other, id } = await two();
      await other.post('/destroy');
      for (const wrong of [id, 'a'.repeat(27), '__proto__', 'x', client.cookie]) {
        expect(await call(client, 'get', encodeURIComponent(wrong))).toEqual({ status: 200, result: null });
      }
    });

    it('destroy ends a session for good; set and touch do not bring it back', async () => {
      const { client, other, id } = await two();
      expect((await call(client, 'destroy', id)).status).toBe(200);
      expect(await n(other)).toBeNull();
      expect(await call(client, 'set', id)).toMatchObject({ status: 500, code: 'ERR_SESSION_ARGUMENT' });
      expect((await call(client, 'touch', id)).status).toBe(200);
      expect(await call(client, 'get', id)).toEqual({ status: 200, result: null });
    });

    it("destroy of the request's own session clears the cookie too", async () => {
      const client = await begin();
      const { id } = (await client.get('/')).json<{ id: string }>();
      const answer = await client.post(`/store/destroy/${id}`);
      expect(answer.setCookies[0]).toContain('Max-Age=0');
    });

    it('destroy that nobody awaits has happened when the response is there, of the own session and of another', async () => {
      const { client, other, id } = await two();
      const own = (await client.get('/')).json<{ id: string }>().id;
      expect((await client.post(`/unawaited/${id}`)).status).toBe(200);
      expect(await n(other)).toBeNull();
      const copy = client.copy();
      expect((await client.post(`/unawaited/${own}`)).setCookies[0]).toContain('Max-Age=0');
      expect(await n(copy)).toBeNull();
    });

    it.each(['', '?late=1'])('destroy that nobody awaits and that fails is no success (G5)%s', async (late) => {
      const store = memoryStore();
      const spy = spyOn(store);
      const { client, other, id } = await two({ store: spy.store });
      const own = (await client.get('/')).json<{ id: string }>().id;
      for (const one of [own, id]) {
        const failed = deferred();
        // The one fault that does not stop the reads that follow.
        spy.around = (operation, run) => {
          if (operation !== 'end') return run();
          setImmediate(failed.resolve);
          throw new SessionError('ERR_SESSION_STORE_FULL', 'full');
        };
        const answer = client.post(`/unawaited/${one}${late}`);
        if (late) {
          await turnstile.holding(1);
          await failed.promise;
          turnstile.open();
        }
        expect((await answer).status).toBe(503);
      }
      spy.around = (_, run) => run();
      expect([await n(client), await n(other)]).toEqual([1, 2]);
    });

    it("set stores the request's own session, and refuses any other with the reason", async () => {
      const { client, other, id } = await two();
      const own = (await client.get('/')).json<{ id: string }>().id;
      expect((await call(client, 'set-own', own)).status).toBe(200);
      expect(await n(client)).toBe(8);
      expect((await call(client, 'set', id)).message).toMatch(/would lose what that one writes/);
      expect(await n(other)).toBe(2);
    });

    it('all and length know the live ones by their public ids, and show no token', async () => {
      const { client, id } = await two();
      const { result } = await call(client, 'all');
      expect(Object.keys(result as object)).toHaveLength(2);
      expect(result).toHaveProperty([id, 'n'], 2);
      expect((await call(client, 'length')).result).toBe(2);
      for (const jar of client.jar.values()) expect(JSON.stringify(result)).not.toContain(jar.slice(0, 40));
    });

    it('all of a store that can not be walked is an error that says so', async () => {
      const { create, read, update, touch, end, replace } = memoryStore();
      const plain = { name: 'plain', networked: false, create, read, update, touch, end, replace } as SessionStore;
      const client = await begin({ store: plain });
      for (const verb of ['all', 'length']) {
        const answer = await call(client, verb);
        expect(answer).toMatchObject({ status: 500, code: 'ERR_SESSION_STORE_CAPABILITY' });
        expect(answer.message).toMatch(new RegExp(`^req\\.sessionStore\\.${verb}: the plain store`));
      }
    });

    it('clear ends everything where revokeEverything is on, and says so where it is not', async () => {
      const { client } = await two();
      expect((await call(client, 'clear')).message).toMatch(/revokeEverything: true/);
      await app.close();
      const again = await two({ revokeEverything: true });
      expect((await call(again.client, 'clear')).status).toBe(200);
      expect(await n(again.other)).toBeNull();
    });

    it('regenerate gives the request a new, empty session with a new token', async () => {
      const client = await begin();
      const old = client.copy();
      expect((await call(client, 'regenerate')).status).toBe(200);
      expect([await n(client), await n(old)]).toEqual([null, null]);
    });

    it.each(['createSession', 'generate'])('%s is refused with the remedy', async (verb) => {
      const client = await begin();
      expect((await call(client, verb)).message).toMatch(/req\.session/);
    });
  });
});
