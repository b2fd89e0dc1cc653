/** What a request gets: `session`, and beside it express-session's `sessionID` and `sessionStore`. */
import type { IncomingMessage } from 'node:http';
import { argumentError } from '../core/errors.js';
import type { SessionId } from '../core/ids.js';
import type { Session } from '../core/session.js';
import { sessionStoreView } from './familiar/session-store.js';
import { type Visit, visitKey, visitOf } from './visit.js';

/** `own`: the request must have its properties itself, so that it is noticed when one is deleted. */
export function attachVisit(req: IncomingMessage, visit: Visit, own: boolean): void {
  // Not enumerable: a request that is logged must not drag a session along.
  Object.defineProperty(req, visitKey, { value: visit });
  // Express makes one prototype for the requests of each app; there the properties cost a request nothing.
  const shared: unknown = own ? req : Object.getPrototypeOf(req);
  const home = typeof shared === 'object' && shared !== null && Object.hasOwn(shared, 'app') ? shared : req;
  visit.home = home;
  if (!Object.hasOwn(home, 'session')) Object.defineProperties(home, properties);
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
    // A request of the same app that did not pass session(): the name is free there.
    if (!visit) Object.defineProperty(this, name, { value, configurable: true, enumerable: true, writable: true });
    else if (!set(visit, value)) throw argumentError(`req.${name} can't be assigned. ${remedy}`);
  },
});

const never = () => false;

const properties: PropertyDescriptorMap = {
  session: property<Session | null | undefined>(
    'session',
    (visit) => visit.found,
    (visit, value) => {
      if (value === null || value === undefined) visit.unset(value);
      else if (value === visit.handle.session) visit.resume();
      else return false;
      return true;
    },
    'Set its keys one by one, or end the session with `await req.session.destroy()`.',
  ),
  sessionID: property<SessionId | undefined>(
    'sessionID',
    // A log line asks for it too, of requests whose session can't be looked up.
    (visit) => (visit.handle.error ? undefined : visit.session.id),
    never,
    'A new id comes with a new token: req.session.regenerate().',
  ),
  sessionStore: property(
    'sessionStore',
    (visit) => {
      visit.sessionStore ??= sessionStoreView(visit);
      return visit.sessionStore;
    },
    never,
    'Give session() another store.',
  ),
};
