/**
 * `crossSite: 'token'`: unsafe requests prove by a token that they come from a page which this app made for this session
 * (NIST SP 800-63B-4 section 5.1), beside the cross-site gate. The token comes in the header `X-CSRF-Token` or in the
 * form field `_csrf`, never in a URL or a cookie. Checked at the door, so that no handler runs without it.
 *
 * Who has no session yet has nothing to bind a token to, and storing one for every visitor would let strangers fill the
 * store (G9). So a login form's token is bound to a random value in a cookie of its own, `__Host-Http-...`, which another
 * site or a sibling subdomain can't plant: OWASP's pre-session, without the session. It stands for nobody, and it is
 * worth nothing once somebody is signed in.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionError } from '../core/errors.js';
import { cookieValues, sessionCookie } from '../http/cookie.js';
import { isExempt } from '../http/cross-site.js';
import type { CsrfBinding } from '../http/csrf-token.js';
import type { HttpConfig } from './options.js';
import { targetOf } from './request-facts.js';
import { type House, type Next, type Visit, visitIn } from './visit.js';

const field = '_csrf';
const header = 'x-csrf-token';
const visitorBytes = 18;
const visitorShape = /^[A-Za-z0-9_-]{24}$/;

/** A body parser, or what else fills `req.body`. */
export type FormParser = (req: never, res: never, next: Next) => unknown;

/** The token for this request's page; see `Sessions.csrfToken`. */
export function csrfToken(house: House, req: IncomingMessage): string {
  const visit = visitIn(req, house, 'csrfToken');
  if (visit instanceof SessionError) throw visit;
  // The page depends on the session from here on: it must not be cached for others.
  visit.session.info;
  visit.dependsOnSession();
  const { handle } = visit;
  if (handle.phase === 'alive' && handle.stored) return visit.csrf.write({ kind: 'session', value: handle.stored.id });
  return visit.csrf.write({ kind: 'visitor', value: visitorOf(req, visit) });
}

/** Lets an unsafe request go on if its token holds. */
export function checkCsrf(
  req: IncomingMessage,
  res: ServerResponse,
  next: Next,
  visit: Visit,
  policy: NonNullable<HttpConfig['crossSite']>,
): void {
  const method = req.method ?? 'GET';
  if (visit.handle.facts.safe || isExempt(method, targetOf(req), policy)) return next();
  // The store could not say whose token to expect.
  if (visit.handle.error) return next(visit.handle.error);
  const verdict = (given: unknown): void => {
    if (typeof given === 'string' && visit.csrf.holds(given, bindingsOf(req, visit))) return next();
    const reason = given === undefined ? 'missing' : 'wrong';
    if (policy.mode === 'report') {
      visit.report({ type: 'csrf-reported', reason, method });
      return next();
    }
    visit.report({ type: 'csrf-refused', reason, method });
    visit.handle.refusals.push(`csrf-${reason}`);
    next(refusal(visit, reason, policy.forms !== undefined));
  };
  const given = req.headers[header] ?? fieldOf(req);
  if (given !== undefined || !policy.forms || !isForm(req)) return verdict(given);
  const parse = policy.forms as (req: IncomingMessage, res: ServerResponse, next: Next) => unknown;
  const parsed = parse(req, res, (error) =>
    error === undefined || error === null ? verdict(fieldOf(req)) : next(error),
  );
  if (parsed instanceof Promise) parsed.catch(next);
}

/** What a token may be bound to: the session, and while nobody is signed in on it also the visitor's cookie. */
function bindingsOf(req: IncomingMessage, visit: Visit): CsrfBinding[] {
  const { phase, stored } = visit.handle;
  const bindings: CsrfBinding[] = [];
  if (phase === 'alive' && stored) {
    bindings.push({ kind: 'session', value: stored.id });
    if (stored.header.owner !== undefined || stored.header.pending !== undefined) return bindings;
  }
  const visitor = visitorIn(req, visit);
  if (visitor !== undefined) bindings.push({ kind: 'visitor', value: visitor });
  return bindings;
}

function visitorOf(req: IncomingMessage, visit: Visit): string {
  visit.visitor ??= visitorIn(req, visit);
  if (visit.visitor !== undefined) return visit.visitor;
  const { transport } = visit;
  if (!transport.usable) throw new SessionError('ERR_SESSION_COOKIE_WITHHELD', `csrfToken: ${transport.remedy}`);
  const value = randomBytes(visitorBytes).toString('base64url');
  visit.setVisitor(value, sessionCookie({ name: visitorName(transport.cookieName), secure: transport.secure, value }));
  return value;
}

/** The one value of the visitor's cookie. Of two different ones neither is taken: one may have been planted. */
function visitorIn(req: IncomingMessage, { transport }: Visit): string | undefined {
  if (!transport.usable) return undefined;
  const values = new Set(cookieValues(req.headers.cookie, visitorName(transport.cookieName)));
  const [only] = values;
  return values.size === 1 && only !== undefined && visitorShape.test(only) ? only : undefined;
}

const visitorName = (cookieName: string): string => `${cookieName}-csrf`;

function fieldOf(req: IncomingMessage): unknown {
  const body: unknown = (req as { body?: unknown }).body;
  return typeof body === 'object' && body !== null && Object.hasOwn(body, field) ? Reflect.get(body, field) : undefined;
}

function isForm({ headers }: IncomingMessage): boolean {
  return /^[ \t]*(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(headers['content-type'] ?? '');
}

function refusal(visit: Visit, reason: 'missing' | 'wrong', forms: boolean): SessionError {
  const { endedReason } = visit.handle;
  // The page was of a session that is over since: to sign in again helps, and to say "forged" would be wrong.
  if (endedReason !== undefined) {
    return new SessionError(
      'ERR_SESSION_ENDED',
      `The session of this page is over (${endedReason}). Nothing was done.`,
      {
        reason: endedReason,
      },
    );
  }
  const parser = forms
    ? ''
    : ' For form fields name a parser: crossSite: { token: true, forms: express.urlencoded() }.';
  return new SessionError(
    'ERR_SESSION_CSRF_TOKEN',
    reason === 'missing'
      ? `The request has no CSRF token. Send sessions.csrfToken(req) of the page in the header X-CSRF-Token or the form field ${field}.${parser}`
      : 'The CSRF token of the request was made for another session, or before the last sign-in. Load the page again.',
  );
}
