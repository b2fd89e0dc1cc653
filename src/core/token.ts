/**
 * The token that the cookie carries: 69 bytes, written as 92 characters of base64url (RFC 4648 section 5).
 *
 *   byte   0       fingerprint of the key that made the MAC
 *   bytes  1..20   id: tag (4, from the hashed owner; random while anonymous) and 16 random bytes
 *   bytes 21..52   secret: 32 random bytes; a store only ever sees its SHA-256
 *   bytes 53..68   mac: HMAC-SHA-256 over version, audience, id and secret, cut to 128 bits
 *
 * 69 is a multiple of 3, so every text of the right length and alphabet is the only spelling of its bytes.
 * The MAC proves nothing about a session: it lets junk be refused without asking the store. What opens a session is
 * the secret, compared by hash with the record (ASVS 7.2.3 asks for 128 bits; this is 256).
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { OwnerHash, SessionId, SessionToken, Version } from './ids.js';
import type { Keyring, PurposeKeys } from './keyring.js';
import { nextRandom } from './random.js';

export const tokenLength = 92;
export const idBytes = 20;
const tagBytes = 4;
const secretBytes = 32;
const macBytes = 16;
const idAt = 1;
const secretAt = idAt + idBytes;
const macAt = secretAt + secretBytes;
const size = macAt + macBytes;

const shape = /^[A-Za-z0-9_-]{92}$/;

export interface ParsedToken {
  readonly id: SessionId;
  readonly secret: Buffer;
}

/** Why a cookie value is not a token of ours. */
export type TokenFault = 'malformed' | 'unknown-key' | 'mac';

export class TokenCodec {
  readonly #keyring: Keyring;
  /** Version and audience, length-prefixed, so that no two audiences can share a MAC input. */
  readonly #prefix: Buffer;

  constructor(keyring: Keyring, audience: string) {
    this.#keyring = keyring;
    const name = Buffer.from(audience);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(name.length);
    this.#prefix = Buffer.concat([Buffer.from('holdfast/token/v1'), length, name]);
  }

  /** Made with the newest key. */
  write(id: SessionId, secret: Uint8Array): SessionToken {
    const keys = this.#keyring.newest;
    const bytes = Buffer.allocUnsafe(size);
    bytes[0] = keys.fingerprint;
    bytes.write(id, idAt, idBytes, 'base64url');
    bytes.set(secret, secretAt);
    this.#mac(keys, bytes).copy(bytes, macAt, 0, macBytes);
    return bytes.toString('base64url') as SessionToken;
  }

  /** The token's parts if its MAC holds under a key of the ring; else why not. Never throws. */
  read(text: string): ParsedToken | TokenFault {
    if (text.length !== tokenLength || !shape.test(text)) return 'malformed';
    const bytes = Buffer.from(text, 'base64url');
    const candidates = this.#keyring.withFingerprint(bytes[0] as number);
    if (candidates.length === 0) return 'unknown-key';
    const mac = bytes.subarray(macAt);
    for (const keys of candidates) {
      if (timingSafeEqual(this.#mac(keys, bytes).subarray(0, macBytes), mac)) {
        return {
          id: bytes.toString('base64url', idAt, secretAt) as SessionId,
          secret: bytes.subarray(secretAt, macAt),
        };
      }
    }
    return 'mac';
  }

  #mac(keys: PurposeKeys, bytes: Buffer): Buffer {
    return createHmac('sha256', keys.token).update(this.#prefix).update(bytes.subarray(idAt, macAt)).digest();
  }
}

/** A new id; with an owner it starts with that owner's tag, so that a cluster can keep an owner's sessions together. */
export function newId(owner?: OwnerHash, bytes = randomBytes(idBytes)): SessionId {
  if (owner) bytes.write(owner, 0, tagBytes, 'base64url');
  return bytes.toString('base64url') as SessionId;
}

export const newSecret = (): Buffer => randomBytes(secretBytes);
export const newVersion = (): Version => nextRandom(8).toString('base64url') as Version;

/** What a store may know of a secret. The input is 256 random bits, so a plain hash can't be run backwards. */
export function hashSecret(secret: Uint8Array): Buffer {
  return createHash('sha256').update('holdfast/secret/v1').update(secret).digest();
}

/** Whose session it is, as a store may know it: HMAC-SHA-256 cut to 160 bits. `owner` is well-formed (ownerName). */
export function hashOwner(keys: PurposeKeys, audience: string, owner: string): OwnerHash {
  const name = Buffer.from(audience);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(name.length);
  const digest = createHmac('sha256', keys.owner).update(length).update(name).update(owner).digest();
  return digest.toString('base64url', 0, idBytes) as OwnerHash;
}
