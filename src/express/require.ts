/** The guard: lets a request through when somebody is signed in, and as well as the route asks. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { aalOf, scopeOf } from '../core/arguments.js';
import { type Duration, durationMs, formatDuration } from '../core/duration.js';
import { describe, optionError, type Requirement, SessionError } from '../core/errors.js';
import { takeOptions } from '../core/options.js';
import { requestOrigin } from '../http/host.js';
import { isOwnPath, withReturnPath } from '../http/return-path.js';
import { challengeOf, problemOf } from './problem.js';
import { isEncrypted, navigates, publicHost, scripted, targetOf } from './request-facts.js';
import type { Middleware } from './session.js';
import { type House, type Next, type Visit, visitIn } from './visit.js';

export interface RequireOptions {
  /** The assurance level that the sign-in must have reached (NIST SP 800-63B-4). Default 1: any sign-in. */
  readonly aal?: 1 | 2 | 3 | undefined;
  /** The person must have proved who they are at most so long ago: sign-in or `reauthenticate` (ASVS 7.5.1). Default: whenever. */
  readonly freshWithin?: Duration | undefined;
  /** What `elevate` must have unlocked, and still hold open. Default: nothing. */
  readonly scope?: string | undefined;
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

const names = ['aal', 'freshWithin', 'scope', 'signInPage', 'pendingPage', 'stepUpPage'] as const;

interface Demands {
  readonly aal: number;
  readonly freshWithinMs: number | undefined;
  readonly scope: string | undefined;
  readonly signInPage: string | undefined;
  readonly pendingPage: string | undefined;
  readonly stepUpPage: string | undefined;
}

export function requireSignIn(house: House, given: RequireOptions = {}): Middleware {
  const demands = demandsOf(given);
  return function requireSignIn(req: IncomingMessage, res: ServerResponse, next: Next): void {
    const visit = visitIn(req, house, 'require()');
    if (visit instanceof SessionError) return next(visit);
    if (visit.handle.error) return next(visit.handle.error);
    const refused = refusalOf(visit, demands);
    if (!refused) return next();
    visit.refusedBy(`guard-${refused.missing?.[0]?.requirement ?? 'sign-in'}`);
    answer(req, res, next, refused);
  };
}

function refusalOf(visit: Visit, demands: Demands): SessionError | undefined {
  const { info } = visit.session;
  if (info.pending) {
    const { step } = info.pending;
    return refusal('ERR_SESSION_PENDING', `The sign-in is not complete: its next step is '${step}'.`, {
      missing: [{ requirement: 'step', step }],
      page: demands.pendingPage,
    });
  }
  if (info.owner === undefined) {
    return refusal('ERR_SESSION_SIGN_IN_REQUIRED', 'Nobody is signed in.', {
      missing: [{ requirement: 'sign-in' }],
      page: demands.signInPage,
      reason: info.endedReason,
    });
  }
  const missing: Requirement[] = [];
  if (info.aal < demands.aal) missing.push({ requirement: 'aal', wanted: demands.aal, got: info.aal });
  const { freshWithinMs, scope } = demands;
  if (freshWithinMs !== undefined && !(visit.now - Number(info.authenticatedAt) <= freshWithinMs))
    missing.push({ requirement: 'freshness', withinSeconds: Math.ceil(freshWithinMs / 1_000) });
  if (scope !== undefined && !info.scopes.includes(scope)) missing.push({ requirement: 'scope', scope });
  if (missing.length === 0) return undefined;
  return refusal(
    'ERR_SESSION_STEP_UP_REQUIRED',
    `The sign-in is not enough for this: ${missing.map(said).join('; ')}.`,
    {
      missing,
      page: demands.stepUpPage,
      // RFC 6750 section 3.1: a scope that is not there is forbidden ground, while who somebody is stands.
      ...(missing.every(({ requirement }) => requirement === 'scope') ? { status: 403 } : {}),
    },
  );
}

function refusal(
  code: SessionError['code'],
  message: string,
  {
    page,
    reason,
    ...more
  }: { missing: readonly Requirement[]; page: string | undefined; reason?: string | undefined; status?: number },
): SessionError {
  return new SessionError(code, message, {
    ...more,
    ...(page === undefined ? {} : { page }),
    ...(reason === undefined ? {} : { reason }),
  });
}

function said(one: Requirement): string {
  switch (one.requirement) {
    case 'aal':
      return `it asks for aal ${one.wanted}, and this is aal ${one.got}`;
    case 'freshness':
      return `who it is must have been proved within the last ${formatDuration(one.withinSeconds * 1_000)}`;
    case 'scope':
      return `'${one.scope}' is not unlocked`;
    case 'step':
      return `the step '${one.step}' is missing`;
    case 'sign-in':
      return 'nobody is signed in';
  }
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

function demandsOf(given: RequireOptions): Demands {
  const options = takeOptions<RequireOptions>(given, names, 'require()');
  const signInPage = pageOf(options.signInPage, 'signInPage');
  return {
    aal: options.aal === undefined ? 1 : aalOf(options.aal, 'require() aal'),
    freshWithinMs:
      options.freshWithin === undefined
        ? undefined
        : durationMs(options.freshWithin, 'require() freshWithin', { minMs: 1_000 }),
    scope: options.scope === undefined ? undefined : scopeOf(options.scope, 'require() scope'),
    signInPage,
    pendingPage: pageOf(options.pendingPage, 'pendingPage') ?? signInPage,
    stepUpPage: pageOf(options.stepUpPage, 'stepUpPage'),
  };
}

function pageOf(value: unknown, option: string): string | undefined {
  if (value === undefined || isOwnPath(value)) return value;
  throw optionError(`require() ${option}: expected a path of this app such as '/login', got ${describe(value)}.`);
}
