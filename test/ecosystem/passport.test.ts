import express, { type Express } from 'express';
import { Passport } from 'passport';
import { Strategy } from 'passport-local';
import { describe, expect, it, test } from 'vitest';
import { memoryStore } from '../../src/index.js';
import type { Client } from '../support/client.js';
import { expressVersions } from '../support/express-versions.js';
import { spyOn } from '../support/spy-store.js';
import { Turnstile } from '../support/turnstile.js';
import { dataOf, type StackOptions, stacks, underExpressSession, underSession } from './stacks.js';

interface Person {
  readonly id: string;
}

/** An app of passport's, as its own documentation writes them. */
function routesOf(turnstile: Turnstile, handed: { keepSessionInfo?: boolean } = {}) {
  const passport = new Passport();
  passport.use(
    new Strategy((username, password, done) =>
      password === 'secret' ? done(null, { id: username }) : done(null, false, { message: 'Wrong name or password.' }),
    ),
  );
  passport.serializeUser((user, done) => done(null, (user as Person).id));
  passport.deserializeUser((id: string, done) => done(null, { id }));
  return (app: Express): void => {
    app.use(express.json(), passport.session());
    app.post(
      '/login',
      passport.authenticate('local', {
        successRedirect: '/me',
        failureRedirect: '/login',
        failureMessage: true,
        ...handed,
      }),
    );
    app.get('/login', (req, res) => void res.json(dataOf(req).messages ?? []));
    app.get('/me', (req, res) => void res.json({ user: (req.user as Person | undefined)?.id, data: dataOf(req) }));
    app.post('/basket', (req, res) => {
      dataOf(req).basket = ['book'];
      res.json({});
    });
    app.post('/logout', (req, res, next) => req.logout({}, (error) => (error ? next(error) : res.redirect('/me'))));
    app.post('/slow', async (req, res) => {
      await turnstile.pass();
      dataOf(req).late = true;
      res.json({});
    });
  };
}

const start = (stack: (typeof stacks)[number], handed = {}, options: StackOptions = {}) => {
  const turnstile = new Turnstile();
  return stack.start(routesOf(turnstile, handed), options).then((app) => ({ app, turnstile }));
};

const logIn = (client: Client, password = 'secret') => client.post('/login', { body: { username: 'ada', password } });
const userOf = async (client: Client) => (await client.get('/me')).json<{ user?: string }>().user;
const dataIn = async (client: Client) => (await client.get('/me')).json<{ data: Record<string, unknown> }>().data;

describe.each(stacks.map((stack) => [stack.name, stack] as const))('passport under %s', (_, stack) => {
  it('a sign-in gives a new token, and the one from before is worth nothing', async () => {
    const { app } = await start(stack);
    const client = app.client();
    await client.post('/basket');
    const thief = client.copy();
    const before = client.cookie;
    expect((await logIn(client)).headers.location).toBe('/me');
    expect(client.cookie).not.toBe(before);
    expect(await userOf(client)).toBe('ada');
    expect(await userOf(thief)).toBeUndefined();
    expect(await dataIn(thief)).not.toHaveProperty('basket');
    thief.close();
  });

  it('a sign-out is final: no copy of the cookie is signed in', async () => {
    const { app } = await start(stack);
    const client = app.client();
    await logIn(client);
    const copy = client.copy();
    expect((await client.post('/logout')).status).toBe(302);
    expect([await userOf(client), await userOf(copy)]).toEqual([undefined, undefined]);
    copy.close();
  });

  it('keepSessionInfo carries over what a stranger had; without it, nothing is', async () => {
    for (const keepSessionInfo of [true, false]) {
      const { app } = await start(stack, { keepSessionInfo });
      const client = app.client();
      await client.post('/basket');
      await logIn(client);
      expect((await dataIn(client)).basket).toEqual(keepSessionInfo ? ['book'] : undefined);
      expect(await userOf(client)).toBe('ada');
    }
  });

  it('a wrong password is told by failureMessage after the redirect, and signs nobody in', async () => {
    const { app } = await start(stack);
    const client = app.client();
    expect((await logIn(client, 'wrong')).headers.location).toBe('/login');
    expect((await client.get('/login')).json()).toEqual(['Wrong name or password.']);
    expect(await userOf(client)).toBeUndefined();
  });

  it('a sign-in while another request of the same visitor is in flight stays signed in, and the late change goes nowhere', async () => {
    const { app, turnstile } = await start(stack);
    const client = app.client();
    await client.post('/basket');
    const tab = client.copy();
    const late = tab.post('/slow').catch((error: Error) => error);
    await turnstile.holding(1);
    await logIn(client);
    turnstile.open();
    await late;
    expect(app.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_ENDED']);
    expect(await userOf(client)).toBe('ada');
    expect(await dataIn(client)).not.toHaveProperty('late');
    tab.close();
  });

  it('a sign-out while another request writes stays signed out', async () => {
    const { app, turnstile } = await start(stack);
    const client = app.client();
    await logIn(client);
    const tab = client.copy();
    const late = tab.post('/slow').catch((error: Error) => error);
    await turnstile.holding(1);
    await client.post('/logout');
    turnstile.open();
    await late;
    expect(await userOf(client)).toBeUndefined();
    expect(await userOf(tab)).toBeUndefined();
    tab.close();
  });
});

describe.each(expressVersions)('passport under session(), on %s', (_, makeApp) => {
  it('signs in and out', async () => {
    const { app } = await start(underSession, {}, { makeApp });
    const client = app.client();
    await logIn(client);
    expect(await userOf(client)).toBe('ada');
    await client.post('/logout');
    expect(await userOf(client)).toBeUndefined();
  });
});

test('passport.session() costs strangers nothing: no store call, no cookie', async () => {
  const spy = spyOn(memoryStore());
  const { app } = await start(underSession, {}, { session: { store: spy.store } });
  const { setCookies } = await app.client().get('/me');
  expect([spy.calls, setCookies]).toEqual([[], []]);
});

describe("passport's people as owners", () => {
  it('under session(), signIn after passport makes the session somebody’s: listed, guarded and revocable', async () => {
    const passport = new Passport();
    passport.use(new Strategy((username, _password, done) => done(null, { id: username })));
    passport.serializeUser((user, done) => done(null, (user as Person).id));
    passport.deserializeUser((id: string, done) => done(null, { id }));
    const app = await underSession.start((made) => {
      made.use(express.json(), passport.session());
      made.post('/login', passport.authenticate('local'), async (req, res) => {
        await dataOf(req).signIn((req.user as Person).id, { keep: ['passport'] });
        res.json({});
      });
      made.get('/me', (req, res) => void res.json({ user: (req.user as Person | undefined)?.id }));
    });
    const [laptop, phone] = [app.client(), app.client()];
    for (const client of [laptop, phone]) expect((await logIn(client)).status).toBe(200);
    expect(await app.sessions?.count('ada')).toBe(2);
    expect(await app.sessions?.revokeAll('ada')).toBe(2);
    expect([await userOf(laptop), await userOf(phone)]).toEqual([undefined, undefined]);
  });

  it('under express-session, the option `owner` finds them', async () => {
    const { app } = await start(
      underExpressSession,
      {},
      { store: { owner: (session) => (session as { passport?: { user?: string } }).passport?.user } },
    );
    const [laptop, phone] = [app.client(), app.client()];
    for (const client of [laptop, phone]) await logIn(client);
    expect(await app.store?.list('ada')).toHaveLength(2);
    expect(await app.store?.revokeAll('ada')).toBe(2);
    expect([await userOf(laptop), await userOf(phone)]).toEqual([undefined, undefined]);
  });
});
