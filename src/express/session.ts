/** `session()`: the middleware for Express 4 and 5, and what an app can ask of its sessions from outside a request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SessionSummary } from '../core/admin.js';
import type { CacheStatistics } from '../core/cache-statistics.js';
import { Engine } from '../core/engine.js';
import { argumentError, SessionError } from '../core/errors.js';
import type { EventListener } from '../core/events.js';
import type { RequestFacts, SessionHandle } from '../core/handle.js';
import { lazily } from '../core/lazily.js';
import { isPromise } from '../core/maybe-promise.js';
import { callable, takeOptions } from '../core/options.js';
import { isOwnerIndexed, isSweepable, type Loss } from '../core/store.js';
import { startSweeping } from '../core/sweeper.js';
import { movingFrom } from '../express-session/legacy/face.js';
import { cookieValues, tagIn } from '../http/cookie.js';
import { CsrfTokens } from '../http/csrf-token.js';
import { shedShapes } from '../http/shape.js';
import type { Transport } from '../http/transport.js';
import { factsOf, refuseCrossSite, transportFor } from './arrival.js';
import { checkCsrf, csrfToken } from './csrf.js';
import { type Explanation, explain, turnAway } from './explain.js';
import { resolveOptions, type SessionOptions } from './options.js';
import { isEncrypted, isExpress4 } from './request-facts.js';
import { attachVisit, isShadowed, isTaken } from './request-properties.js';
import { type RequireOptions, requireSignIn } from './require.js';
import { holdForSocket } from './socket-life.js';
import { answerTimeLeft, markBackground } from './time.js';
import type { Upgrade, UpgradeOptions } from './upgrade.js';
import { isHandshake, type Next, Visit, visitIn, visitOf } from './visit.js';

export type Middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => void;

/** The middleware, and the verbs on all sessions of the app. */
export interface Sessions extends Middleware {
  /** A guard: goes on when somebody is signed in; else 401, or the sign-in page where one is named. */
  require(options?: RequireOptions): Middleware;
  /**
   * For an upgrade request (WebSocket), or another that passes no middleware: checks its Origin as the cross-site gate
   * does, opens its session from the store, and follows the session while the connection lasts.
   */
  upgrade(req: IncomingMessage, options?: UpgradeOptions): Promise<Upgrade>;
  /** A middleware for routes that pages ask by themselves (polling, streams): their requests don't move the idle deadline. */
  background(): Middleware;
  /** A handler that answers with the time left as JSON (`TimeLeft`), without extending the session. */
  timeLeft(): Middleware;
  /**
   * A CSRF token for the page that this request gets, with `crossSite: 'token'`: for the header `X-CSRF-Token` of its
   * scripts or the field `_csrf` of its forms. Another one each time, bound to the session; good until the next sign-in,
   * elevation or sign-out. For somebody without a session it sets a cookie, and stores nothing.
   * @throws SessionError `ERR_SESSION_COOKIE_TOO_LATE` after the first write, if a cookie is needed.
   */
  csrfToken(req: IncomingMessage): string;
  /** Why this request has the session and the cookie that it has, or has none. */
  explain(req: IncomingMessage): Explanation;
  /** Runs a middleware whose looks at `req.session` don't make the response depend on the session (no `Vary`, no `no-store`). */
  ignoringReads<Wrapped extends (req: never, res: never, next: Next) => unknown>(middleware: Wrapped): Wrapped;
  /** Adds a listener for events; the answer removes it. */
  on(listener: EventListener): () => void;
  /**
   * The owner's live sessions, oldest first, without any that waits for a step of its sign-in. `current`: the id of
   * the session that asks, to be marked. Needs a store with an owner index.
   */
  list(owner: string | number | bigint, options?: { readonly current?: string }): Promise<SessionSummary[]>;
  /** How many sessions `list` would answer. */
  count(owner: string | number | bigint): Promise<number>;
  /**
   * Ends a session by its public id, with a reason in lower-case words and dashes (default `'revoked'`). True if it is
   * over, by this call or before, whose reason stays; false if there was none, or if it goes on under a new id.
   * @throws SessionError `ERR_SESSION_ARGUMENT` for what is no public id, or no such reason.
   */
  revoke(id: string, reason?: string): Promise<boolean>;
  /** Ends all sessions of an owner but `except`; sign-ins that began before are refused. Answers how many ended. */
  revokeAll(
    owner: string | number | bigint,
    options?: { readonly except?: string; readonly reason?: string },
  ): Promise<number>;
  /** What the sessions kept in memory saved, and why they did not: for a look or a dashboard. */
  cacheStatistics(): CacheStatistics;
  /**
   * Ends every session of the app and every sign-in that has begun, in all processes that share the store. Resolves after
   * a second, once each of them knows. Needs the option `revokeEverything: true` in all of them.
   */
  revokeEverything(reason?: string): Promise<void>;
  /** The guarantees that the store can't keep, and why; empty for the stores of holdfast. */
  readonly lossy: readonly Loss[];
  /** Stops timers and closes the store. */
  close(): Promise<void>;
}

/** So many requests are looked at for a middleware that takes `req.session` after us. */
const mostLooks = 1_000;

const ignore = () => {};
const taken = lazily(() => import('./taken.js'));

/**
 * Sessions for Express 4 and 5, and for any handler of the form `(req, res, next)`.
 *
 * @example
 * const sessions = session({ secret: process.env.SESSION_SECRET, store });
 * app.use(sessions);
 * app.post('/login', async (req, res) => { await req.session.signIn(user.id); res.redirect('/'); });
 * app.get('/account', sessions.require(), (req, res) => res.send(req.session.info.owner));
 *
 * @throws SessionError `ERR_SESSION_OPTION` and its kin for an option that can't be; nothing starts half-configured.
 */
export function session(options: SessionOptions = {}): Sessions {
  const resolved = resolveOptions(options);
  const { http, store } = resolved;
  const engine = new Engine(store, resolved.secrets, resolved.engine);
  requireOwnerIndex(engine);
  const stopSweeping = isSweepable(store) ? startSweeping(store, engine.guard, engine.config.clock) : () => {};
  const warnOnce = onceEach(http.log);
  const csrf = new CsrfTokens(engine.keyring, engine.config.audience);
  const moving = http.migrateFrom && movingFrom(http.migrateFrom, engine);
  engine.predecessor = moving?.load;
  function open(values: readonly string[], facts: RequestFacts, cookie: string | undefined) {
    const opened = engine.open(values, facts);
    return moving ? moving.admit(opened, cookie) : opened;
  }
  const { clearSiteData, log } = http;
  let looks = mostLooks;
  const house = { open, engine, log, warnOnce, csrf, clearSiteData, unset: http.familiar.unset };

  function holdfast(req: IncomingMessage, res: ServerResponse, next: Next): void {
    const already = visitOf(req);
    if (already) {
      // Mounted twice, on a router inside the app say: the outer one has the session. That of another session(), for
      // administrators say, must not pass for one of this.
      return already.isOf(house) ? next() : next(visitIn(req, house, 'session()'));
    }
    if (isTaken(req)) return void taken().then(({ takenBefore }) => next(takenBefore(req)), next);
    shedShapes(req, res);
    const encrypted = isEncrypted(req);
    const refused = http.crossSite && refuseCrossSite(engine, http.crossSite, req, encrypted, isHandshake(res));
    if (refused) return next(turnAway(req, refused));
    const transport = transportFor(req, http, encrypted);
    const withheld = transport.usable ? undefined : `No session cookie can be set on this request. ${transport.remedy}`;
    if (!transport.usable && transport.reason === 'tls-proxy-untrusted')
      warnOnce(transport.reason, `holdfast: ${withheld}`);
    const { cookie } = req.headers;
    const values = transport.usable ? cookieValues(cookie, transport.cookieName) : [];
    const tag = engine.cache.on && transport.usable ? tagIn(cookie, transport.cookieName) : undefined;
    const opened = house.open(
      values,
      factsOf(req, withheld, tag, transport.usable && transport.secure, http.familiar.lifetime),
      transport.usable ? cookie : undefined,
    );
    // What is thrown at once further in must not become a rejection that nobody handles, which ends the process.
    if (isPromise(opened)) opened.then((handle) => enter(req, res, next, handle, transport, values.length)).catch(next);
    else enter(req, res, next, opened, transport, values.length);
  }

  function enter(
    req: IncomingMessage,
    res: ServerResponse,
    next: Next,
    handle: SessionHandle,
    transport: Transport,
    values: number,
  ): void {
    const visit = new Visit(house, handle, transport, values, res, next);
    attachVisit(req, visit);
    if (isHandshake(res)) {
      holdForSocket(engine, handle, req.socket);
      return next(handle.error);
    }
    if (handle.error && (http.onStoreFault ?? (isExpress4(req) ? 'door' : 'touch')) === 'door')
      return next(handle.error);
    // Code that deletes its session need not have looked at it before.
    const mayEnd = http.familiar.unset === 'destroy' && handle.phase !== 'none';
    if (mayEnd || engine.isDue(handle)) visit.gate();
    if (http.crossSite?.token) checkCsrf(req, res, next, visit, http.crossSite);
    else next();
    // A middleware further in has run by now, unless one before it waits for something. Later ones are as the first.
    if (looks > 0 && looks-- && isShadowed(req))
      taken().then(({ takenAfter }) => warnOnce('shadowed', takenAfter(req)), ignore);
  }

  return Object.assign(holdfast, {
    require: (requirements?: RequireOptions) => requireSignIn(house, requirements),
    async upgrade(req: IncomingMessage, options?: UpgradeOptions) {
      // While it loads nobody else listens for errors of the raw socket: a client that resets it would end the process.
      const { socket } = req;
      socket.on('error', ignore);
      const loaded = await import('./upgrade.js').finally(() => socket.off('error', ignore));
      return loaded.openUpgrade(house, http, req, options);
    },
    background: () => markBackground(house),
    timeLeft: () => answerTimeLeft(house),
    csrfToken: (req: IncomingMessage) => csrfToken(house, req),
    explain,
    ignoringReads,
    on: (listener: EventListener) => engine.events.on(callable(listener, 'on')),
    async list(owner: string | number | bigint, options: { current?: string } = {}) {
      const { current } = takeOptions<typeof options>(options, ['current'], 'list');
      return (await admin()).listSessions(engine, owner, current);
    },
    count: async (owner: string | number | bigint) => (await admin()).countSessions(engine, owner),
    revoke: async (id: string, reason = 'revoked') => (await admin()).revokeSession(engine, id, reason),
    async revokeAll(owner: string | number | bigint, options: { except?: string; reason?: string } = {}) {
      const chosen = takeOptions<typeof options>(options, ['except', 'reason'], 'revokeAll');
      return (await admin()).revokeOwner(engine, owner, chosen.reason ?? 'revoked', chosen.except);
    },
    revokeEverything: async (reason = 'revoked') => (await admin()).revokeEverything(engine, reason),
    lossy: store.lossy ?? [],
    cacheStatistics: () => engine.cache.statistics(),
    async close() {
      stopSweeping();
      await engine.close();
    },
  });
}

/** Loaded when first asked for, as is what else not every process does. */
const admin = () => import('../core/admin.js');

/** A limit that the store can't keep would be no limit, and nobody would see it. */
function requireOwnerIndex({ config, store }: Engine): void {
  if (!config.maxPerOwner || isOwnerIndexed(store)) return;
  throw new SessionError(
    'ERR_SESSION_STORE_CAPABILITY',
    `maxPerOwner: the ${store.name} store can't find sessions by owner (it lacks listByOwner and endByOwner). Use a store that can.`,
  );
}

function ignoringReads<Wrapped extends (req: never, res: never, next: Next) => unknown>(middleware: Wrapped): Wrapped {
  if (typeof middleware !== 'function') {
    throw argumentError(`ignoringReads: expected a middleware function, got ${typeof middleware}.`);
  }
  const wrapped = (req: IncomingMessage, res: ServerResponse, next: Next): unknown => {
    const visit = visitOf(req);
    if (!visit) return middleware(req as never, res as never, next);
    visit.ignoringReads++;
    let over = false;
    const leave = () => {
      if (!over) visit.ignoringReads--;
      over = true;
    };
    try {
      const answer = middleware(req as never, res as never, (error) => {
        leave();
        next(error);
      });
      // Express 5 hears of a rejection itself, past the middleware's `next`.
      if (!(answer instanceof Promise)) return answer;
      return answer.catch((error: unknown) => {
        leave();
        throw error;
      });
    } catch (error) {
      leave();
      throw error;
    }
  };
  return wrapped as unknown as Wrapped;
}

/** Says each kind of line once in a process's life: a line for every request would drown the log that it belongs in. */
function onceEach(log: (line: string) => void): (kind: string, line: string) => void {
  const said = new Set<string>();
  return (kind, line) => {
    if (said.has(kind)) return;
    said.add(kind);
    log(line);
  };
}
