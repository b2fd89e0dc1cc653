/**
 * From express-session's id, which is what its cookie carries, to ours, under which the store keeps the record: a keyed
 * PRF, so that nobody can make a cookie from a dump of the store, and the id can be printed.
 */
import { createHmac } from 'node:crypto';
import type { SessionId } from '../core/ids.js';
import type { Keyring } from '../core/keyring.js';
import { idBytes } from '../core/token.js';

/** One id for each key of the ring, newest first: a session keeps the one under which it was first stored. */
export type Ids = readonly [SessionId, ...SessionId[]];

export function idsOf(keyring: Keyring, audience: string, sid: string): Ids {
  const name = Buffer.from(audience);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(name.length);
  return keyring.all.map((keys) => {
    const digest = createHmac('sha256', keys.sid).update(length).update(name).update(sid).digest();
    return digest.toString('base64url', 0, idBytes) as SessionId;
  }) as unknown as Ids;
}
