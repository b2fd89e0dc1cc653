/** Why a request has the session and the cookie that it has, or has none: the question that a silent library leaves open. */
import type { IncomingMessage } from 'node:http';
import type { SessionError } from '../core/errors.js';
import type { SessionId } from '../core/ids.js';
import { notVisited, visitOf } from './visit.js';

export interface Explanation {
  /** `unavailable`: the store could not say. */
  readonly session: 'none' | 'anonymous' | 'pending' | 'signed-in' | 'ended' | 'unavailable';
  readonly id: SessionId | undefined;
  /** The cookie's name on this request; undefined where no cookie can be used. */
  readonly cookieName: string | undefined;
  /** How many values of that name came. */
  readonly cookiesReceived: number;
  /** What the response did or will do with the cookie, as far as is decided. */
  readonly cookie: 'kept' | 'set' | 'cleared' | 'withheld';
  /** One sentence a finding, most important first; for people. */
  readonly because: readonly string[];
}

const refusals: Record<string, string> = {
  malformed: 'A cookie value is not a token: wrong length or characters.',
  mac: 'A token was not made by this app, or was changed on the way.',
  'unknown-key': 'A token was made with a secret that is not in `secret` any more.',
  ambiguous: 'Two different valid tokens came under the same name, so neither was taken.',
  'unknown-session': 'The store does not know the session: it expired long ago, was evicted, or the store lost it.',
  'wrong-secret': 'The token names a session but does not have its secret.',
  'token-reuse': 'A token was used after its successor: the cookie was copied, so the session was ended.',
  'idle-expired': 'The session was not used for longer than the idle limit.',
  'absolute-expired': 'The session reached its absolute limit.',
  'guard-sign-in': 'A guard refused the request, because nobody is signed in.',
  'guard-step': 'A guard refused the request, because the sign-in is not complete.',
  'guard-aal': 'A guard refused the request, because it asks for a higher assurance level than the sign-in has.',
  'guard-freshness': 'A guard refused the request, because the person proved who they are too long ago.',
  'guard-scope': 'A guard refused the request, because what it asks for is not unlocked.',
  'sign-in-barred': "A sign-in was refused, because the person's sessions were revoked after it had begun.",
  'sign-in-limit': 'A sign-in was refused, because the person has as many sessions as are allowed.',
  'csrf-missing': 'An unsafe request came without a CSRF token.',
  'csrf-wrong': 'The CSRF token of an unsafe request was made for another session, or before the last sign-in.',
  'record-malformed': 'The stored record is damaged.',
  'record-authentication': 'The stored record was changed by somebody else, or belongs to another session or app.',
  'record-newer-format': 'The stored record was written by a newer version of holdfast.',
  'record-unknown-key': 'The stored record was sealed with a secret that this instance does not have.',
};

/** Why a request got no further than the door; under it there is no visit to ask. */
const turnedAway = new WeakMap<IncomingMessage, SessionError>();

/** For the door: `explain` then has the sentence of the refusal. */
export function turnAway(req: IncomingMessage, refused: SessionError): SessionError {
  turnedAway.set(req, refused);
  return refused;
}

export function explain(req: IncomingMessage): Explanation {
  const visit = visitOf(req);
  const refused = typeof req === 'object' && req !== null ? turnedAway.get(req) : undefined;
  if (!visit && refused) {
    return {
      session: 'none',
      id: undefined,
      cookieName: undefined,
      cookiesReceived: 0,
      cookie: 'kept',
      because: [refused.message],
    };
  }
  if (!visit) {
    throw notVisited('explain');
  }
  const { handle, transport, cookieValues } = visit;
  const because: string[] = [];
  if (!transport.usable)
    because.push(`No cookie is read or set on this request (${transport.reason}). ${transport.remedy}`);
  if (handle.error) because.push(handle.error.message);
  for (const refusal of handle.refusals) {
    because.push(refusals[refusal] ?? `The session of the cookie was ended (${refusal.replace(/^ended: /, '')}).`);
  }
  because.push(...handle.notes);
  if (handle.dropped) because.push('A change to the session was dropped.');
  if (transport.usable && cookieValues === 0) because.push(`The request has no cookie ${transport.cookieName}.`);
  if (handle.phase === 'alive' && because.length === 0)
    because.push(
      handle.fromCache
        ? 'The cookie opened the session, from memory: the store was not asked.'
        : 'The cookie opened the session.',
    );
  return {
    session: stateOf(visit.handle),
    id: handle.stored?.id,
    cookieName: transport.usable ? transport.cookieName : undefined,
    cookiesReceived: cookieValues,
    cookie: transport.usable ? visit.cookie : 'withheld',
    because,
  };
}

function stateOf({ phase, stored }: NonNullable<ReturnType<typeof visitOf>>['handle']): Explanation['session'] {
  if (phase === 'unavailable') return 'unavailable';
  if (phase === 'ended' || phase === 'superseded') return 'ended';
  if (!stored) return 'none';
  if (stored.header.pending) return 'pending';
  return stored.header.owner === undefined ? 'anonymous' : 'signed-in';
}
