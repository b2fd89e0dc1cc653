/** The demo: a view counter, a sign-in, and a page for people who are signed in. Made to be copied from. */
import { fileURLToPath } from 'node:url';
import express, { type Express, type Request, type RequestHandler } from 'express';
import helmet from 'helmet';
import { type Sessions, sessionOf } from 'holdfast';
import { answerError, HttpError, wantsJson } from './errors.js';
import { accountPage, homePage, signInPage } from './pages.js';
import type { Users } from './users.js';

/** What this app keeps in a session. */
interface DemoData {
  views: number;
}

const sessionIn = (req: Request) => sessionOf<DemoData>(req);

export interface Parts {
  readonly sessions: Sessions;
  readonly users: Users;
}

export function createApp({ sessions, users }: Parts): Express {
  const app = express();
  app.use(securityHeaders());

  // Before the sessions: neither files nor the health check have anything to do with them.
  app.use(express.static(fileURLToPath(new URL('public', import.meta.url))));
  app.get('/healthz', (_req, res) => {
    res.json({ ok: true });
  });

  // Before the body parsers: a request that another site sent is refused before its body is read.
  app.use(sessions);
  app.use(express.urlencoded({ extended: false, limit: '8kb' }), express.json({ limit: '8kb' }));

  app.get('/', async (req, res) => {
    const session = sessionIn(req);
    if (session.info.isNew) {
      session.views = 1;
    } else {
      // In one step, so that of two pages that load at the same time both are counted.
      await session.update<Partial<DemoData>>((data) => {
        data.views = (data.views ?? 0) + 1;
      });
    }
    res.send(homePage({ id: session.id, owner: session.info.owner, views: session.views ?? 0 }));
  });

  app
    .route('/login')
    .get((req, res) => {
      res.send(signInPage({ next: ownPath(req.query.next) }));
    })
    .post(async (req, res) => {
      const { username, password, next } = textFields(req.body);
      if (!(await users.check(username, password))) {
        if (wantsJson(req)) throw new HttpError(401, 'The user name or the password is wrong.');
        res.status(401).send(signInPage({ next: ownPath(next), username, failed: true }));
        return;
      }
      // A new session takes the place of the old one; of its data only what `keep` names comes along.
      await sessionIn(req).signIn(username, { aal: 1, amr: ['pwd'], keep: ['views'] });
      res.redirect(303, ownPath(next));
    })
    .all(onlyMethods('GET, HEAD, POST'));

  app
    .route('/logout')
    .post(async (req, res) => {
      await sessionIn(req).signOut();
      res.redirect(303, '/');
    })
    .all(onlyMethods('POST'));

  app.get('/account', sessions.require({ signInPage: '/login' }), (req, res) => {
    const { info, id, views } = sessionIn(req);
    res.send(accountPage({ info, id, views: views ?? 0 }));
  });

  app.get('/api/session', (req, res) => {
    const { id, views, info } = sessionIn(req);
    res.json({
      id,
      owner: info.owner ?? null,
      views: views ?? null,
      isNew: info.isNew,
      aal: info.aal,
      createdAt: info.createdAt ?? null,
      authenticatedAt: info.authenticatedAt ?? null,
      expiresAt: info.expiresAt ?? null,
      endsAt: info.endsAt ?? null,
    });
  });

  app.use(() => {
    throw new HttpError(404, 'There is no such page.');
  });
  app.use(answerError);
  return app;
}

/** Nothing is loaded but this app's own files, and no script at all. */
function securityHeaders(): RequestHandler {
  const [none, self] = [["'none'"], ["'self'"]];
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: none,
        styleSrc: self,
        imgSrc: self,
        formAction: self,
        baseUri: none,
        frameAncestors: none,
      },
    },
    // Helmet's `no-referrer` makes browsers send `Origin: null` with this app's own forms.
    referrerPolicy: { policy: 'same-origin' },
  });
}

/** A form can send lists and JSON anything; a field that is no text counts as empty. */
function textFields(body: unknown): { username: string; password: string; next: string } {
  const fields = new Map(Object.entries(body ?? {}));
  const text = (name: string): string => {
    const value: unknown = fields.get(name);
    return typeof value === 'string' ? value : '';
  };
  return { username: text('username'), password: text('password'), next: text('next') };
}

/** `next` if it is a path of this app, else the home page: `//evil.example` and `/\evil.example` are other hosts to a browser. */
function ownPath(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(next) ? next : '/';
}

function onlyMethods(allowed: string): RequestHandler {
  return (_req, res) => {
    res.set('Allow', allowed);
    throw new HttpError(405, `This address takes ${allowed} only.`);
  };
}
