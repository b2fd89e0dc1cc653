/** The errors that several rooms of the core throw, each worded once. */
import { SessionError } from './errors.js';
import type { SessionHandle, Stored } from './handle.js';
import type { Parts } from './parts.js';
import type { Found } from './repository.js';
import type { SealFault } from './seal.js';

export function endedError(reason: string): SessionError {
  return new SessionError(
    'ERR_SESSION_ENDED',
    `The session ended while this request was using it (${reason}). Nothing was stored.`,
    { reason },
  );
}

export function changedMeanwhile(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    'Another request changed this session meanwhile. Load it again and repeat the change.',
  );
}

export function busy(): SessionError {
  return new SessionError(
    'ERR_SESSION_CONFLICT',
    'Too many requests changed this session at once; the change was not stored. Try again.',
    {
      status: 503,
      outcome: 'not-applied',
    },
  );
}

export function unreadable(fault: string, cause?: unknown): SessionError {
  return new SessionError(
    'ERR_SESSION_RECORD_UNREADABLE',
    `The stored session can't be read by this instance (${fault}). It is left as it is: an instance with the newer version or the other secret can read it.`,
    cause === undefined ? {} : { cause },
  );
}

/** Another instance can read such a record: it must not be overwritten, nor taken for gone. */
export const isTemporary = (fault: SealFault): boolean => fault === 'newer-format' || fault === 'unknown-key';

/** Why a session could not be put in another's place: told as an event and to `explain`, and thrown by the verb. */
export function signInRefused({ events }: Pick<Parts, 'events'>, handle: SessionHandle, result: string): SessionError {
  if (result !== 'barred' && result !== 'limit')
    return new SessionError('ERR_SESSION_CONFLICT', `The session could not be replaced (${result}). Try again.`);
  handle.refusals.push(`sign-in-${result}`);
  events.emit({ type: 'sign-in-refused', reason: result }, handle);
  return result === 'barred'
    ? new SessionError(
        'ERR_SESSION_BARRED',
        "This sign-in began before the person's sessions were revoked, so it does not count. Check the credentials again.",
      )
    : new SessionError(
        'ERR_SESSION_LIMIT',
        'This person has as many sessions as are allowed. One must end before another begins.',
      );
}

/** The endings of which the browser was told by a cookie of its own. */
export const toldEndings: ReadonlySet<string> = new Set(['replaced', 'signed-out', 'destroyed']);

const supersededForMs = 60_000;

/**
 * For so long after such an ending, a request that still carries what named the session is taken for one that was under
 * way: its browser has a newer cookie, and a session begun now would overwrite it (G4).
 */
export const isSuperseded = (reason: string, endedAt: number, openedAt: number): boolean =>
  toldEndings.has(reason) && openedAt < endedAt + supersededForMs;

export function unavailable(handle: SessionHandle, error: SessionError): SessionHandle {
  handle.phase = 'unavailable';
  handle.error = error;
  return handle;
}

/** For verbs that waited for others of their request: what is stored, unless one of those ended the session. */
export function storedOf(handle: SessionHandle): Stored {
  requireUsable(handle);
  if (!handle.stored || handle.phase !== 'alive') throw endedError(handle.endedReason ?? 'by this request');
  return handle.stored;
}

/** For verbs: throws where the session can't be used any more, or can't be looked up. */
export function requireUsable(handle: SessionHandle): void {
  if (handle.error) throw handle.error;
  if (handle.phase === 'ended') throw endedError('by this request');
}

/** What another request stored, where it can be read. */
export function readable(found: Found): Stored {
  if (found.kind !== 'found') throw unreadable(found.kind === 'refused' ? found.fault : 'malformed');
  return found.stored;
}
