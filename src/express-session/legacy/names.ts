/**
 * From the id of an old session to the names of ours, by a PRF: every request of one page load, on every instance, then
 * takes it over under the same id and with the same secret. Nobody without both the key and the old id can compute them.
 */
import { createHmac } from 'node:crypto';
import type { OwnerHash, SessionId } from '../../core/ids.js';
import type { PurposeKeys } from '../../core/keyring.js';
import { hashOwner, idBytes, newId } from '../../core/token.js';

export interface Names {
  /** Under which the store knows the owner of the session that takes the old one's place. */
  ownerHash(owner: string): OwnerHash;
  /** The id of the session that takes the old one's place. It begins as its owner's hash does, so that they share a slot in a cluster. */
  id(owner?: OwnerHash): SessionId;
  readonly secret: Buffer;
  /** Under which it is remembered that it was taken over, and whose it was. */
  readonly marker: SessionId;
}

export function namesOf(keys: PurposeKeys, audience: string, sid: string): Names {
  const name = Buffer.from(audience);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(name.length);
  const derive = (what: string) =>
    createHmac('sha256', keys.moved).update(what).update(head).update(name).update(sid).digest();
  return {
    ownerHash: (owner) => hashOwner(keys, audience, owner),
    id: (owner) => newId(owner, derive('id/v1').subarray(0, idBytes)),
    secret: derive('secret/v1'),
    marker: newId(undefined, derive('marker/v1').subarray(0, idBytes)),
  };
}
