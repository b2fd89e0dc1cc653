/** Whose session it is: asked of the app's function, and how the store hears of it. */
import { atOnce, ownerName } from '../core/arguments.js';
import type { Keyring } from '../core/keyring.js';
import type { OwnerFields } from '../core/repository.js';
import { hashOwner } from '../core/token.js';

/** Nobody while the function answers nothing. */
export function ownerOf<Data extends object>(
  of: ((session: Data) => unknown) | undefined,
  session: Data,
): string | undefined {
  const owner = atOnce(of?.(session), 'owner()', 'Read it from the data alone.');
  if (owner === undefined || owner === null || owner === '' || owner === false) return undefined;
  return ownerName(owner, 'owner()', ' Answer undefined while nobody has signed in.');
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
