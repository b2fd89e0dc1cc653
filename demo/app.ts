/** The demo: a view counter, a sign-in, and pages for people who are signed in (account.ts). Made to be copied from. */
import { fileURLToPath } from 'node:url';
import express, { type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { safeReturnPath } from 'holdfast';
import { accountRoutes } from './account.js';
import { answerError, HttpError, wantsJson } from './errors.js';
import { homePage, signInPage } from './pages.js';
import { because, type DemoData, onlyMethods, type Parts, sessionIn, textFields } from './requests.js';

export function createApp({ sessions, users, freshWithin }: Parts): Express {
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
    const why = because(req);
    if (session.info.isNew) {
      session.views = 1;
    } else {
      // In one step, so that of two pages that load at the same time both are counted.
      await session.update<Partial<DemoData>>((data) => {
        data.views = (data.views ?? 0) + 1;
      });
    }
    res.send(homePage({ id: session.id, owner: session.info.owner, views: session.views ?? 0, because: why }));
  });

  app
    .route('/login')
    .get((req, res) => {
      res.send(signInPage({ next: safeReturnPath(req.query.next), because: because(req) }));
    })
    .post(async (req, res) => {
      const { username, password, next } = textFields(req.body, ['username', 'password', 'next']);
      if (!(await users.check(username, password))) {
        if (wantsJson(req)) throw new HttpError(401, 'The user name or the password is wrong.');
        res.status(401).send(signInPage({ next: safeReturnPath(next), username, failed: true }));
        return;
      }
      // A new session takes the place of the old one; of its data only what `keep` names comes along.
      await sessionIn(req).signIn(username, { aal: 1, amr: ['pwd'], keep: ['views'] });
      res.redirect(303, safeReturnPath(next));
    })
    .all(onlyMethods('GET, HEAD, POST'));

  app
    .route('/logout')
    .post(async (req, res) => {
      await sessionIn(req).signOut();
      res.redirect(303, '/');
    })
    .all(onlyMethods('POST'));

  app.use(accountRoutes({ sessions, users, freshWithin }));

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

/** Nothing is loaded but this app's own files, and no script or style stands in a page. */
function securityHeaders(): RequestHandler {
  const [none, self] = [["'none'"], ["'self'"]];
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: none,
        styleSrc: self,
        scriptSrc: self,
        connectSrc: self,
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
