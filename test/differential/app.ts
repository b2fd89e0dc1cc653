/** One app in the idiom of express-session, with no line that knows under which middleware it runs. */
import express, { type Express, type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { Session } from 'express-session';
import type { Turnstile } from '../support/turnstile.js';
import { mountWithin } from './within.js';

export type Loose = Omit<Request, 'session'> & {
  // biome-ignore lint/suspicious/noExplicitAny: what express-session's users write
  session: Session & Record<string, any>;
  sessionID: string;
  // biome-ignore lint/suspicious/noExplicitAny: it is another class on each side
  sessionStore: any;
};
type Handler = (req: Loose, res: Response, next: NextFunction) => unknown;
export const on = (handler: Handler) => handler as unknown as RequestHandler;

/** The data without the cookie, which express-session keeps among it. */
const dataOf = ({ session }: Loose) => {
  const { cookie: _cookie, ...data } = session ?? {};
  return data;
};

/** express-session counts `maxAge` anew at each look, so that its milliseconds are those of the moment. */
const seconds = (ms: number | null | undefined) => (typeof ms === 'number' ? Math.ceil(ms / 1_000) : null);

export function makeApp(session: RequestHandler, turnstile: Turnstile): Express {
  const app = express();
  app.use(session, express.json({ limit: '1mb' }));
  const get = (path: string, handler: Handler) => app.get(path, on(handler));
  const post = (path: string, handler: Handler) => app.post(path, on(handler));
  const answer = (req: Loose, res: Response, more: object = {}) => res.json({ data: dataOf(req), ...more });

  app.get('/public', (_req, res) => void res.send('public'));
  get('/', (req, res) => answer(req, res));
  get('/json', (req, res) => res.json({ keys: Object.keys(JSON.parse(JSON.stringify(req.session))).sort() }));
  get('/keys', (req, res) => res.json({ keys: Object.keys(req.session).sort() }));
  get('/views', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    answer(req, res);
  });
  post('/set/:key/:value', (req, res) => {
    req.session[String(req.params.key)] = req.params.value;
    answer(req, res);
  });
  post('/assign', (req, res) => {
    Object.assign(req.session, req.body);
    res.json({ keys: Object.keys(req.body) });
  });
  post('/delete/:key', (req, res) => {
    delete req.session[String(req.params.key)];
    answer(req, res);
  });
  post('/nested/:value', (req, res) => {
    req.session.profile ??= { settings: {} };
    req.session.profile.settings.theme = req.params.value;
    answer(req, res);
  });
  post('/push/:value', (req, res) => {
    req.session.cart ??= [];
    req.session.cart.push({ item: req.params.value });
    answer(req, res);
  });
  post('/edit-array', (req, res) => {
    req.session.cart?.splice(0, 1);
    if (req.session.cart?.[0]) req.session.cart[0].count = 2;
    answer(req, res);
  });
  post('/touch', (req, res) => answer(req, res, { chained: req.session.touch() === req.session }));
  post('/reset-max-age', (req, res) => answer(req, res, { chained: req.session.resetMaxAge() === req.session }));

  // ---- the verbs
  post('/login/:who', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.user = req.params.who;
      req.session.save((failed) => (failed ? next(failed) : res.redirect(303, '/')));
    });
  });
  post('/login-without-regenerate/:who', (req, res) => {
    req.session.user = req.params.who;
    res.redirect(303, '/');
  });
  post('/logout', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.redirect(303, '/')));
  });
  post('/destroyed', (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({ session: typeof req.session })));
  });
  post('/regenerate', (req, res, next) => {
    const { session: old, sessionID } = req;
    req.session.regenerate((error) => {
      if (error) return next(error);
      const { session } = req;
      answer(req, res, {
        another: session !== old,
        anotherId: req.sessionID !== sessionID,
        same: session.id === req.sessionID,
      });
    });
  });
  post('/regenerate-and-set/:value', (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      req.session.value = req.params.value;
      answer(req, res);
    });
  });
  post('/reload', (req, res, next) => {
    const { session: old } = req;
    req.session.unsaved = true;
    req.session.reload((error) => {
      if (error) return next(error);
      answer(req, res, { another: req.session !== old });
    });
  });
  post('/save', (req, res, next) => {
    req.session.saved = (req.session.saved ?? 0) + 1;
    req.session.save((error) => {
      if (error) return next(error);
      req.session.after = req.session.saved;
      answer(req, res);
    });
  });
  post('/save-and-forget', (req, res) => {
    req.session.forgotten = true;
    req.session.save();
    answer(req, res);
  });

  // ---- the cookie
  get('/cookie', (req, res) => {
    const { path, httpOnly, originalMaxAge, expires } = req.session.cookie;
    res.json({ path, httpOnly, seconds: seconds(originalMaxAge), expires: expires instanceof Date });
  });
  post('/max-age/:ms', (req, res) => {
    req.session.cookie.maxAge = Number(req.params.ms);
    const { originalMaxAge, maxAge } = req.session.cookie;
    res.json({ originally: seconds(originalMaxAge), seconds: seconds(maxAge) });
  });
  post('/change-and-max-age/:ms', (req, res) => {
    req.session.changed = req.params.ms;
    req.session.cookie.maxAge = Number(req.params.ms);
    answer(req, res);
  });
  post('/expires-in/:ms', (req, res) => {
    req.session.cookie.expires = new Date(Date.now() + Number(req.params.ms));
    res.json({ seconds: seconds(req.session.cookie.maxAge) });
  });
  post('/no-expiry', (req, res) => {
    req.session.cookie.expires = null;
    res.json({ maxAge: req.session.cookie.maxAge ?? null });
  });
  post('/expire-now', (req, res) => {
    req.session.cookie.maxAge = 0;
    req.session.expired = true;
    res.json({});
  });
  post('/scripts-may-read', (req, res) => {
    req.session.cookie.httpOnly = false;
    answer(req, res);
  });

  // ---- null, the id, the store
  for (const [path, value] of [
    ['/null', null],
    ['/undefined', undefined],
  ] as const) {
    post(path, (req, res) => {
      req.session.lost = true;
      (req as { session: unknown }).session = value;
      res.json({ now: String(req.session) });
    });
  }
  get('/id', (req, res) => {
    const { sessionID: id } = req;
    res.json({ same: id === req.session.id, text: typeof id, inCookie: (req.headers.cookie ?? '').includes(id) });
  });
  get('/stored', (req, res, next) => {
    req.sessionStore.get(req.sessionID, (error: unknown, found: Record<string, unknown> | undefined) => {
      if (error) return next(error);
      const { cookie, ...data } = found ?? {};
      res.json({ found: Boolean(found), cookie: Boolean(cookie), data });
    });
  });
  post('/store-destroy', (req, res, next) => {
    req.sessionStore.destroy(req.sessionID, (error: unknown) => (error ? next(error) : res.json({})));
  });
  post('/store-regenerate', (req, res, next) => {
    req.sessionStore.regenerate(req, (error: unknown) => (error ? next(error) : answer(req, res)));
  });

  // ---- responses of every kind
  get('/redirect/:to', (req, res) => {
    req.session.redirected = req.params.to;
    res.redirect(`/${req.params.to}`);
  });
  get('/no-content', (req, res) => {
    req.session.empty = true;
    res.status(204).end();
  });
  get('/stream', (req, res) => {
    req.session.streamed = true;
    res.write('one ');
    res.write('two ');
    res.end('three');
  });
  get('/stream-late', (req, res) => {
    void req.session.views;
    res.write('one ');
    req.session.late = true;
    res.end('two');
  });
  get('/length', (req, res) => {
    req.session.measured = true;
    res.set('Content-Length', '4').end('four');
  });
  get('/own-cookie', (req, res) => {
    req.session.beside = true;
    res.cookie('theme', 'dark').send('cookies');
  });
  get('/write-head', (req, res) => {
    req.session.headed = true;
    res.writeHead(202, { 'X-Mine': 'yes' });
    res.end('accepted');
  });
  get('/throws', (req) => {
    req.session.thrown = true;
    throw Object.assign(new Error('thrown'), { status: 418 });
  });
  get('/rejects', async (req) => {
    req.session.rejected = true;
    await null;
    throw Object.assign(new Error('rejected'), { status: 418 });
  });
  get('/next', (req, _res, next) => {
    req.session.nexted = true;
    next(Object.assign(new Error('passed on'), { status: 418 }));
  });

  // ---- data of every kind
  post('/date', (req, res) => {
    req.session.when = new Date(0);
    res.json({});
  });
  get('/date', (req, res) =>
    res.json({
      date: req.session.when instanceof Date,
      text: String(req.session.when?.toJSON?.() ?? req.session.when),
    }),
  );
  post('/function', (req, res) => {
    req.session.run = () => 1;
    res.json({});
  });
  post('/taken-name', (req, res) => {
    req.session.info = 'mine';
    answer(req, res);
  });
  post('/large', (req, res) => {
    req.session.large = 'x'.repeat(100_000);
    res.json({});
  });

  mountWithin(app, answer);
  post('/:inner/passes', (req, res) => answer(req, res));

  // ---- requests that overlap
  post('/held/set/:key', async (req, res) => {
    void req.session.views;
    await turnstile.pass();
    req.session[String(req.params.key)] = true;
    answer(req, res, { data: undefined });
  });
  get('/held/look', async (req, res) => {
    const user = req.session.user ?? null;
    await turnstile.pass();
    res.json({ user });
  });

  app.use((error: Error & { status?: number }, req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) return next(error);
    const { within } = (req as unknown as Loose).session ?? {};
    res.status(error.status ?? 500).json({ failed: error.status === 418 ? error.message : true, within });
  });
  return app;
}
