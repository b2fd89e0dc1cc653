/**
 * The bytes of a value in the `sessions` table. Numbers are little-endian doubles; they keep their place in both forms,
 * so that a sweep reads a deadline without knowing which form it has.
 *
 *   record   0x01 | idle deadline (8) | indexed at (8) | serial (8) | V (1) | O (1) | version (V) | owner (O) | payload
 *   marker   0x02 | keep until (8)    | indexed at (8) | ended at (8) | reason, UTF-8
 *
 * `indexed at` is the moment under which the expiry table has the entry; `serial` orders an owner's sessions by
 * creation; version and owner are Latin-1.
 */
import { SessionError } from '../../core/errors.js';
import type { OwnerHash, Version } from '../../core/ids.js';
import type { Ended, Ending, StoredRecord } from '../../core/store.js';

const recordForm = 1;
const markerForm = 2;
const deadlineAt = 1;
const indexedAt = 9;
const thirdAt = 17;
const versionLengthAt = 25;
const ownerLengthAt = 26;
const recordHead = 27;
const markerHead = 25;

export interface Placement {
  readonly idleDeadline: number;
  readonly indexed: number;
  readonly serial: number;
}

export function encodeRecord(
  { bytes, version, owner = '' as OwnerHash }: Omit<StoredRecord, 'idleDeadline'>,
  { idleDeadline, indexed, serial }: Placement,
): Buffer {
  if (version.length > 255 || owner.length > 255) {
    throw new SessionError(
      'ERR_SESSION_ARGUMENT',
      'lmdbStore: expected a version and an owner of at most 255 characters.',
      { outcome: 'not-applied' },
    );
  }
  const value = Buffer.allocUnsafe(recordHead + version.length + owner.length + bytes.length);
  value[0] = recordForm;
  value.writeDoubleLE(idleDeadline, deadlineAt);
  value.writeDoubleLE(indexed, indexedAt);
  value.writeDoubleLE(serial, thirdAt);
  value[versionLengthAt] = version.length;
  value[ownerLengthAt] = owner.length;
  value.write(version, recordHead, 'latin1');
  value.write(owner, recordHead + version.length, 'latin1');
  value.set(bytes, recordHead + version.length + owner.length);
  return value;
}

export function encodeMarker({ reason, at, keepUntil }: Ending, indexed: number): Buffer {
  const text = Buffer.from(reason, 'utf8');
  const value = Buffer.allocUnsafe(markerHead + text.length);
  value[0] = markerForm;
  value.writeDoubleLE(keepUntil, deadlineAt);
  value.writeDoubleLE(indexed, indexedAt);
  value.writeDoubleLE(at, thirdAt);
  text.copy(value, markerHead);
  return value;
}

/** A newer release may have written a third form; guessing at it could lose a session. */
export function checkForm(value: Buffer): Buffer {
  if (value[0] === recordForm || value[0] === markerForm) return value;
  throw new SessionError(
    'ERR_SESSION_RECORD_UNREADABLE',
    `lmdbStore: a stored value has the form ${value[0]}, which this release does not know. Run the release that wrote it.`,
    { outcome: 'not-applied' },
  );
}

export const isRecord = (value: Buffer): boolean => value[0] === recordForm && !isDamaged(value);
export const isMarker = (value: Buffer): boolean => value[0] === markerForm && !isDamaged(value);
export const deadlineOf = (value: Buffer): number => value.readDoubleLE(deadlineAt);
export const indexedOf = (value: Buffer): number => value.readDoubleLE(indexedAt);
export const serialOf = (value: Buffer): number => value.readDoubleLE(thirdAt);

export function versionOf(value: Buffer): Version {
  return value.toString('latin1', recordHead, recordHead + (value[versionLengthAt] ?? 0)) as Version;
}

export function ownerOf(value: Buffer): OwnerHash | undefined {
  const length = value[ownerLengthAt] ?? 0;
  if (length === 0) return undefined;
  const start = recordHead + (value[versionLengthAt] ?? 0);
  return value.toString('latin1', start, start + length) as OwnerHash;
}

/** Copies what it answers: `value` may be the database's own buffer, which the next read overwrites. */
export function decodeRecord(value: Buffer): StoredRecord {
  const start = recordHead + (value[versionLengthAt] ?? 0) + (value[ownerLengthAt] ?? 0);
  const bytes = new Uint8Array(value.buffer, value.byteOffset + start, value.length - start).slice();
  const owner = ownerOf(value);
  const version = versionOf(value);
  const idleDeadline = deadlineOf(value);
  return owner === undefined ? { bytes, version, idleDeadline } : { bytes, version, idleDeadline, owner };
}

/** Stands for what can't be a record: nobody can open it. */
const torso: StoredRecord = { bytes: new Uint8Array(0), version: '' as Version, idleDeadline: 0 };

export function decode(value: Buffer): StoredRecord | Ended {
  if (isDamaged(value)) return torso;
  if (isRecord(checkForm(value))) return decodeRecord(value);
  return { ended: value.toString('utf8', markerHead, value.length), at: serialOf(value) };
}

/** Forms are counted up from 1; what begins with a printable character is somebody's text. */
const highestForm = 0x1f;

/** What no release has written: cut short, or somebody else's. Its numbers can't be read. */
export function isDamaged(value: Buffer): boolean {
  const form = value[0] ?? 0;
  return form > highestForm || value.length < markerHead || (form === recordForm && !isWhole(value));
}

const isWhole = (value: Buffer): boolean =>
  value.length > recordHead + (value[versionLengthAt] ?? 0) + (value[ownerLengthAt] ?? 0);

/** The same value with another deadline and another place in the expiry table. */
export function movedTo(value: Buffer, deadline: number, indexed: number): Buffer {
  const copy = Buffer.from(value.subarray(0, value.length));
  copy.writeDoubleLE(deadline, deadlineAt);
  copy.writeDoubleLE(indexed, indexedAt);
  return copy;
}

/** The values of the other tables: doubles, one after the other. */
export function doubles(...numbers: number[]): Buffer {
  const value = Buffer.allocUnsafe(8 * numbers.length);
  for (const [index, number] of numbers.entries()) value.writeDoubleLE(number, 8 * index);
  return value;
}
