import express from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionOptions } from '../../src/index.js';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { expressVersions } from '../support/express-versions.js';
import { bearing, tokenOf } from '../support/routes.js';
import { spyOn } from '../support/spy-store.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

const memory = storeKinds[0];
if (!memory) throw new Error('no store');
const withForms: SessionOptions = { crossSite: { token: true, forms: express.urlencoded({ extended: false }) } };

const pages: Routes = (app, sessions) => {
  app.get('/form', (req, res) => res.send(sessions.csrfToken(req)));
  app.post('/form', express.urlencoded({ extended: false }), (req, res) => res.json(req.body));
  app.get('/begin', (req, res) => {
    const token = sessions.csrfToken(req);
    sessionIn(req).cart = 1;
    res.send(token);
  });
  app.get('/late', (req, res) => {
    res.write('x');
    let code: unknown;
    try {
      sessions.csrfToken(req);
    } catch (error) {
      code = (error as { code: unknown }).code;
    }
    res.end(`${code}`);
  });
};

const tokenFrom = async (client: Client, path = '/form') => (await client.get(path)).text;
const withToken = (token: string) => ({ headers: { 'x-csrf-token': token } });
const form = (fields: Record<string, string>) => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

describe.each(expressVersions)('CSRF tokens on %s', (_version, makeApp) => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage(memory);
  });
  afterEach(() => stage.clear());
  const start = (options: SessionOptions = withForms) => stage.app(pages, options, makeApp);

  /** Signs in as a browser does: from a page with a form. */
  async function signIn(app: TestApp, owner = 'ada'): Promise<Client> {
    const client = app.client();
    const answer = await client.post(`/sign-in/${owner}`, withToken(await tokenFrom(client)));
    expect(answer.status).toBe(200);
    return client;
  }

  it('a request without one, with a made-up one or with one in the URL is refused before its handler, login included', async () => {
    const app = await start({ crossSite: 'token' });
    const client = await signIn(app);
    const stranger = app.client();
    for (const [who, path] of [
      [client, '/put'],
      [stranger, '/sign-in/mallory'],
    ] as const) {
      const token = await tokenFrom(who);
      for (const ask of [{}, withToken('x'), withToken('A'.repeat(48)), { headers: { cookie2: token } }]) {
        const refused = await who.post(`${path}?_csrf=${token}`, ask);
        expect(refused.status).toBe(403);
        expect(refused.json()).toMatchObject({ code: 'ERR_SESSION_CSRF_TOKEN' });
        expect(refused.setCookies).toEqual([]);
      }
      expect((await who.post(path, withToken(token))).status).toBe(200);
    }
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'csrf-refused', reason: 'missing' }));
    expect(app.events).toContainEqual(expect.objectContaining({ type: 'csrf-refused', reason: 'wrong' }));
  });

  it('a page with a token is for one person alone, though its looks at the session are ignored and the app calls it public', async () => {
    const app = await stage.app(
      (target, sessions) => {
        const ask = (req: never, res: { locals: Record<string, unknown> }, next: () => void) => {
          res.locals.token = sessions.csrfToken(req);
          next();
        };
        target.get('/called-public', sessions.ignoringReads(ask as never), (_req, res) => {
          res.set('Cache-Control', 'public, max-age=600').send(res.locals.token);
        });
        target.get('/silent', sessions.ignoringReads(ask as never), (_req, res) => void res.send(res.locals.token));
      },
      withForms,
      makeApp,
    );
    const visitor = app.client();
    const first = await visitor.get('/called-public');
    expect([first.setCookies.length, first.headers['cache-control']]).toEqual([1, 'no-store']);
    const again = await visitor.get('/silent');
    expect([again.setCookies.length, again.headers['cache-control']]).toEqual([0, 'private']);
    expect(again.headers.vary).toMatch(/Cookie/);
    const client = await signIn(await start());
    expect((await bearing(app, tokenOf(client)).get('/silent')).headers['cache-control']).toBe('no-store');
  });

  it('a form brings it in a field, which is read at the door, and the handler finds the body parsed', async () => {
    const app = await start();
    const client = await signIn(app);
    expect((await client.post('/form', form({ name: 'Ada', _csrf: await tokenFrom(client) }))).json()).toMatchObject({
      name: 'Ada',
    });
    for (const fields of [{ name: 'Ada' }, { _csrf: 'x' }])
      expect((await client.post('/form', form(fields as Record<string, string>))).status).toBe(403);
    const twice = await tokenFrom(client);
    expect((await client.post('/form', { ...form({}), body: `_csrf=${twice}&_csrf=${twice}` })).status).toBe(403);
  });

  it('without a parser for forms the field can not be read, and the refusal says what to write', async () => {
    const app = await start({ crossSite: 'token' });
    const client = await signIn(app);
    const refused = await client.post('/form', form({ _csrf: await tokenFrom(client) }));
    expect(refused.status).toBe(403);
    expect(refused.json<{ message: string }>().message).toContain('forms: express.urlencoded()');
  });

  it("another session's token, another visitor's, and one from before a sign-in do not hold", async () => {
    const app = await start();
    const [ada, bob, visitor] = [await signIn(app), await signIn(app, 'bob'), app.client()];
    const [own, other, anonymous] = [await tokenFrom(ada), await tokenFrom(bob), await tokenFrom(visitor)];
    for (const token of [other, anonymous]) expect((await ada.post('/put', withToken(token))).status).toBe(403);
    expect((await visitor.post('/put', withToken(own))).status).toBe(403);
    expect((await ada.post('/reauthenticate', withToken(own))).status).toBe(200);
    expect((await ada.post('/put', withToken(own))).status).toBe(403);
    expect((await ada.post('/put', withToken(await tokenFrom(ada)))).status).toBe(200);
  });

  it('an attacker who plants their own login page on somebody signs nobody in: the cookie and the token are a pair', async () => {
    const app = await start();
    const [victim, attacker] = [app.client(), app.client()];
    const theirs = await tokenFrom(attacker);
    await tokenFrom(victim);
    expect((await victim.post('/sign-in/mallory', withToken(theirs))).status).toBe(403);
    const name = `${app.cookieName}-csrf`;
    const pair = [victim, attacker].map((client) => `${name}=${client.jar.get(name)}`);
    for (const cookie of [pair.join('; '), pair.reverse().join('; ')])
      expect((await victim.post('/sign-in/mallory', { ...withToken(theirs), cookie })).status).toBe(403);
  });

  it('the token of the login page is worth nothing once somebody is signed in, although its cookie is still there', async () => {
    const app = await start();
    const client = app.client();
    const token = await tokenFrom(client);
    expect((await client.post('/sign-in/ada', withToken(token))).status).toBe(200);
    expect(client.jar.has(`${app.cookieName}-csrf`)).toBe(true);
    expect((await client.post('/put', withToken(token))).status).toBe(403);
  });

  it('a page that was loaded before anything was stored still works once something is', async () => {
    const app = await start();
    const client = app.client();
    const first = await tokenFrom(client, '/begin');
    expect(client.jar.has(app.cookieName)).toBe(true);
    expect((await client.post('/put', withToken(first))).status).toBe(200);
    expect((await client.post('/put', withToken(await tokenFrom(client)))).status).toBe(200);
  });

  it('the page of a session that is over is told so, and not that its token is wrong', async () => {
    const app = await start();
    const client = await signIn(app);
    const token = await tokenFrom(client);
    stage.clock.advance(1);
    await app.sessions.revokeAll('ada', { reason: 'lost-phone' });
    const refused = await client.post('/put', withToken(token));
    expect(refused.status).toBe(401);
    expect(refused.json()).toMatchObject({ code: 'ERR_SESSION_ENDED' });
  });

  it('strangers cost the store nothing: the token of a login page is bound to a cookie, and never the same twice', async () => {
    const spy = spyOn(stage.opened.store);
    const app = await start({ ...withForms, store: spy.store });
    const client = app.client();
    const answers = [await client.get('/form'), await client.get('/form'), await client.get('/form')];
    expect(new Set(answers.map(({ text }) => text)).size).toBe(3);
    expect(answers.map(({ setCookies }) => setCookies.length)).toEqual([1, 0, 0]);
    expect(answers[0]?.setCookies[0]).toMatch(/^sid-test-csrf=[\w-]{24}; Path=\/; HttpOnly; SameSite=Lax$/);
    expect(answers[0]?.headers['cache-control']).toBe('no-store');
    await client.post('/public', withToken('x'));
    expect(['create', 'update', 'read', 'replace'].map((operation) => spy.count(operation as never))).toEqual([
      0, 0, 0, 0,
    ]);
  });

  it('what any page may send needs none, and neither do safe methods; report only tells', async () => {
    const app = await start({ crossSite: { token: true, allow: ['POST /public'] } });
    expect((await app.client().post('/public')).text).toBe('public');
    expect((await app.client().get('/me')).status).toBe(200);
    const reporting = await start({ crossSite: { token: true, mode: 'report' } });
    expect((await reporting.client().post('/put', { body: { a: 1 } })).status).toBe(200);
    expect(reporting.events).toContainEqual(expect.objectContaining({ type: 'csrf-reported', reason: 'missing' }));
  });

  it('asked for after the first write it is an error where it needs a cookie', async () => {
    const app = await start();
    expect((await app.client().get('/late')).text).toBe('xERR_SESSION_COOKIE_TOO_LATE');
  });

  it('a body that the parser refuses is refused as by the parser', async () => {
    const app = await start({ crossSite: { token: true, forms: express.urlencoded({ extended: false, limit: 10 }) } });
    expect((await app.client().post('/form', form({ name: 'x'.repeat(100) }))).status).toBe(413);
  });
});
