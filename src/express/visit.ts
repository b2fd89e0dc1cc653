/** One request's way through holdfast: the session's handle, the cookie's transport, and the gate's hooks that join them. */
import type { IncomingMessage } from 'node:http';
import type { Engine } from '../core/engine.js';
import { SessionError } from '../core/errors.js';
import type { SessionHandle } from '../core/handle.js';
import { identityRaised } from '../core/identity.js';
import type { Session } from '../core/session.js';
import { applyCachingHeaders } from '../http/caching.js';
import { appendSetCookie, expiredCookie, sessionCookie } from '../http/cookie.js';
import type { GateHooks, ResponseHead } from '../http/gate.js';
import type { Transport } from '../http/transport.js';

export type Next = (error?: unknown) => void;

/** Where a request keeps its visit. A registered symbol, so that a second copy of the package finds it too. */
const key = Symbol.for('holdfast.visit');

export class Visit implements GateHooks {
  readonly #engine: Engine;
  readonly #next: Next;
  readonly #log: (line: string) => void;
  readonly transport: Transport;
  readonly cookieValues: number;
  readonly handle: SessionHandle;
  /** While positive, looking at the session does not make the response depend on it. */
  ignoringReads = 0;
  #read = false;
  #cookie: 'kept' | 'set' | 'cleared' = 'kept';

  constructor(
    engine: Engine,
    handle: SessionHandle,
    transport: Transport,
    cookieValues: number,
    next: Next,
    log: (line: string) => void,
  ) {
    this.#engine = engine;
    this.handle = handle;
    this.transport = transport;
    this.cookieValues = cookieValues;
    this.#next = next;
    this.#log = log;
  }

  get session(): Session {
    if (this.ignoringReads === 0) this.#read = true;
    return this.#engine.sessionOf(this.handle);
  }

  /** What became of the cookie on this response, for `explain`. */
  get cookie(): 'kept' | 'set' | 'cleared' {
    return this.#cookie;
  }

  // ---- gate hooks

  beforeHead(head: ResponseHead): void | Promise<void> {
    const stored = this.#engine.commit(this.handle);
    if (stored) return stored.then(() => this.#writeHeaders(head));
    this.#writeHeaders(head);
  }

  beforeEnd(): void | Promise<void> {
    return this.#engine.commit(this.handle);
  }

  failed(error: unknown): void {
    this.#engine.release(this.handle);
    this.#next(error);
  }

  cut(error: unknown): void {
    this.#engine.release(this.handle);
    const { code = 'error', message } = error as Partial<SessionError>;
    this.#log(`holdfast: a response was cut off, because its last changes could not be stored: ${code}: ${message}`);
  }

  aborted(): void {
    this.#engine.abandon(this.handle);
    this.#engine.release(this.handle);
  }

  done(): void {
    this.#engine.release(this.handle);
  }

  #writeHeaders(head: ResponseHead): void {
    const { handle, transport } = this;
    handle.headOut = true;
    const change = transport.usable ? this.#engine.cookieOf(handle) : undefined;
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
    if (change === undefined && !this.#read) return;
    applyCachingHeaders(head, { setsCookie: change !== undefined, read: this.#reading() });
  }

  /** Whose session the response may show: somebody's by name, or by an identity field that the app sets by hand. */
  #reading(): 'none' | 'anonymous' | 'signed-in' {
    if (!this.#read) return 'none';
    const { session, stored } = this.handle;
    if (stored?.header.owner !== undefined) return 'signed-in';
    const identified =
      session && identityRaised({}, session as unknown as Record<string, unknown>, this.#engine.config.identityFields);
    return identified === undefined ? 'anonymous' : 'signed-in';
  }
}

export function visitOf(req: IncomingMessage): Visit | undefined {
  return (req as { [key]?: Visit })[key];
}

/** Gives the request its visit and its `session` property. */
export function attachVisit(req: IncomingMessage, visit: Visit): void {
  // Not enumerable: a request that is logged must not drag a session along.
  Object.defineProperty(req, key, { value: visit });
  Object.defineProperty(req, 'session', sessionProperty);
}

const sessionProperty: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: IncomingMessage): Session | undefined {
    return visitOf(this)?.session;
  },
  set() {
    throw new SessionError(
      'ERR_SESSION_ARGUMENT',
      "req.session can't be assigned. Set its keys one by one, or end the session with `await req.session.destroy()`.",
    );
  },
};
