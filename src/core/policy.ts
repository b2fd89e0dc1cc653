/**
 * When a session is alive, and what a secret opens. Pure: (record, now) in, a word out.
 *
 * A configuration can only shorten a session that is already stored, one with limits of its own included; the sealed
 * absolute deadline and the sealed idle limit are the most it gets.
 */
import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';
import type { RecordHeader, Scopes } from './record.js';
import { hashSecret } from './token.js';

/** A sign-in that waits for its next step waits no longer (ASVS 5.0, 6.5.5 gives out-of-band codes at most 10 minutes). */
export const longestPendingMs = 600_000;

export interface Limits {
  readonly idleMs: number;
  readonly absoluteMs: number;
  /** A session's own idle limit counts also where it is longer: beneath express-session the cookie says it. Default false. */
  readonly ownIdleLeads?: boolean;
}

export interface Deadlines {
  /** The idle deadline: moves with use. */
  readonly expiresAt: number;
  /** The absolute deadline: moved by nothing but re-authentication. */
  readonly endsAt: number;
  /** When the last touch was. */
  readonly lastSeenAt: number;
}

/** How long it lives on without use. */
export function idleMsOf(header: Pick<RecordHeader, 'idleMs' | 'maxAgeMs' | 'ownIdle'>, limits: Limits): number {
  const { idleMs, maxAgeMs = idleMs, ownIdle } = header;
  return Math.min(idleMs, maxAgeMs, limits.ownIdleLeads && ownIdle ? idleMs : limits.idleMs);
}

/** Both deadlines in force: what is stored, or less where the configuration now says less. */
export function deadlinesOf(header: RecordHeader, idleDeadline: number, limits: Limits): Deadlines {
  const began = header.authenticatedAt ?? header.createdAt;
  const endsAt = Math.min(header.absoluteDeadline, began + limits.absoluteMs);
  const lastSeenAt = idleDeadline - header.idleMs;
  const idleMs = idleMsOf(header, limits);
  return { expiresAt: Math.min(lastSeenAt + idleMs, endsAt), endsAt, lastSeenAt };
}

/** The idle deadline to store when the session is used now: never past the absolute one. */
export function nextIdleDeadline(header: RecordHeader, limits: Limits, now: number): number {
  const { endsAt } = deadlinesOf(header, now + header.idleMs, limits);
  return Math.min(now + header.idleMs, endsAt);
}

export type Life = 'alive' | 'idle-expired' | 'absolute-expired';

/** A deadline is the first moment at which the session is dead. */
export function lifeOf(deadlines: Deadlines, now: number): Life {
  if (now >= deadlines.endsAt) return 'absolute-expired';
  return now >= deadlines.expiresAt ? 'idle-expired' : 'alive';
}

/** What is still unlocked: the scopes whose deadline has not come. The session's own end comes first in any case. */
export function scopesAt({ scopes }: Pick<RecordHeader, 'scopes'>, now: number): Scopes {
  if (!scopes) return noScopes;
  // No prototype: a scope is looked up by a name, and `constructor` is not one that anybody was given.
  const live = Object.create(null) as Record<string, number>;
  for (const [name, until] of Object.entries(scopes)) if (now < until) live[name] = until;
  return live;
}

const noScopes: Scopes = Object.freeze(Object.create(null));

/**
 * What a secret under a good MAC is to this record.
 * `next`: the successor that was offered, arriving for the first time. `previous`: the one before, inside its grace.
 * `reused`: the one before, after its grace: the cookie was copied. `unknown`: none of them.
 */
export type SecretStanding = 'current' | 'next' | 'previous' | 'reused' | 'unknown';

export function standingOf(header: RecordHeader, secret: Uint8Array, now: number): SecretStanding {
  const hash = hashSecret(secret);
  if (timingSafeEqual(hash, header.secretHash)) return 'current';
  if (header.previousHash && timingSafeEqual(hash, header.previousHash)) {
    return now < header.previousUntil ? 'previous' : 'reused';
  }
  return timingSafeEqual(hash, hashSecret(nextSecret(header))) ? 'next' : 'unknown';
}

/**
 * The successor of the current secret. Derived, so that every overlapping request offers the same one and a lost
 * response can be repeated; from a seed that only the sealed record holds, so that a key rotation in between changes
 * nothing and nobody without the record can compute it.
 */
export function nextSecret(header: RecordHeader): Buffer {
  return createHmac('sha256', createSecretKey(header.renewalSeed)).update('holdfast/renewal/v1').digest();
}
