/** What a request gets: `session`, and beside it express-session's `sessionID` and `sessionStore`. */
import type { IncomingMessage } from 'node:http';
import { argumentError, SessionError } from '../core/errors.js';
import type { SessionId } from '../core/ids.js';
import type { Session } from '../core/session.js';
import { sessionStoreView } from './familiar/session-store.js';
import { type Visit, visitKey, visitOf } from './visit.js';

/**
 * They are the request's own, not its app's: Express gives a request the prototype of each app that it enters and takes
 * it back on the way out. On the prototype they would be missing in an app called as a function (vhost) and after a
 * mounted one, and what is put there instead would be stored nowhere (G5).
 */
export function attachVisit(req: IncomingMessage, visit: Visit): void {
  // Not enumerable: a request that is logged must not drag a session along.
  Object.defineProperty(req, visitKey, { value: visit });
  // One by one: all at once takes 4 µs, these 1.
  Object.defineProperty(req, 'session', session);
  Object.defineProperty(req, 'sessionID', sessionID);
  Object.defineProperty(req, 'sessionStore', sessionStore);
  visit.request = req;
}

/** What else sets `req.session`, by what it sets beside it. */
const others = [
  ['sessionStore', 'express-session'],
  ['sessionOptions', 'cookie-session'],
] as const;

/**
 * The error where something else has set `req.session` already. To go on would lose what is put there, or what the app
 * expects there, and nobody would see it (G5).
 */
export function takenBefore(req: IncomingMessage): SessionError | undefined {
  const { session } = req as { session?: unknown };
  if (session === undefined || session === null) return undefined;
  const [, by = 'a middleware or a test'] = others.find(([name]) => name in req) ?? [];
  return new SessionError(
    'ERR_SESSION_PROPERTY_TAKEN',
    `req.session is taken: ${by} has set it before session(). Remove that; docs/migrating shows how its people stay signed in. A test fills req.session after session(), or signs in by a request.`,
  );
}

const property = <Value>(
  name: string,
  get: (visit: Visit) => Value,
  set: (visit: Visit, value: unknown) => boolean,
  remedy: string,
): PropertyDescriptor => ({
  configurable: true,
  enumerable: true,
  get(this: IncomingMessage): Value | undefined {
    const visit = visitOf(this);
    return visit && get(visit);
  },
  set(this: IncomingMessage, value: unknown) {
    const visit = visitOf(this);
    if (!visit || !set(visit, value)) throw argumentError(`req.${name} can't be assigned. ${remedy}`);
  },
});

const never = () => false;

const session = property<Session | null | undefined>(
  'session',
  (visit) => visit.found,
  (visit, value) => {
    if (value === null || value === undefined) visit.unset(value);
    else if (value === visit.handle.session) visit.resume();
    else return false;
    return true;
  },
  'Set its keys one by one, or end the session with `await req.session.destroy()`.',
);

const sessionID = property<SessionId | undefined>(
  'sessionID',
  // A log line asks for it too, of requests whose session can't be looked up.
  (visit) => (visit.handle.error ? undefined : visit.session.id),
  never,
  'A new id comes with a new token: req.session.regenerate().',
);

const sessionStore = property(
  'sessionStore',
  (visit) => {
    visit.sessionStore ??= sessionStoreView(visit);
    return visit.sessionStore;
  },
  never,
  'Give session() another store.',
);
