/** Whose session it is: asked of the app's function, and how the store hears of it. */
import type { SessionData } from 'express-session';
import { atOnce } from '../core/arguments.js';
import { argumentError, describe } from '../core/errors.js';
import type { Keyring } from '../core/keyring.js';
import type { OwnerFields } from '../core/repository.js';
import { hashOwner } from '../core/token.js';
import type { OwnerOf } from './options.js';

/** Longer is no name of a person but a mistake, such as a whole profile as JSON. */
const longest = 512;

export function ownerOf(of: OwnerOf | undefined, session: object): string | undefined {
  const owner: unknown = atOnce(of?.(session as SessionData), 'owner()', 'Read it from the data alone.');
  if (owner === undefined || owner === null || owner === '' || owner === false) return undefined;
  if (typeof owner === 'bigint' || Number.isSafeInteger(owner)) return String(owner);
  if (typeof owner === 'string' && owner.length <= longest && !/\p{Surrogate}/u.test(owner)) return owner;
  throw argumentError(
    `owner: expected the function to answer a well-formed string of at most ${longest} characters or a whole number, or nothing while nobody has signed in, got ${typeof owner === 'string' ? `${owner.length} characters` : describe(owner)}.`,
  );
}

/** `startedAt`: when the request that signs in came; a revocation of everything after that bars it. */
export function ownerFields(
  keyring: Keyring,
  audience: string,
  owner: string | undefined,
  startedAt: number,
): OwnerFields {
  return owner === undefined ? {} : { ownerHash: hashOwner(keyring.newest, audience, owner), startedAt };
}
