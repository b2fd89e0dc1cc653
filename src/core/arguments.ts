/** Checks of what apps pass to the verbs. */
import { argumentError, describe, wrongArgument } from './errors.js';
import type { SessionHandle } from './handle.js';
import { isStray } from './maybe-promise.js';
import { wholeNumber } from './options.js';
import type { Aal } from './record.js';

/** Longer is no name of a person but a mistake, such as a whole profile as JSON. */
const longestOwner = 512;

/**
 * Half a surrogate pair is no character: in UTF-8 they are all one, and whoever is named by one would share sessions,
 * limit and revocation with the others.
 */
export function ownerName(owner: unknown, option = 'signIn owner', remedy = ''): string {
  if (typeof owner === 'bigint' || Number.isSafeInteger(owner)) return String(owner);
  if (typeof owner === 'string' && owner !== '' && owner.length <= longestOwner && !/\p{Surrogate}/u.test(owner))
    return owner;
  throw argumentError(
    `${option}: expected a whole number or 1 to ${longestOwner} well-formed characters that name a person for good, got ${typeof owner === 'string' ? `${owner.length} characters` : describe(owner)}.${remedy}`,
  );
}

/** What a function of the app answered, where there is no time to wait: an async one is refused. */
export function atOnce<Answer>(answer: Answer, option: string, remedy: string): Answer {
  if (!isStray(answer)) return answer;
  throw wrongArgument(option, 'an answer at once', answer, remedy);
}

export function startOf(handle: SessionHandle, options: { readonly startedAt?: number | undefined }): number {
  // After credentialChanged() the request goes on with the new credential: its own mark must not bar it.
  if (options.startedAt === undefined) return Math.max(handle.openedAt, (handle.barredAt ?? -1) + 1);
  return wholeNumber(options.startedAt, 'startedAt (ms since the epoch)', 0, Number.MAX_SAFE_INTEGER);
}

export function aalOf(value: unknown, option: string): Aal {
  return wholeNumber(value, option, 1, 3) as Aal;
}

/** A name of what was unlocked, as RFC 6749 section 3.3 spells scopes, but short. */
export function scopeOf(value: unknown, option: string): string {
  if (typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,64}$/.test(value)) return value;
  throw wrongArgument(
    option,
    "a word of 1 to 64 visible ASCII characters such as 'payments', without quotes and backslashes",
    value,
  );
}

export function stepOf(value: unknown): string {
  if (typeof value === 'string' && /^[a-z][a-z0-9-]{0,31}$/.test(value)) return value;
  throw wrongArgument(
    'signIn pending',
    "the name of the next step such as 'mfa' (lower case, at most 32 characters)",
    value,
  );
}

export function names(value: unknown, option: string): readonly string[] {
  if (
    Array.isArray(value) &&
    value.length <= 32 &&
    value.every((item) => typeof item === 'string' && item.length >= 1 && item.length <= 128)
  ) {
    return [...value] as string[];
  }
  throw wrongArgument(option, 'an array of at most 32 short strings', value);
}
