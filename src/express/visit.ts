/** One request's way through holdfast: the session's handle, the cookie's transport, and the gate's hooks that join them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Engine } from '../core/engine.js';
import { SessionError } from '../core/errors.js';
import type { EventToEmit } from '../core/events.js';
import type { RequestFacts, SessionHandle } from '../core/handle.js';
import { identityRaised } from '../core/identity.js';
import type { Session } from '../core/session.js';
import type { MaybePromise } from '../core/store.js';
import { applyCachingHeaders } from '../http/caching.js';
import { appendSetCookie, expiredCookie, sessionCookie, tagCookie } from '../http/cookie.js';
import type { CsrfTokens } from '../http/csrf-token.js';
import { type GateHooks, installGate, type ResponseHead } from '../http/gate.js';
import { type HeadBefore, headerNames } from '../http/head-snapshot.js';
import type { Transport } from '../http/transport.js';
import type { SessionStoreView } from './familiar/session-store.js';

export type Next = (error?: unknown) => void;

/** Where a request keeps its visit. A registered symbol, so that a second copy of the package finds it too. */
export const visitKey = Symbol.for('holdfast.visit');

/** What all visits of one `session()` share. */
export interface House {
  readonly engine: Engine;
  /** Opens the session that the values of our cookie name, or the old cookie in the `Cookie` header. */
  readonly open: (
    values: readonly string[],
    facts: RequestFacts,
    cookie: string | undefined,
  ) => MaybePromise<SessionHandle>;
  readonly log: (line: string) => void;
  /** Logs a line of each kind once. */
  readonly warnOnce: (kind: string, line: string) => void;
  readonly csrf: CsrfTokens;
  /** What `Clear-Site-Data` says when somebody signs out. */
  readonly clearSiteData: string | undefined;
  /** What it means when the app sets `req.session` to null or deletes it. */
  readonly unset: 'keep' | 'destroy';
}

export class Visit implements GateHooks {
  readonly #house: House;
  readonly #next: Next;
  readonly #res: ServerResponse;
  readonly #headBefore: HeadBefore;
  #gated = false;
  readonly transport: Transport;
  readonly cookieValues: number;
  readonly handle: SessionHandle;
  /** While positive, looking at the session does not make the response depend on it. */
  ignoringReads = 0;
  #read = false;
  #cookie: 'kept' | 'set' | 'cleared' = 'kept';
  /** The value of the visitor's cookie, once it was asked for (csrf.ts), and its line if this response sets it. */
  visitor: string | undefined;
  #visitorLine: string | undefined;

  constructor(
    house: House,
    handle: SessionHandle,
    transport: Transport,
    cookieValues: number,
    res: ServerResponse,
    next: Next,
  ) {
    this.#house = house;
    this.handle = handle;
    this.transport = transport;
    this.cookieValues = cookieValues;
    this.#next = next;
    this.#res = res;
    // A handshake has nothing that could be held back, and no cookie can follow it.
    this.#gated = isHandshake(res);
    this.#headBefore = { statusCode: res.statusCode, headerNames: this.#gated ? [] : headerNames(res) };
  }

  /**
   * Puts the gate before the response. Only a request that looks at its session, or has something to tell the browser
   * or the store, pays for one.
   */
  gate(): void {
    if (this.#gated) return;
    this.#gated = true;
    this.handle.headOut = this.#res.headersSent;
    installGate(this.#res, this, this.#headBefore);
    // The response is over or the client has left: the gate will hear of no end and no close any more.
    if (this.#res.writableEnded || hasClosed(this.#res)) this.#house.engine.release(this.handle);
  }

  /** Whether this `session()` opened it. Another one knows other people: what its guards let pass must not pass here. */
  isOf(house: House): boolean {
    return this.#house === house;
  }

  /** What the app set `req.session` to instead: null or undefined. */
  #unset: { readonly to: null | undefined } | undefined;
  /** The request, once it has `session`. */
  request: IncomingMessage | undefined;
  sessionStore: SessionStoreView | undefined;

  /** What `req.session` is. */
  get found(): Session | null | undefined {
    return this.#unset ? this.#unset.to : this.session;
  }

  /** `req.session = null`: the response changes nothing, or ends the session, as the option `unset` says. */
  unset(to: null | undefined): void {
    const { handle } = this;
    this.gate();
    this.#unset = { to };
    if (this.#house.unset === 'destroy' && handle.phase !== 'none') handle.endsByUnset = true;
    else handle.dropped = true;
  }

  /** `req.session` is set to what it was. */
  resume(): void {
    this.#unset = undefined;
    this.handle.endsByUnset = false;
    this.handle.dropped = false;
  }

  get session(): Session {
    this.gate();
    if (this.ignoringReads === 0) this.#read = true;
    return this.#house.engine.sessionOf(this.handle);
  }

  /** The response depends on the session whatever `ignoringReads` says: it carries what was made for it. */
  dependsOnSession(): void {
    this.gate();
    this.#read = true;
  }

  /** What became of the cookie on this response, for `explain`. */
  get cookie(): 'kept' | 'set' | 'cleared' {
    return this.#cookie;
  }

  get engine(): Engine {
    return this.#house.engine;
  }

  get csrf(): CsrfTokens {
    return this.#house.csrf;
  }

  /** The response sets the visitor's cookie. */
  setVisitor(value: string, line: string): void {
    if (this.handle.headOut || this.#res.headersSent) {
      throw new SessionError(
        'ERR_SESSION_COOKIE_TOO_LATE',
        'csrfToken: it needs a cookie, but the response head is already out. Ask for the token before the first write.',
      );
    }
    this.visitor = value;
    this.#visitorLine = line;
  }

  report(event: EventToEmit): void {
    this.#house.engine.events.emit(event, this.handle);
  }

  get now(): number {
    return this.#house.engine.config.clock.now();
  }

  /** A guard refused the request: an event, and a sentence for `explain`. */
  refusedBy(reason: string): void {
    const { handle } = this;
    handle.refusals.push(reason);
    this.report({ type: 'guard-refused', reason, ...(handle.stored ? { id: handle.stored.id } : {}) });
  }

  // ---- gate hooks

  beforeHead(head: ResponseHead): void | Promise<void> {
    const stored = this.#commit();
    if (stored) return stored.then(() => this.#writeHeaders(head));
    this.#writeHeaders(head);
  }

  beforeEnd(): void | Promise<void> {
    return this.#commit();
  }

  #commit(): void | Promise<void> {
    // The app has deleted it.
    if (this.request && !Object.hasOwn(this.request, 'session')) this.unset(undefined);
    return this.#house.engine.commit(this.handle);
  }

  failed(error: unknown): void {
    // A session that a verb has stored already is the person's only one by now: its token goes with the error too, as does
    // the tag of a change.
    if (this.handle.cookie !== 'keep' || this.handle.changed) this.#writeHeaders(this.#res);
    this.#house.engine.release(this.handle);
    this.#next(error);
  }

  cut(error: unknown): void {
    this.#house.engine.release(this.handle);
    const { code = 'error', message } = error as Partial<SessionError>;
    this.#house.log(
      `holdfast: a response was cut off, because its last changes could not be stored: ${code}: ${message}`,
    );
  }

  aborted(): void {
    this.#house.engine.abandon(this.handle);
    this.#house.engine.release(this.handle);
  }

  done(): void {
    this.#house.engine.release(this.handle);
  }

  #writeHeaders(head: ResponseHead): void {
    const { handle, transport } = this;
    handle.headOut = true;
    const change = transport.usable ? this.#house.engine.cookieOf(handle) : undefined;
    if (change !== undefined && transport.usable) {
      const { cookieName: name, secure } = transport;
      const lasting =
        change !== 'clear' && change.maxAgeSeconds !== undefined ? { maxAgeSeconds: change.maxAgeSeconds } : {};
      appendSetCookie(
        head,
        change === 'clear'
          ? expiredCookie({ name, secure })
          : sessionCookie({ name, value: change.set, secure, ...lasting }),
      );
      this.#cookie = change === 'clear' ? 'cleared' : 'set';
    }
    const old = transport.usable ? handle.oldCookie?.(transport.secure) : undefined;
    if (old !== undefined) appendSetCookie(head, old);
    const tag = transport.usable ? this.#house.engine.tagOf(handle) : undefined;
    if (tag !== undefined && transport.usable)
      appendSetCookie(head, tagCookie({ name: transport.cookieName, secure: transport.secure }, tag));
    const { clearSiteData } = this.#house;
    if (handle.signedOut && clearSiteData !== undefined && !head.hasHeader('clear-site-data'))
      head.setHeader('Clear-Site-Data', clearSiteData);
    if (this.#visitorLine !== undefined) appendSetCookie(head, this.#visitorLine);
    if (handle.dropped && !transport.usable)
      this.#house.warnOnce(transport.reason, `holdfast: ${handle.facts.withheld}`);
    const setsCookie = change !== undefined || this.#visitorLine !== undefined;
    if (!setsCookie && !this.#read) return;
    applyCachingHeaders(head, {
      setsCookie,
      read: this.#reading(),
    });
  }

  /** Whose session the response may show: somebody's by name, or by an identity field that the app sets by hand. */
  #reading(): 'none' | 'anonymous' | 'signed-in' {
    if (!this.#read) return 'none';
    const { session, stored } = this.handle;
    if (stored?.header.owner !== undefined || stored?.header.pending !== undefined) return 'signed-in';
    const identified =
      session &&
      identityRaised({}, session as unknown as Record<string, unknown>, this.#house.engine.config.identityFields);
    return identified === undefined ? 'anonymous' : 'signed-in';
  }
}

/**
 * Whether this is what stands in for a response where a WebSocket passes middleware (engine.io's `io.engine.use`): it can
 * set a header and no more.
 */
export const isHandshake = (res: Partial<ServerResponse>): boolean => !res.getHeaderNames;

const hasClosed = (res: ServerResponse): boolean =>
  res.destroyed || (res as { stream?: { destroyed: boolean } }).stream?.destroyed === true;

export const notVisited = (what: string): SessionError =>
  new SessionError(
    'ERR_SESSION_MIDDLEWARE_MISSING',
    `${what}: this request did not pass session(). Mount it first: app.use(sessions).`,
  );

export function visitOf(req: IncomingMessage): Visit | undefined {
  return (req as { [visitKey]?: Visit } | null | undefined)?.[visitKey];
}

/** The visit that this very `session()` gave the request, or the error for `next` where there is none. */
export function visitIn(req: IncomingMessage, house: House, asker: string): Visit | SessionError {
  const visit = visitOf(req);
  if (visit?.isOf(house)) return visit;
  if (!visit) return notVisited(asker);
  return new SessionError(
    'ERR_SESSION_MIDDLEWARE_MISSING',
    `${asker}: this request has the session of another session(). Mount one of them on each route.`,
  );
}
