/** The guard: lets a request through when somebody is signed in. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, SessionError } from '../core/errors.js';
import { takeOptions } from '../core/options.js';
import { targetOf } from './request-facts.js';
import type { Middleware } from './session.js';
import { type Next, visitOf } from './visit.js';

export interface RequireOptions {
  /**
   * Where a browser that navigates here is sent to sign in, as a path of this app such as `'/login'`; the page that
   * was asked for goes along as `?next=`. Default: nobody is sent anywhere, the answer is 401.
   */
  readonly signInPage?: string | undefined;
}

export function requireSignIn(given: RequireOptions = {}): Middleware {
  const { signInPage } = takeOptions<RequireOptions>(given, ['signInPage'], 'require()');
  if (signInPage !== undefined && !isOwnPath(signInPage)) {
    throw new SessionError(
      'ERR_SESSION_OPTION',
      `require() signInPage: expected a path of this app such as '/login', got ${describe(signInPage)}.`,
    );
  }
  return function requireSignIn(req: IncomingMessage, res: ServerResponse, next: Next): void {
    const visit = visitOf(req);
    if (!visit) {
      return next(
        new SessionError(
          'ERR_SESSION_MIDDLEWARE_MISSING',
          'require(): this request did not pass session(). Mount it first: app.use(sessions).',
        ),
      );
    }
    if (visit.handle.error) return next(visit.handle.error);
    if (visit.session.info.owner !== undefined) return next();
    if (signInPage !== undefined && navigates(req)) {
      const page = targetOf(req);
      res.statusCode = 303;
      res.setHeader('Location', isOwnPath(page) ? `${signInPage}?next=${encodeURIComponent(page)}` : signInPage);
      res.end();
      return;
    }
    next(new SessionError('ERR_SESSION_SIGN_IN_REQUIRED', 'Nobody is signed in.'));
  };
}

/** A path on this host and nothing else: `//evil.example` and `/\evil.example` are other hosts to a browser. */
function isOwnPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(value);
}

function navigates(req: IncomingMessage): boolean {
  return req.method === 'GET' && /\btext\/html\b/.test(req.headers.accept ?? '');
}
