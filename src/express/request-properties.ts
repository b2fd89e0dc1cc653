/** What a request gets: `session`, and beside it express-session's `sessionID` and `sessionStore`. */
import type { IncomingMessage } from 'node:http';
import { argumentError } from '../core/errors.js';
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

/**
 * Whether something else has set `req.session` already. To go on would lose what is put there, or what the app expects
 * there, and nobody would see it (G5).
 */
export function isTaken(req: IncomingMessage): boolean {
  const { session } = req as { session?: unknown };
  return session !== undefined && session !== null;
}

/**
 * Whether something has put a property of its own in place of ours, as cookie-session does. It can't be kept from that:
 * a property that nobody can define anew, nobody can delete, and `delete req.session` is express-session's.
 */
export function isShadowed(req: IncomingMessage): boolean {
  const own = Object.getOwnPropertyDescriptor(req, 'session');
  return own !== undefined && own.get !== session.get;
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
