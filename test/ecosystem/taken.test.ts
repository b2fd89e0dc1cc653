/** Two middlewares that set `req.session`: in silence, what one of them is given would be stored nowhere. */
import cookieSession from 'cookie-session';
import type { RequestHandler } from 'express';
import expressSession from 'express-session';
import { describe, expect, it, vi } from 'vitest';
import { memoryStore } from '../../src/index.js';
import { expressVersions } from '../support/express-versions.js';
import { spyOn } from '../support/spy-store.js';
import { dataOf, underSession } from './stacks.js';

const sets =
  (session: unknown): RequestHandler =>
  (req, _res, next) => {
    Object.assign(req, { session });
    next();
  };

describe.each(expressVersions)('on %s', (_, makeApp) => {
  const started = async (before: RequestHandler) => {
    const spy = spyOn(memoryStore());
    const app = await underSession.start(
      (made) => {
        made.post('/count', (req, res) => {
          dataOf(req).n = (dataOf(req).n ?? 0) + 1;
          res.json(dataOf(req).n);
        });
      },
      { before: (made) => void made.use(before), session: { store: spy.store }, makeApp },
    );
    return { app, spy };
  };

  it.each<[string, RequestHandler, string]>([
    ['cookie-session', cookieSession({ keys: ['one'] }), 'cookie-session'],
    ['express-session', expressSession({ secret: 'one', resave: false, saveUninitialized: false }), 'express-session'],
    ["a test's own object", sets({ userId: 1 }), 'a middleware or a test'],
    ['a value that is no object', sets(false), 'a middleware or a test'],
  ])('before session(), %s is an error that says what to do, and nothing is stored', async (_name, before, by) => {
    const { app, spy } = await started(before);
    const { status, text, setCookies } = await app.client().post('/count');
    expect([status, JSON.parse(text)]).toEqual([500, { code: 'ERR_SESSION_PROPERTY_TAKEN' }]);
    expect(app.errors[0]?.message).toContain(`req.session is taken: ${by} has set it before session().`);
    expect(setCookies.filter((line) => line.startsWith('sid'))).toEqual([]);
    expect(spy.calls).toEqual([]);
  });

  it('after session(), cookie-session is named in the log, once, and what it takes is not kept here', async () => {
    const [log, spy] = [vi.fn(), spyOn(memoryStore())];
    const app = await underSession.start(
      (made) => {
        made.use(cookieSession({ keys: ['one'] }));
        made.post('/count', (req, res) => {
          dataOf(req).n = (dataOf(req).n ?? 0) + 1;
          res.json(dataOf(req).n);
        });
      },
      { session: { store: spy.store, log }, makeApp },
    );
    const client = app.client();
    for (const n of [1, 2]) expect((await client.post('/count')).json()).toBe(n);
    expect(spy.calls).toEqual([]);
    await vi.waitFor(() => expect(log).toHaveBeenCalled());
    expect(
      log.mock.calls
        .flat()
        .filter((line) => /req\.session is taken: cookie-session has put its own there after session\(\)/.test(line)),
    ).toHaveLength(1);
  });

  it.each(['null', 'undefined', 'deleted', 'kept'])(
    'a session that a handler leaves %s is not taken for one that was taken',
    async (left) => {
      const log = vi.fn();
      const app = await underSession.start(
        (made) => {
          made.post('/count', (req, res) => {
            dataOf(req).n = 1;
            if (left === 'deleted') Reflect.deleteProperty(req, 'session');
            else if (left !== 'kept') Object.assign(req, { session: left === 'null' ? null : undefined });
            res.json(1);
          });
        },
        { session: { log }, makeApp },
      );
      expect((await app.client().post('/count')).status).toBe(200);
      expect(log.mock.calls.flat().filter((line) => line.includes('req.session'))).toEqual([]);
    },
  );

  it.each([null, undefined])('that somebody has set it to %s takes nothing', async (value) => {
    const client = (await started(sets(value))).app.client();
    for (const n of [1, 2]) expect((await client.post('/count')).json()).toBe(n);
  });
});
