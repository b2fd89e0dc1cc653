/**
 * Tokens that prove that a request comes from a page which this app made for this very session: 36 bytes as 48
 * characters of base64url.
 *
 *   byte   0       format, 1
 *   byte   1       fingerprint of the key that made the MAC
 *   bytes  2..19   random, new for each token
 *   bytes 20..35   mac: HMAC-SHA-256 over version, random, audience and what the token is bound to, cut to 128 bits
 *
 * 36 is a multiple of 3, so every text of the right length and alphabet is the only spelling of its bytes.
 *
 * The random part makes every token differ in every byte that matters, so that a page which is compressed with other
 * people's input gives nothing away about it (BREACH). It can't be made from outside, and one of another session or
 * another visitor does not hold (OWASP's HMAC-based token, bound to the session).
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Keyring, PurposeKeys } from '../core/keyring.js';

const format = 1;
const saltAt = 2;
const macAt = 20;
const size = 36;
const shape = /^[A-Za-z0-9_-]{48}$/;

/** `session`: its public id, which changes at every sign-in. `visitor`: the random value in a cookie of somebody without one. */
export interface CsrfBinding {
  readonly kind: 'session' | 'visitor';
  readonly value: string;
}

export class CsrfTokens {
  readonly #keyring: Keyring;
  readonly #audience: string;

  constructor(keyring: Keyring, audience: string) {
    this.#keyring = keyring;
    this.#audience = audience;
  }

  write(binding: CsrfBinding): string {
    const keys = this.#keyring.newest;
    const bytes = Buffer.alloc(size);
    bytes[0] = format;
    bytes[1] = keys.fingerprint;
    bytes.set(randomBytes(macAt - saltAt), saltAt);
    this.#mac(keys, bytes, binding).copy(bytes, macAt, 0, size - macAt);
    return bytes.toString('base64url');
  }

  /** Whether the token was made for one of the bindings, under a key of the ring. Never throws. */
  holds(token: string, bindings: readonly CsrfBinding[]): boolean {
    if (!shape.test(token)) return false;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes[0] !== format) return false;
    const mac = bytes.subarray(macAt);
    for (const keys of this.#keyring.withFingerprint(bytes[1] as number)) {
      for (const binding of bindings) {
        if (timingSafeEqual(this.#mac(keys, bytes, binding).subarray(0, size - macAt), mac)) return true;
      }
    }
    return false;
  }

  #mac(keys: PurposeKeys, bytes: Buffer, { kind, value }: CsrfBinding): Buffer {
    return (
      createHmac('sha256', keys.csrf)
        .update('holdfast/csrf/v1')
        .update(bytes.subarray(0, macAt))
        // As JSON, so that no two combinations of the three read the same.
        .update(JSON.stringify([this.#audience, kind, value]))
        .digest()
    );
  }
}
