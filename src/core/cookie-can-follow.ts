/** Whether a new token can still reach the browser with this response. */
import { SessionError } from './errors.js';
import type { SessionHandle } from './handle.js';
import type { Parts } from './parts.js';

/**
 * A session whose cookie can't reach the browser is never stored: it would be a record that nobody can use. Throws, or
 * says no where the change of a safe request is dropped with an event; `insist`, as verbs do: throws in any case.
 */
export function cookieCanFollow({ events }: Pick<Parts, 'events'>, handle: SessionHandle, insist: boolean): boolean {
  if (handle.headOut) {
    throw new SessionError(
      'ERR_SESSION_COOKIE_TOO_LATE',
      'The session needs a cookie, but the response head is already out. Change the session, or await req.session.save(), before the first write.',
    );
  }
  const { withheld, safe } = handle.facts;
  if (withheld === undefined) return true;
  if (insist || !safe) throw new SessionError('ERR_SESSION_COOKIE_WITHHELD', withheld);
  handle.dropped = true;
  events.emit({ type: 'change-dropped', reason: 'cookie-withheld' });
  return false;
}
