/** Apps within apps: Express gives a request the prototype of each app that it enters, and takes it back on the way out. */
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express';
import vhost from 'vhost';
import { describe, expect, it } from 'vitest';
import { expressVersions } from '../support/express-versions.js';
import { dataOf, type Loose, stacks, startWithout } from './stacks.js';

const both = stacks.flatMap((stack) =>
  expressVersions.map(([version, makeApp]) => [version, stack.name, makeApp, stack] as const),
);

const counts = (app: Express): void => {
  app.post('/count', (req, res) => {
    dataOf(req).n = (dataOf(req).n ?? 0) + 1;
    res.json(dataOf(req).n);
  });
  app.post('/own', (req, res) => {
    // Where there is no session, nobody would store this one.
    (req as { session?: Loose }).session ??= {};
    dataOf(req).n = (dataOf(req).n ?? 0) + 1;
    res.json(dataOf(req).n);
  });
  app.get('/names', (req, res) => {
    const { session, sessionID } = req as unknown as { session: { id: string }; sessionID: string };
    res.json({ session: typeof session, same: session.id === sessionID, store: 'sessionStore' in req });
  });
};
const names = { session: 'object', same: true, store: true };

describe.each(both)('on %s, %s', (_version, _name, makeApp, stack) => {
  const calling = (routes: (app: Express) => void, app: Express) => {
    const tenant = makeApp();
    routes(tenant);
    // The client of this test comes to this host; vhost calls the app as a function.
    app.use(vhost('127.0.0.1', tenant as unknown as vhost.Handler));
  };

  it('an app that vhost calls has the session, and what it puts there is stored', async () => {
    const client = (await stack.start((app) => calling(counts, app), { makeApp })).client();
    for (const n of [1, 2]) expect((await client.post('/count')).json()).toBe(n);
    for (const n of [3, 4]) expect((await client.post('/own')).json()).toBe(n);
    expect((await client.get('/names')).json()).toEqual(names);
  });

  it('an app that vhost calls may mount the sessions as well', async () => {
    const sessions = stack.middleware();
    const app = await startWithout(
      (made) => {
        made.use(sessions);
        calling((tenant) => counts(tenant.use(sessions)), made);
      },
      { makeApp },
    );
    const client = app.client();
    for (const n of [1, 2]) expect((await client.post('/count')).json()).toBe(n);
    expect((await client.get('/names')).json()).toEqual(names);
  });

  it('what comes after an app that was called has the session too', async () => {
    const app = await stack.start(
      (made) => {
        calling((tenant) => void tenant.get('/elsewhere', (_req, res) => void res.send('')), made);
        counts(made);
      },
      { makeApp },
    );
    const client = app.client();
    for (const n of [1, 2]) expect((await client.post('/count')).json()).toBe(n);
    expect((await client.get('/names')).json()).toEqual(names);
  });

  it('what comes after a mounted app has the session that the mounted app began: routes and the error page', async () => {
    const admin = makeApp();
    admin.use(stack.middleware());
    admin.post('/passes', (req, _res, next) => {
      dataOf(req).user = 'ada';
      next();
    });
    admin.post('/fails', (req) => {
      dataOf(req).user = 'ada';
      throw new Error('failed');
    });
    const app = await startWithout(
      (made) => {
        made.use('/admin', admin as RequestHandler);
        made.post('/admin/passes', (req, res) => void res.send(`hello ${dataOf(req)?.user}`));
        made.use((error: Error, req: Request, res: Response, _next: NextFunction) => {
          res.status(500).send(`${error.message} for ${dataOf(req)?.user}`);
        });
      },
      { makeApp },
    );
    expect((await app.client().post('/admin/passes')).text).toBe('hello ada');
    expect((await app.client().post('/admin/fails')).text).toBe('failed for ada');
  });
});
