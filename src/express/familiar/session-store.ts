/**
 * `req.sessionStore`, for code written for express-session: our sessions by their public ids. It gives away no token,
 * brings nothing back that has ended, and refuses what could only be done by overwriting what others wrote.
 * What it does is loaded by the first call.
 */
import type { IncomingMessage } from 'node:http';
import type { Data } from '../../core/session.js';
import { during } from '../../core/verbs.js';
import type { Visit } from '../visit.js';

export type StoreCallback<Result = void> = (error: unknown, result?: Result) => void;

/** Each method answers with a promise, and calls the callback if there is one. */
export interface SessionStoreView {
  /** A session's data and its `cookie`, as a copy; undefined if there is none. */
  get(id: string, callback?: StoreCallback<Data | undefined>): Promise<Data | undefined>;
  /** As `get`. */
  load(id: string, callback?: StoreCallback<Data | undefined>): Promise<Data | undefined>;
  /** Stores this request's own session. Any other fails with `ERR_SESSION_ARGUMENT`: its changes would be overwritten. */
  set(id: string, session: unknown, callback?: StoreCallback): Promise<void>;
  destroy(id: string, callback?: StoreCallback): Promise<void>;
  touch(id: string, session?: unknown, callback?: StoreCallback): Promise<void>;
  /** All sessions by their public ids. Needs a store that can be walked, and as much memory as they take. */
  all(callback?: StoreCallback<Record<string, Data>>): Promise<Record<string, Data>>;
  length(callback?: StoreCallback<number>): Promise<number>;
  /** `sessions.revokeEverything()`. Needs the option of that name. */
  clear(callback?: StoreCallback): Promise<void>;
  regenerate(req: IncomingMessage, callback?: StoreCallback): Promise<void>;
  /** Fails with `ERR_SESSION_ARGUMENT`: what has ended could begin anew with it. */
  createSession(req: IncomingMessage, data: unknown): Promise<never>;
  /** Fails with `ERR_SESSION_ARGUMENT`: use `req.session.regenerate()`. */
  generate(req: IncomingMessage): Promise<never>;
}

const methods = 'get load set destroy touch all length clear regenerate createSession generate'.split(' ');

export function sessionStoreView(visit: Visit): SessionStoreView {
  const view: Record<string, unknown> = {};
  for (const name of methods) {
    view[name] = (...given: unknown[]) => {
      const last = given.at(-1);
      // The response waits for it as for the session's own verbs: an app that ends a session here may not await it (G5).
      visit.gate();
      const work = during(visit.handle, async () =>
        (await import('./store-verbs.js')).storeVerbs[name]?.(visit, given[0], given[1]),
      );
      // On a tick of its own, so that what the callback throws is never mistaken for a failure of the work.
      if (typeof last === 'function') {
        work.then(
          (result) => process.nextTick(last, null, result),
          (error: unknown) => process.nextTick(last, error),
        );
      }
      return work;
    };
  }
  return view as unknown as SessionStoreView;
}
