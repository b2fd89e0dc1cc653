import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

type CookieWord = 'set' | 'cleared' | 'none';

/** What a response does with the session cookie; two lines for it would be a mistake of their own. */
function cookieWord(app: TestApp, { setCookies }: Answer): CookieWord {
  const lines = setCookies.filter((line) => line.startsWith(`${app.cookieName}=`));
  if (lines.length > 1) throw new Error(`${lines.length} lines for one cookie`);
  const [line] = lines;
  if (line === undefined) return 'none';
  return /;\s*max-age=0/i.test(line) ? 'cleared' : 'set';
}

const routes: Routes = (app) => {
  app.all('/untouched', (_req, res) => res.send('no look at the session'));
  app.all('/same', (req, res) => {
    const session = sessionIn(req);
    const { cart } = session;
    session.cart = cart;
    res.json({});
  });
  app.all('/touch', (req, res) => {
    sessionIn(req).touch();
    res.json({});
  });
  app.all('/change', (req, res) => {
    sessionIn(req).changed = 1;
    res.json({});
  });
  app.all('/save-it', async (req, res) => {
    sessionIn(req).changed = 1;
    await sessionIn(req).save();
    res.json({});
  });
  app.all('/update-it', async (req, res) => {
    await sessionIn(req).update((data) => void Object.assign(data, { changed: 1 }));
    res.json({});
  });
  app.all('/identity', (req, res) => {
    sessionIn(req).userId = 7;
    res.json({});
  });
  app.all('/ended-new', async (req, res) => {
    sessionIn(req).changed = 1;
    await sessionIn(req).destroy();
    res.json({});
  });
  app.all('/forgets-to-wait/:verb', (req, res) => {
    const session = sessionIn(req);
    if (req.params.verb === 'signIn') void session.signIn('ada');
    else if (req.params.verb === 'destroy') void session.destroy();
    else void session.signOut();
    res.redirect('/');
  });
};

/** The table of section 7: (who comes, with what) and what becomes of the cookie. */
const known: readonly [string, string, string, CookieWord][] = [
  ['a handler that does not look at the session', 'GET', '/untouched', 'none'],
  ['one that looks', 'GET', '/me', 'none'],
  ['one that puts the same data in again', 'POST', '/same', 'none'],
  ['one that touches it', 'GET', '/touch', 'none'],
  ['a reload', 'POST', '/reload', 'none'],
  ['a change by a safe method', 'GET', '/change', 'none'],
  ['a change', 'POST', '/change', 'none'],
  ['a save', 'POST', '/save-it', 'none'],
  ['an update', 'POST', '/update-it', 'none'],
  ['a re-authentication', 'POST', '/reauthenticate', 'set'],
  ['a rise of identity', 'POST', '/identity', 'set'],
  ['a sign-in', 'POST', '/sign-in/bob', 'set'],
  ['a regeneration', 'POST', '/regenerate', 'set'],
  ['a sign-out', 'POST', '/signOut', 'cleared'],
  ['a destruction', 'POST', '/destroy', 'cleared'],
  ['a sign-in that the handler does not wait for', 'POST', '/forgets-to-wait/signIn', 'set'],
  ['a sign-out that the handler does not wait for', 'POST', '/forgets-to-wait/signOut', 'cleared'],
  ['a destruction that the handler does not wait for', 'POST', '/forgets-to-wait/destroy', 'cleared'],
];

const strange: readonly [string, string, string, CookieWord][] = [
  ['a handler that does not look', 'GET', '/untouched', 'none'],
  ['one that looks', 'GET', '/me', 'none'],
  ['a touch', 'GET', '/touch', 'none'],
  ['a regeneration without data', 'POST', '/regenerate', 'none'],
  ['a sign-out of nobody', 'POST', '/signOut', 'none'],
  ['a destruction of nothing', 'POST', '/destroy', 'none'],
  ['data that is gone before the response', 'POST', '/ended-new', 'none'],
  ['data by a safe method', 'GET', '/change', 'set'],
  ['data', 'POST', '/change', 'set'],
  ['a save', 'POST', '/save-it', 'set'],
  ['an update', 'POST', '/update-it', 'set'],
  ['an identity', 'POST', '/identity', 'set'],
  ['a sign-in', 'POST', '/sign-in/bob', 'set'],
];

describe.each(storeKinds)('G4, no cookie clobbering: $name', (kind) => {
  let stage: Stage;
  let turnstile: Turnstile;
  beforeEach(async () => {
    stage = await openStage(kind);
    turnstile = new Turnstile();
  });
  afterEach(() => stage.clear());

  describe('with a session', () => {
    it.each(known)('%s (%s %s): %s', async (_what, method, path, expected) => {
      const app = await stage.app(routes);
      const client = await signedIn(app, 'ada');
      await client.post('/put', { body: { cart: { lines: [1] } } });
      const old = tokenOf(client);
      const answer = await client.send(method, path);
      expect(answer.status).toBeLessThan(400);
      expect(cookieWord(app, answer)).toBe(expected);
      if (expected === 'set') expect(tokenOf(client)).not.toBe(old);
    });
  });

  describe('without a session', () => {
    it.each(strange)('%s (%s %s): %s', async (_what, method, path, expected) => {
      const app = await stage.app(routes);
      const client = app.client();
      const answer = await client.send(method, path);
      expect(answer.status).toBe(200);
      expect(cookieWord(app, answer)).toBe(expected);
    });
  });

  /** Ways in which another request ends or replaces the session meanwhile. */
  const meanwhiles = ['/signOut', '/destroy', '/sign-in/bob', '/regenerate', '/reauthenticate'];
  /** What the slow request does then. */
  const slowly: Routes = (app) => {
    app.all('/slow/:what', async (req, res) => {
      const session = sessionIn(req);
      await turnstile.pass();
      const { what } = req.params;
      if (what === 'change') session.late = 1;
      if (what === 'identity') session.userId = 7;
      if (what === 'update') await session.update((data) => void Object.assign(data, { late: 1 }));
      if (what === 'signOut') await session.signOut();
      res.json({ done: true });
    });
  };

  describe.each(meanwhiles)('a request whose session was ended or replaced meanwhile (%s)', (meanwhile) => {
    it.each([
      ['GET', 'read', 200],
      ['POST', 'read', 200],
      ['GET', 'change', 200],
      ['POST', 'change', 401],
      ['POST', 'identity', 401],
      ['POST', 'update', 401],
    ] as const)('never sets, clears or begins (%s, %s: %d)', async (method, what, status) => {
      const app = await stage.app(slowly);
      const client = await signedIn(app, 'ada');
      const slow = client.copy().send(method, `/slow/${what}`);
      await turnstile.holding(1);
      const wanted = cookieWord(app, await client.post(meanwhile));
      expect(wanted).not.toBe('none');
      turnstile.open();
      const answer = await slow;
      expect(answer.status).toBe(status);
      expect(cookieWord(app, answer)).toBe('none');
      if (method === 'GET' && what === 'change') {
        expect(app.events).toContainEqual(
          expect.objectContaining({ type: 'change-dropped', reason: 'ended-meanwhile' }),
        );
      }
    });

    it('and its stale cookie that comes again with new data begins nothing over it', async () => {
      const app = await stage.app(routes);
      const client = await signedIn(app, 'ada');
      const stale = client.copy();
      await client.post(meanwhile);
      for (const [method, status] of [
        ['POST', 401],
        ['GET', 200],
      ] as const) {
        const answer = await stale.send(method, '/change');
        expect(answer.status).toBe(status);
        expect(cookieWord(app, answer)).toBe('none');
      }
    });
  });

  it('a sign-out with the token from before a sign-in is not acknowledged, and clears nothing', async () => {
    const app = await stage.app(slowly);
    const client = await signedIn(app, 'ada');
    const [stale, slow] = [client.copy(), client.copy().post('/slow/signOut')];
    await turnstile.holding(1);
    await client.post('/reauthenticate');
    turnstile.open();
    for (const answer of [await slow, await stale.post('/signOut')]) {
      expect(answer.status).toBe(401);
      expect(cookieWord(app, answer)).toBe('none');
    }
    expect((await client.get('/me')).json<Me>().owner).toBe('ada');
  });

  it('the renewed token of a session that was replaced meanwhile is not handed out', async () => {
    const app = await stage.app(slowly, { renewEvery: '5m' });
    const client = await signedIn(app, 'ada');
    stage.clock.advance(6 * 60_000);
    const slow = client.copy().get('/slow/read');
    await turnstile.holding(1);
    await client.post('/sign-in/bob');
    turnstile.open();
    expect(cookieWord(app, await slow)).toBe('none');
  });

  it('requests that overlap with a renewal all hand out the same token', async () => {
    const app = await stage.app(slowly, { renewEvery: '5m' });
    const client = await signedIn(app, 'ada');
    stage.clock.advance(6 * 60_000);
    const answers = [
      client.copy().get('/slow/read'),
      client.copy().post('/slow/change'),
      client.copy().get('/slow/read'),
    ];
    const early = await Promise.race([turnstile.holding(answers.length), ...answers]);
    turnstile.open();
    expect(early, 'an answer before its handler was let go').toBeUndefined();
    const lines = (await Promise.all(answers)).map(({ setCookies }) => setCookies);
    expect(new Set(lines.map(([line]) => line)).size).toBe(1);
    expect(lines.every(({ length }) => length === 1)).toBe(true);
  });

  it('first visits at the same time each get a session of their own, and each cookie opens its own', async () => {
    const app = await stage.app(slowly);
    const clients: Client[] = Array.from({ length: 20 }, () => app.client());
    const answers = clients.map((client) => client.post('/slow/change'));
    await turnstile.holding(clients.length);
    turnstile.open();
    for (const answer of await Promise.all(answers)) expect(cookieWord(app, answer)).toBe('set');
    const ids = await Promise.all(clients.map(async (client) => (await client.get('/me')).json<Me>()));
    expect(new Set(ids.map(({ id }) => id)).size).toBe(clients.length);
    for (const { data } of ids) expect(data).toEqual({ late: 1 });
  });

  it.each(['set', 'cleared', 'none'] as const)("the app's own cookies survive beside ours (%s)", async (word) => {
    const app = await stage.app((it) => {
      it.post('/cookies', async (req, res) => {
        res.cookie('theme', 'dark');
        res.append('Set-Cookie', 'sid=of the app');
        if (word === 'set') await sessionIn(req).signIn('bob');
        if (word === 'cleared') await sessionIn(req).signOut();
        res.append('Set-Cookie', 'lang=en; Path=/');
        res.json({});
      });
    });
    const client = await signedIn(app, 'ada');
    const answer = await client.post('/cookies');
    expect(cookieWord(app, answer)).toBe(word);
    expect(answer.setCookies.slice(0, 3)).toEqual(['theme=dark; Path=/', 'sid=of the app', 'lang=en; Path=/']);
    expect(answer.setCookies).toHaveLength(word === 'none' ? 3 : 4);
  });

  it('a replacement that fails in the store leaves no cookie of a session that is not there', async () => {
    const app = await stage.app(routes);
    const client = await signedIn(app, 'ada');
    stage.faulty.on('replace', 'reject');
    const answer = await client.post('/identity');
    expect(answer.status).toBe(503);
    expect(cookieWord(app, answer)).toBe('none');
  });
});
