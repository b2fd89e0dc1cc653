/**
 * From the id of an old session to the names of ours, by a PRF: every request of one page load, on every instance, then
 * takes it over under the same id and with the same secret. Nobody without both the key and the old id can compute them.
 */
import { createHmac } from 'node:crypto';
import type { SessionId } from '../../core/ids.js';
import type { PurposeKeys } from '../../core/keyring.js';
import { idBytes } from '../../core/token.js';

export interface Names {
  /** The id and the secret of the session that takes the old one's place. */
  readonly id: SessionId;
  readonly secret: Buffer;
  /** Under which it is remembered that it was taken over. */
  readonly marker: SessionId;
}

export function namesOf({ moved }: PurposeKeys, audience: string, sid: string): Names {
  const name = Buffer.from(audience);
  const head = Buffer.alloc(2);
  head.writeUInt16BE(name.length);
  const derive = (what: string) =>
    createHmac('sha256', moved).update(what).update(head).update(name).update(sid).digest();
  const idOf = (what: string) => derive(what).toString('base64url', 0, idBytes) as SessionId;
  return { id: idOf('id/v1'), secret: derive('secret/v1'), marker: idOf('marker/v1') };
}
