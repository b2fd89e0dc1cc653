/**
 * The snippet that every tutorial has, made right. What matters stands in /login: the old session ends before the
 * identity is written, so that an id that somebody planted or saw before is worth nothing afterwards. The other way
 * round, identity first, the identity goes with the old session and nobody is ever signed in.
 */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import session from 'express-session';
import type { SessionStore } from 'holdfast';
import { HoldfastStore } from 'holdfast/express-session';
import { check } from './users.js';

declare module 'express-session' {
  interface SessionData {
    userId?: string;
    views?: number;
  }
}

export interface Secrets {
  /** Signs the cookie. */
  readonly cookie: string;
  /** Seals what is stored, and hashes the ids. */
  readonly store: string;
}

const cookieName = 'sid';
const cookie = { path: '/', httpOnly: true, sameSite: 'lax', secure: 'auto', maxAge: 30 * 60_000 } as const;

export function createApp(store: SessionStore, secrets: Secrets): { app: Express; sessions: HoldfastStore } {
  const sessions = new HoldfastStore({ store, secret: secrets.store, owner: (session) => session.userId });
  const app = express();
  app.disable('x-powered-by');
  app.use(
    session({
      store: sessions,
      secret: secrets.cookie,
      name: cookieName,
      resave: false,
      saveUninitialized: false,
      cookie,
    }),
  );
  app.use(express.urlencoded({ extended: false }));
  app.use(refuseOtherSites);

  app.get('/', async (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1;
    const { userId, views } = req.session;
    if (userId === undefined) return void res.send(page(`<p>Views: ${views}</p>${signInForm}`));
    const own = sessions.publicId(req.session);
    const list = await sessions.list(userId);
    const rows = list.map(
      ({ id, userAgent = 'unknown' }) =>
        `<li>${escaped(userAgent.slice(0, 60))}, ${id}${id === own ? ' (this one)' : ` ${endForm(id)}`}</li>`,
    );
    res.send(
      page(`<p>Views: ${views}</p><p>Signed in as ${escaped(userId)}.</p>${signOutForm}<ul>${rows.join('')}</ul>`),
    );
  });

  app.post('/login', async (req, res) => {
    const userId = await check(req.body.name, req.body.password);
    if (userId === undefined) return void res.status(401).send(page(`<p>Wrong name or password.</p>${signInForm}`));
    const { views } = req.session;
    await done((callback) => req.session.regenerate(callback));
    req.session.userId = userId;
    if (views !== undefined) req.session.views = views;
    // Before the redirect: express-session would send it also where the session could not be stored.
    await done((callback) => req.session.save(callback));
    res.redirect(303, '/');
  });

  app.post('/logout', async (req, res) => {
    await done((callback) => req.session.destroy(callback));
    // express-session leaves the cookie in the browser.
    res.clearCookie(cookieName, { ...cookie, secure: req.secure, maxAge: undefined });
    res.redirect(303, '/');
  });

  app.post('/sessions/:id/end', async (req, res) => {
    const { userId } = req.session;
    const own = userId === undefined ? [] : await sessions.list(userId);
    if (!own.some(({ id }) => id === req.params.id))
      return void res.status(404).send(page('<p>No such session of yours.</p>'));
    await sessions.revoke(req.params.id);
    res.redirect(303, '/');
  });

  app.use((error: Error & { status?: number }, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) return next(error);
    const status = error.status ?? 500;
    if (status >= 500) console.error(error);
    res
      .status(status)
      .send(page(status === 503 ? '<p>Please try again in a moment.</p>' : '<p>That did not work.</p>'));
  });
  return { app, sessions };
}

/** A verb of express-session, which answers a callback. */
function done(verb: (callback: (error?: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => void verb((error) => (error ? reject(error) : resolve())));
}

/** A form on another site could sign people in as somebody else; `SameSite=Lax` keeps no cookie-less login out. */
function refuseOtherSites(req: Request, res: Response, next: NextFunction): void {
  const site = req.get('sec-fetch-site') ?? 'same-origin';
  if (req.method === 'GET' || req.method === 'HEAD' || site === 'same-origin' || site === 'none') return next();
  res.status(403).send(page('<p>That form was on another site.</p>'));
}

const signInForm = `<form method="post" action="/login">
<label>Name <input name="name" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>`;
const signOutForm = '<form method="post" action="/logout"><button>Sign out</button></form>';
const endForm = (id: string): string => `<form method="post" action="/sessions/${id}/end"><button>End</button></form>`;

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (body: string): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>express-session on holdfast</title>
<body><main>${body}</main></body></html>`;
