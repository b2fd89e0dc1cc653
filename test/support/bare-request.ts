/** A request as the engine sees it, without HTTP: opened, used by a handler, committed, answered. */
import { type CookieChange, Engine } from '../../src/core/engine.js';
import { SessionError } from '../../src/core/errors.js';
import type { SessionHandle } from '../../src/core/handle.js';
import type { SessionToken } from '../../src/core/ids.js';
import { type EngineOptions, resolveEngineOptions } from '../../src/core/options.js';
import type { Session } from '../../src/core/session.js';
import type { SessionStore } from '../../src/core/store.js';
import { testSecret } from './app.js';

// biome-ignore lint/suspicious/noExplicitAny: handlers of tests put anything into sessions
export type LooseSession = Session & Record<string, any>;

export interface Outcome {
  /** The client got the handler's answer. */
  readonly acked: boolean;
  readonly code: string | undefined;
  readonly cookie: CookieChange;
  /** A change was dropped, and an event said so. */
  readonly dropped: boolean;
}

/** Without the cache, and patient by the machine's clock, as `startApp`. */
export function newEngine(store: SessionStore, options: EngineOptions = {}): Engine {
  const deadline = options.clock === undefined ? ({ storeDeadline: '60s' } as const) : {};
  return new Engine(store, [testSecret], resolveEngineOptions({ cache: false, ...deadline, ...options }));
}

export class BareRequest {
  readonly #engine: Engine;
  readonly handle: SessionHandle;

  private constructor(engine: Engine, handle: SessionHandle) {
    this.#engine = engine;
    this.handle = handle;
  }

  static async open(engine: Engine, token: string | undefined, { safe = false } = {}): Promise<BareRequest> {
    return new BareRequest(engine, await engine.open(token === undefined ? [] : [token], { safe }));
  }

  get session(): LooseSession {
    return this.#engine.sessionOf(this.handle) as LooseSession;
  }

  /** Runs the handler and then all that a response does. A failure is an outcome; anything but a SessionError is thrown. */
  async answer(handler: (request: BareRequest) => unknown): Promise<Outcome> {
    const { handle } = this;
    try {
      await handler(this);
      await this.#engine.commit(handle);
      const cookie = this.#engine.cookieOf(handle);
      return { acked: true, code: undefined, cookie, dropped: handle.dropped };
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      return { acked: false, code: error.code, cookie: undefined, dropped: handle.dropped };
    } finally {
      this.#engine.release(handle);
    }
  }
}

/** The cookie that a response sets. */
export function tokenOf({ cookie }: Outcome): SessionToken | undefined {
  return typeof cookie === 'object' ? cookie.set : undefined;
}

/** The data that a token opens, or undefined. */
export async function opened(engine: Engine, token: string): Promise<Record<string, unknown> | undefined> {
  const { handle, session } = await BareRequest.open(engine, token, { safe: true });
  return handle.phase === 'alive' ? { ...session } : undefined;
}
