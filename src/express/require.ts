/** The guard: lets a request through when somebody is signed in, and as well as the route asks. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionError, wrongOption } from '../core/errors.js';
import { takeOptions } from '../core/options.js';
import { requestOrigin } from '../http/host.js';
import { isOwnPath, withReturnPath } from '../http/return-path.js';
import {
  type Demands,
  demandsOf,
  type HelpfulPages,
  refusalOf,
  requirementNames,
  type SignInRequirements,
  wordOf,
} from './demands.js';
import { challengeOf, problemOf } from './problem.js';
import { isEncrypted, navigates, publicHost, scripted, targetOf } from './request-facts.js';
import type { Middleware } from './session.js';
import { type House, type Next, visitIn } from './visit.js';

export interface RequireOptions extends SignInRequirements {
  /**
   * Where a browser that navigates here is sent to sign in, as a path of this app such as `'/login'`; the page that
   * was asked for goes along as `?next=` (read it with `safeReturnPath`). Default: nobody is sent anywhere, the answer is 401.
   */
  readonly signInPage?: string | undefined;
  /** The same where a sign-in waits for its next step. Default `signInPage`. */
  readonly pendingPage?: string | undefined;
  /** The same where somebody is signed in, but `aal`, `freshWithin` or `scope` is not met. Default: nobody is sent anywhere. */
  readonly stepUpPage?: string | undefined;
}

const names = [...requirementNames, 'signInPage', 'pendingPage', 'stepUpPage'] as const;

export function requireSignIn(house: House, given: RequireOptions = {}): Middleware {
  const options = takeOptions<RequireOptions>(given, names, 'require()');
  const [demands, pages]: [Demands, HelpfulPages] = [demandsOf(options, 'require()'), pagesOf(options)];
  return function requireSignIn(req: IncomingMessage, res: ServerResponse, next: Next): void {
    const visit = visitIn(req, house, 'require()');
    if (visit instanceof SessionError) return next(visit);
    if (visit.handle.error) return next(visit.handle.error);
    const refused = refusalOf(visit.session.info, visit.now, demands, pages);
    if (!refused) return next();
    visit.refusedBy(wordOf(refused));
    answer(req, res, next, refused);
  };
}

/** People are sent to the page that can help, scripts get problem details, and what is neither goes to the app's error handler. */
function answer(req: IncomingMessage, res: ServerResponse, next: Next, refused: SessionError): void {
  if (refused.page !== undefined && navigates(req)) {
    res.statusCode = 303;
    res.setHeader('Location', withReturnPath(refused.page, backOf(req)));
    res.end();
    return;
  }
  res.setHeader('WWW-Authenticate', challengeOf(refused.missing ?? []));
  if (!scripted(req)) return next(refused);
  const body = JSON.stringify(problemOf(refused));
  res.statusCode = refused.status;
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Content-Length', Buffer.byteLength(body));
  // Not the app's page: a cache must not show it to somebody who may see that.
  res.setHeader('Cache-Control', 'no-store');
  res.end(req.method === 'HEAD' ? undefined : body);
}

/** The page to come back to: the one asked for, or, since a form can't be sent again by a redirect, the one with the form. */
function backOf(req: IncomingMessage): string | undefined {
  if (req.method === 'GET' || req.method === 'HEAD') return targetOf(req);
  const { referer } = req.headers;
  if (referer === undefined || !URL.canParse(referer)) return undefined;
  const { origin, pathname, search } = new URL(referer);
  return origin === requestOrigin(isEncrypted(req), publicHost(req)) ? pathname + search : undefined;
}

function pagesOf(options: RequireOptions): HelpfulPages {
  const signInPage = pageOf(options.signInPage, 'signInPage');
  return {
    signInPage,
    pendingPage: pageOf(options.pendingPage, 'pendingPage') ?? signInPage,
    stepUpPage: pageOf(options.stepUpPage, 'stepUpPage'),
  };
}

function pageOf(value: unknown, option: string): string | undefined {
  if (value === undefined || isOwnPath(value)) return value;
  throw wrongOption(`require() ${option}`, "a path of this app such as '/login'", value);
}
