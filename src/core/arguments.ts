/** Checks of what apps pass to the verbs. */
import { describe, SessionError } from './errors.js';
import type { SessionHandle } from './handle.js';
import { wholeNumber } from './options.js';
import type { Aal } from './record.js';

/** Longer is no name of a person but a mistake, such as a whole profile as JSON. */
const longestOwner = 512;

export function ownerName(owner: unknown): string {
  if (typeof owner === 'bigint' || (typeof owner === 'number' && Number.isSafeInteger(owner))) return String(owner);
  if (typeof owner === 'string' && owner.length >= 1 && owner.length <= longestOwner) return owner;
  throw new SessionError(
    'ERR_SESSION_ARGUMENT',
    `signIn owner: expected a string of 1 to ${longestOwner} characters or a whole number that names the person for good, got ${typeof owner === 'string' ? `${owner.length} characters` : describe(owner)}.`,
  );
}

export function startOf(handle: SessionHandle, options: { readonly startedAt?: number | undefined }): number {
  if (options.startedAt === undefined) return handle.openedAt;
  return wholeNumber(options.startedAt, 'startedAt (ms since the epoch)', 0, Number.MAX_SAFE_INTEGER);
}

export function aalOf(value: unknown, option: string): Aal {
  return wholeNumber(value, option, 1, 3) as Aal;
}

export function names(value: unknown, option: string): readonly string[] {
  if (
    Array.isArray(value) &&
    value.length <= 32 &&
    value.every((item) => typeof item === 'string' && item.length >= 1 && item.length <= 128)
  ) {
    return [...value] as string[];
  }
  throw new SessionError(
    'ERR_SESSION_ARGUMENT',
    `${option}: expected an array of at most 32 short strings, got ${describe(value)}.`,
  );
}
