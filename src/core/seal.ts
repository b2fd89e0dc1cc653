/**
 * The envelope around a record: AES-256-GCM under a key of that session alone.
 *
 *   byte   0        format, 1
 *   byte   1        fingerprint of the key
 *   bytes  2..13    nonce, random for each sealing
 *   bytes 14..n-17  ciphertext
 *   last 16 bytes   authentication tag
 *
 * The key is HMAC-SHA-256(record key, id), so a session key sees only the writes of one session and random nonces
 * stay far below the limit of NIST SP 800-38D section 8.3. The associated data is format, fingerprint, id and
 * audience: a record moved to another id or another app does not open.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { SessionId } from './ids.js';
import type { Keyring, PurposeKeys } from './keyring.js';
import { nextRandom } from './random.js';

const format = 1;
/** Formats are counted up from 1; what begins with a printable character is somebody's text. */
const highestFormat = 0x1f;
const nonceAt = 2;
const nonceBytes = 12;
const textAt = nonceAt + nonceBytes;
const tagBytes = 16;
const cipher = 'aes-256-gcm';

/** Without it, Node accepts a tag of 4 bytes (DEP0182), which can be guessed (CVE-2025-47275). */
const tagLength = { authTagLength: tagBytes } as const;

/** How many bytes sealing adds. */
export const sealOverhead = textAt + tagBytes;

/**
 * `newer-format` and `unknown-key` are temporary: another instance can read the record, so it must not be
 * overwritten. `malformed` and `authentication` are final.
 */
export type SealFault = 'malformed' | 'authentication' | 'newer-format' | 'unknown-key';

/**
 * As many session keys are remembered, with what is bound to them, since a session that is written now is often written
 * again soon: about 1 KB each, and some 15 µs to derive.
 */
const mostSessionKeys = 4_000;

export class Sealer {
  readonly #keyring: Keyring;
  readonly #audience: Buffer;
  /** Sessions under the newest key of the ring, oldest first: to move each to the end with each use would cost a third of what it saves. */
  readonly #lately = new Map<SessionId, Sealing>();

  constructor(keyring: Keyring, audience: string) {
    this.#keyring = keyring;
    this.#audience = Buffer.from(audience);
  }

  seal(id: SessionId, plaintext: Uint8Array, keys = this.#keyring.newest): Uint8Array {
    // Not of the pool: it may be remembered, and would keep the 8 KB of its neighbours there too (G12).
    const out = Buffer.allocUnsafeSlow(plaintext.length + sealOverhead);
    out[0] = format;
    out[1] = keys.fingerprint;
    nextRandom(nonceBytes).copy(out, nonceAt);
    const { key, associated } = this.#sealing(keys, id);
    const sealing = createCipheriv(cipher, key, out.subarray(nonceAt, textAt), tagLength);
    sealing.setAAD(associated);
    sealing.update(plaintext).copy(out, textAt);
    sealing.final();
    sealing.getAuthTag().copy(out, out.length - tagBytes);
    return out;
  }

  /** The plaintext, or why it can't be had. Never throws. */
  open(id: SessionId, bytes: Uint8Array): Buffer | SealFault {
    if (!(bytes instanceof Uint8Array) || bytes.length < sealOverhead || bytes[0] === 0) return 'malformed';
    if (bytes[0] !== format) return (bytes[0] as number) > highestFormat ? 'malformed' : 'newer-format';
    const fingerprint = bytes[1] as number;
    const candidates = this.#keyring.withFingerprint(fingerprint);
    if (candidates.length === 0) return 'unknown-key';
    const nonce = bytes.subarray(nonceAt, textAt);
    const end = bytes.length - tagBytes;
    for (const keys of candidates) {
      const { key, associated } = this.#sealing(keys, id);
      const opening = createDecipheriv(cipher, key, nonce, tagLength);
      opening.setAAD(associated);
      opening.setAuthTag(bytes.subarray(end));
      const plaintext = opening.update(bytes.subarray(textAt, end));
      try {
        opening.final();
        return plaintext;
      } catch {
        // Not this key; the unauthenticated plaintext is dropped unread.
      }
    }
    return 'authentication';
  }

  #sealing(keys: PurposeKeys, id: SessionId): Sealing {
    if (keys !== this.#keyring.newest) return this.#derived(keys, id);
    const known = this.#lately.get(id);
    if (known) return known;
    const made = this.#derived(keys, id);
    this.#lately.set(id, made);
    if (this.#lately.size > mostSessionKeys) this.#lately.delete(this.#lately.keys().next().value as SessionId);
    return made;
  }

  #derived(keys: PurposeKeys, id: SessionId): Sealing {
    const name = Buffer.from(id);
    const head = Buffer.from([format, keys.fingerprint, name.length]);
    return { key: sessionKey(keys, id), associated: new Uint8Array(Buffer.concat([head, name, this.#audience])) };
  }
}

/** What each sealing of a session has in common: the key, and the associated data. */
interface Sealing {
  readonly key: KeyObject;
  /** In memory of its own, as long as it is remembered. */
  readonly associated: Uint8Array;
}

/** As a key object: from Node 24 on, ciphers spend five times as long on making one of plain bytes themselves. */
function sessionKey(keys: PurposeKeys, id: SessionId): KeyObject {
  return createSecretKey(createHmac('sha256', keys.record).update('holdfast/record/v1').update(id).digest());
}
