/**
 * Secrets to purpose keys: one HKDF-SHA-256 (RFC 5869) a purpose and secret, once at start.
 * A key made for one purpose is worth nothing for another.
 */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** What one secret is turned into. KeyObjects do not print their bytes. */
export interface PurposeKeys {
  /** Tells which key made a token or record: one byte, so two keys may share it, and then each is tried. */
  readonly fingerprint: number;
  /** MAC of tokens. */
  readonly token: KeyObject;
  /** Root of the per-session keys that seal records. */
  readonly record: KeyObject;
  /** MAC of CSRF tokens. */
  readonly csrf: KeyObject;
  /** Keyed hash of owners. */
  readonly owner: KeyObject;
  /** PRF from the session ids of other libraries to ours. */
  readonly sid: KeyObject;
  /** PRF from the ids of express-session's sessions to the ids and secrets of those that take their place. */
  readonly moved: KeyObject;
  /** PRF from an audience to the id of the record that says when everything was revoked. */
  readonly epoch: KeyObject;
}

export interface Keyring {
  /** Makes every new token and record. */
  readonly newest: PurposeKeys;
  /** Newest first. */
  readonly all: readonly PurposeKeys[];
  /** The keys with that fingerprint; none means that the secret is not in this ring. */
  withFingerprint(fingerprint: number): readonly PurposeKeys[];
}

const salt = 'holdfast/keys/v1';
const none: readonly PurposeKeys[] = [];

function derive(secret: string, purpose: string, length = 32): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, purpose, length));
}

function purposeKeys(secret: string): PurposeKeys {
  return {
    fingerprint: derive(secret, 'fingerprint', 1).readUInt8(0),
    token: createSecretKey(derive(secret, 'token')),
    record: createSecretKey(derive(secret, 'record')),
    csrf: createSecretKey(derive(secret, 'csrf')),
    owner: createSecretKey(derive(secret, 'owner')),
    sid: createSecretKey(derive(secret, 'sid')),
    moved: createSecretKey(derive(secret, 'moved')),
    epoch: createSecretKey(derive(secret, 'epoch')),
  };
}

/** `secrets` newest first, checked before (see secrets.ts). */
export function createKeyring(secrets: readonly string[]): Keyring {
  const all = secrets.map(purposeKeys);
  const newest = all[0];
  if (!newest) throw new RangeError('a key ring needs a secret');
  const byFingerprint = new Map<number, PurposeKeys[]>();
  for (const keys of all) {
    const same = byFingerprint.get(keys.fingerprint);
    if (same) same.push(keys);
    else byFingerprint.set(keys.fingerprint, [keys]);
  }
  return { newest, all, withFingerprint: (fingerprint) => byFingerprint.get(fingerprint) ?? none };
}
