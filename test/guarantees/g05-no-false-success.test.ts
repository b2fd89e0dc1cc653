import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { Response } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { expressVersions } from '../support/express-versions.js';
import { behaviours, notApplied, passDeadline, planFault, storeDeadlineMs } from '../support/planned-fault.js';
import { getWithCookie } from '../support/raw.js';
import { type Me, signedIn } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { cachedKinds, storeKinds } from '../support/stores.js';

const here = fileURLToPath(import.meta.url);
const meOf = async (client: Client) => (await client.get('/me')).json<Me>();

/** Ways in which a handler says that all went well. */
const successes: Record<string, (res: Response) => unknown> = {
  json: (res) => res.status(201).set('X-Done', 'yes').json({ done: true }),
  send: (res) => res.send('done'),
  redirect: (res) => res.redirect('/done'),
  sendFile: (res) => res.sendFile(here),
  'writeHead and end': (res) => res.writeHead(200, { 'Content-Length': 4 }).end('done'),
  'end with a callback': (res) => res.end('done', () => undefined),
  'write and end': (res) => {
    res.write('do');
    res.end('ne');
  },
  'a pipeline': (res) => pipeline(Readable.from(['do', 'ne']), res).catch(() => undefined),
};

/** Which store call a route comes to, as a stranger or signed in. */
const calls = [
  ['create', '/change', 'stranger'],
  ['create', '/log-in', 'stranger'],
  ['update', '/change', 'ada'],
  ['update', '/update-it', 'ada'],
  ['replace', '/log-in', 'ada'],
  ['replace', '/identity', 'ada'],
  ['replace', '/prove', 'ada'],
  ['replace', '/anew', 'ada'],
  ['end', '/log-out', 'ada'],
  ['end', '/forgets-to-wait', 'ada'],
] as const;

/** The handlers catch for themselves, as Express 4 asks of them. */
const routes: Routes = (app) => {
  app.use((_req, res, next) => {
    res.set('X-Earlier', 'kept');
    next();
  });
  const answered = (res: Response, how: string) => (successes[how] ?? successes.json)?.(res);
  app.post('/change', (req, res) => {
    sessionIn(req).changed = 1;
    answered(res, String(req.query.by));
  });
  app.post('/forgets-to-wait', (req, res) => {
    void sessionIn(req).destroy();
    answered(res, String(req.query.by));
  });
  app.post('/identity', (req, res) => {
    sessionIn(req).userId = 7;
    answered(res, String(req.query.by));
  });
  const verbs = {
    '/update-it': (session) => session.update((data) => void Object.assign(data, { changed: 1 })),
    '/log-in': (session) => session.signIn('bob'),
    '/prove': (session) => session.reauthenticate(),
    '/anew': (session) => session.regenerate(),
    '/log-out': (session) => session.signOut(),
  } satisfies Record<string, (session: ReturnType<typeof sessionIn>) => Promise<void>>;
  for (const [path, verb] of Object.entries(verbs)) {
    app.post(path, (req, res, next) => {
      verb(sessionIn(req)).then(() => answered(res, String(req.query.by)), next);
    });
  }
};

function expectNoSuccess(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
  expect(answer.setCookies).toEqual([]);
  expect(answer.headers).not.toHaveProperty('location');
  expect(answer.headers).not.toHaveProperty('x-done');
}

describe.each([...storeKinds, ...cachedKinds])('G5, no false success: $name', (kind) => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage(kind);
  });
  afterEach(() => stage.clear());

  const come = async (app: TestApp, who: string) => (who === 'stranger' ? app.client() : signedIn(app, who));

  describe.each(expressVersions)('%s', (_version, makeApp) => {
    describe.each(calls)('a fault at %s (%s, %s)', (method, path, who) => {
      it.each(behaviours)('is the error, in time, and neither the answer nor a cookie: %s', async (behaviour) => {
        const app = await stage.app(routes, {}, makeApp);
        const steady = await stage.another();
        const client = await come(app, who);
        const before = await meOf(client);
        const reached = planFault(stage.faulty, method, behaviour);
        const answer = client.post(path);
        await passDeadline(reached, behaviour, stage.clock);
        expectNoSuccess(await answer);
        const faults = app.events.filter(({ type }) => type === 'store-fault');
        expect(faults).toEqual([expect.objectContaining({ operation: method })]);

        // An answer that comes too late changes nothing that was said, and the app goes on.
        stage.faulty.heal();
        stage.clock.advance(250);
        if (!notApplied.has(behaviour)) return;
        if (who === 'stranger') expect(await steady.sessions.list('bob')).toEqual([]);
        else expect(await meOf(client)).toMatchObject({ owner: before.owner, id: before.id, data: before.data });
      });
    });

    it.each(Object.keys(successes))('a change that is not stored takes back an answer by %s', async (by) => {
      const app = await stage.app(routes, {}, makeApp);
      for (const who of ['stranger', 'ada']) {
        const client = await come(app, who);
        stage.faulty.on(who === 'stranger' ? 'create' : 'update', 'reject', { times: 1 });
        const answer = await client.post(`/change?by=${encodeURIComponent(by)}`);
        expectNoSuccess(answer);
        expect(answer.text).not.toContain('done');
        stage.clock.advance(250);
      }
    });
  });

  describe('bytes that are out', () => {
    const streaming: Routes = (app) => {
      app.get('/stream', (req, res) => {
        const session = sessionIn(req);
        res.write('first');
        session.changed = 1;
        res.write('second');
        res.end('last');
      });
    };

    it('a change after them that is not stored cuts the connection, and the body is never completed', async () => {
      const app = await stage.app(streaming);
      const client = await signedIn(app, 'ada');
      stage.faulty.on('update', 'reject', { times: 1 });
      const { status, body } = await getWithCookie(app.port, '/stream', [client.cookie]);
      // Cut so early that not even the first bytes left the process, where the handler ran in one go.
      expect([0, 200]).toContain(status);
      expect(body).not.toContain('0\r\n\r\n');
      expect(app.lines.some((line) => line.includes('cut off'))).toBe(true);
      stage.clock.advance(250);
      expect((await meOf(client)).data).toEqual({});
    });

    it('a change after them that is stored lets them end', async () => {
      const app = await stage.app(streaming);
      const client = await signedIn(app, 'ada');
      expect((await client.get('/stream')).text).toBe('firstsecondlast');
      expect((await meOf(client)).data).toEqual({ changed: 1 });
    });

    it('a new session after them, whose cookie has no way out, cuts the connection and is not stored', async () => {
      const app = await stage.app(streaming);
      const { body } = await getWithCookie(app.port, '/stream', []);
      expect(body).not.toContain('0\r\n\r\n');
      expect(stage.faulty.calls.map(({ method }) => method)).not.toContain('create');
    });
  });

  describe('data that can not be stored', () => {
    class Basket {
      readonly lines = [1];
    }
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const bad: Record<string, unknown> = {
      'a function': () => undefined,
      'a cycle': cycle,
      'an instance of a class': new Basket(),
      'a symbol': Symbol('s'),
      'too much': 'x'.repeat(70_000),
    };

    it.each(Object.entries(bad))('%s is a 500 that names the path; nothing is half-saved', async (what, value) => {
      const failures: { code?: string; path?: string; message: string }[] = [];
      const app = await stage.app((it) => {
        it.post('/bad', (req, res) => {
          const session = sessionIn(req);
          session.fine = 1;
          session.cart = { items: [0, value] };
          res.json({ done: true });
        });
        it.post('/caught', async (req, res) => {
          const session = sessionIn(req);
          session.cart = { items: [0, value] };
          for (const verb of [
            () => session.save(),
            () => session.update((data) => void Object.assign(data, { n: 1 })),
          ]) {
            await verb().catch((error: (typeof failures)[number]) => failures.push(error));
          }
          delete session.cart;
          res.json({ done: true });
        });
      });
      for (const client of [app.client(), await signedIn(app, 'ada')]) {
        const before = await meOf(client);
        const answer = await client.post('/bad');
        expect(answer.status).toBe(500);
        const { code, message } = answer.json<{ code: string; message: string }>();
        expect(code).toBe(what === 'too much' ? 'ERR_SESSION_DATA_TOO_LARGE' : 'ERR_SESSION_DATA_UNSUPPORTED');
        expect(message).toContain(what === 'too much' ? 'cart' : 'cart.items[1]');
        expect(answer.setCookies).toEqual([]);
        expect(await meOf(client)).toMatchObject({ isNew: before.isNew, data: before.data });

        failures.length = 0;
        expect((await client.post('/caught')).status).toBe(200);
        expect(failures).toHaveLength(2);
        expect((await meOf(client)).data).toEqual(before.data);
      }
    });

    it('a BigInt is fine', async () => {
      const app = await stage.app((it) => {
        it.post('/big', (req, res) => {
          sessionIn(req).big = 2n ** 70n;
          res.json({});
        });
        it.get('/big', (req, res) => res.json({ big: String(sessionIn(req).big) }));
      });
      const client = app.client();
      expect((await client.post('/big')).status).toBe(200);
      expect((await client.get('/big')).json()).toEqual({ big: String(2n ** 70n) });
    });
  });

  it('the one exception: a change by a safe request to a session that was signed out meanwhile is dropped, with an event', async () => {
    const app = await stage.app((it) => {
      it.get('/visit', (req, res) => {
        sessionIn(req).visits = 1;
        res.send('as made');
      });
    });
    const client = await signedIn(app, 'ada');
    const other = client.copy();
    stage.faulty.after('read', () => other.post('/signOut'));
    const answer = await client.get('/visit');
    other.close();
    expect(answer).toMatchObject({ status: 200, text: 'as made', setCookies: [] });
    expect(app.events).toContainEqual(
      expect.objectContaining({ type: 'change-dropped', reason: 'ended-meanwhile', endedReason: 'signed-out' }),
    );
  });

  it('it is no exception for a verb that the handler called: it throws', async () => {
    const app = await stage.app((it) => {
      it.get('/visit', async (req, res) => {
        sessionIn(req).visits = 1;
        await sessionIn(req).save();
        res.send('as made');
      });
    });
    const client = await signedIn(app, 'ada');
    const other = client.copy();
    stage.faulty.after('read', () => other.post('/signOut'));
    expect((await client.get('/visit')).status).toBe(401);
    other.close();
  });

  it('conflicts without end are an error in time, not an answer', async () => {
    const app = await stage.app(routes);
    const client = await signedIn(app, 'ada');
    const other = await stage.another();
    let writes = 0;
    stage.faulty.before(
      'update',
      async () => {
        stage.clock.advance(storeDeadlineMs / 4);
        const rival = new (client.constructor as typeof Client)(other.origin, [
          [other.cookieName, [...client.jar.values()][0] ?? ''],
        ]);
        await rival.post('/put', { body: { writes: ++writes } });
        rival.close();
      },
      { times: Number.POSITIVE_INFINITY },
    );
    const answer = await client.post('/change');
    expect(answer.status).toBe(503);
    expect(writes).toBeLessThanOrEqual(5);
    stage.faulty.heal();
    expect((await meOf(client)).data).not.toHaveProperty('changed');
  });
});
