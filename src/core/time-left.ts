/** How long a session lives on, for people who are to be warned before it ends (WCAG 2.2.1; NIST SP 800-63B-4 5.2). */
import type { SessionHandle } from './handle.js';
import { deadlinesOf, type Limits } from './policy.js';

/** As lengths and not as moments, because the clock of a browser may be wrong. */
export interface TimeLeft {
  /** Whether there is a session, of whomever. */
  readonly alive: boolean;
  readonly signedIn: boolean;
  /** Until the session ends if nobody uses it (ms): the idle limit, or the absolute one where that comes first. 0 when it is over. */
  readonly expiresInMs: number;
  /** Until it ends in any case (ms). 0 when it is over. */
  readonly endsInMs: number;
  /** Why the session that the cookie named is over, where the store still knows; else null. */
  readonly endedReason: string | null;
}

export function timeLeftOf(handle: SessionHandle, limits: Limits, now: number): TimeLeft {
  const { stored, phase, endedReason = null } = handle;
  const over = { alive: false, signedIn: false, expiresInMs: 0, endsInMs: 0 };
  if (!stored || phase !== 'alive') return { ...over, endedReason };
  const { expiresAt, endsAt } = deadlinesOf(stored.header, stored.idleDeadline, limits);
  // It was alive when it was read, and its time ran out before the answer.
  if (now >= expiresAt) return { ...over, endedReason: 'expired' };
  const signedIn = stored.header.owner !== undefined;
  return { alive: true, signedIn, expiresInMs: expiresAt - now, endsInMs: endsAt - now, endedReason };
}
