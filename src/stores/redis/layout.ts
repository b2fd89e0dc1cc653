/**
 * Keys and values. Each value is one string: a hash would take a second object and, beyond 64 bytes a field, twice the
 * memory, and one GET could not read it. Numbers are little-endian doubles.
 *
 *   anonymous record   0x01 | version (11) | idle deadline (8) | payload
 *   owned record       0x02 | version (11) | idle deadline (8) | owner (27) | payload
 *   marker             0x03 | ended at (8) | reason, UTF-8
 *   marker, successor  0x04 | ended at (8) | id of the successor (27) | reason, UTF-8
 *   owner's mark       ended at (8) | keep until (8)
 *
 * An owner's index is a sorted set of ids whose scores count its sessions up. A session that the server has dropped may
 * still be in it; the scripts know by looking.
 */
import { describe, SessionError } from '../../core/errors.js';
import type { OwnerHash, SessionId, Version } from '../../core/ids.js';
import type { Ended, Ending, StoredEntry, StoredRecord } from '../../core/store.js';

const anonymousForm = 1;
const ownedForm = 2;
const markerForm = 3;
const successorForm = 4;
/** Forms are counted up from 1; what begins with a printable character is somebody's text. */
const highestForm = 0x1f;

const versionAt = 1;
const versionLength = 11;
const deadlineAt = versionAt + versionLength;
const ownerAt = deadlineAt + 8;
const nameLength = 27;
const tagLength = 5;
const endedAt = 1;
const reasonAt = endedAt + 8;

/** The least that a value of each form has. */
const lengths = [1, ownerAt, ownerAt + nameLength, reasonAt, reasonAt + nameLength] as const;

/**
 * Decides the slot. Sessions of one owner share the first four bytes of their ids with the owner's hash, hence the
 * first five characters of it.
 */
export const tagOf = (name: SessionId | OwnerHash): string => name.slice(0, tagLength);

/** The tag of a key that Keys made. */
export const tagIn = (key: string): string => /\{(.*?)\}/.exec(key)?.[1] ?? '';

export class Keys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** The same keys, behind what a client puts before them. */
  behind(keyPrefix: string): Keys {
    return new Keys(keyPrefix + this.#prefix);
  }

  session(id: SessionId): string {
    return this.#key('s', id);
  }

  /** The ids of an owner's sessions. */
  index(owner: OwnerHash): string {
    return this.#key('o', owner);
  }

  /** When everything of an owner was ended. */
  mark(owner: OwnerHash): string {
    return this.#key('m', owner);
  }

  /** Matches every session and no more than that, as SCAN takes it. */
  pattern(): string {
    const any = '?';
    return `${this.#prefix.replace(/[\\*?[\]^]/g, '\\$&')}{${any.repeat(tagLength)}}:s:${any.repeat(nameLength)}`;
  }

  #key(kind: string, name: SessionId | OwnerHash): string {
    return `${this.#prefix}{${tagOf(name)}}:${kind}:${name}`;
  }
}

/** Whose session a key of Keys.session is, whatever a client puts before it. */
export const idOf = (key: string): SessionId => key.slice(-nameLength) as SessionId;

/** A copy: clients may send the bytes later, and until then the caller's array is the caller's. */
export function encodeRecord({ bytes, version, idleDeadline, owner }: StoredRecord): Buffer {
  if (version.length !== versionLength || (owner !== undefined && owner.length !== nameLength)) {
    throw new SessionError(
      'ERR_SESSION_ARGUMENT',
      `redisStore: expected a version of ${versionLength} and an owner of ${nameLength} characters.`,
      { outcome: 'not-applied' },
    );
  }
  const payloadAt = owner === undefined ? ownerAt : ownerAt + nameLength;
  const value = Buffer.allocUnsafe(payloadAt + bytes.length);
  value[0] = owner === undefined ? anonymousForm : ownedForm;
  value.write(version, versionAt, 'latin1');
  value.writeDoubleLE(idleDeadline, deadlineAt);
  if (owner !== undefined) value.write(owner, ownerAt, 'latin1');
  value.set(bytes, payloadAt);
  return value;
}

export function encodeMarker({ reason, at }: Pick<Ending, 'reason' | 'at'>, successor = ''): Buffer {
  const head = Buffer.alloc(reasonAt);
  head[0] = successor === '' ? markerForm : successorForm;
  head.writeDoubleLE(at, endedAt);
  return Buffer.concat([head, Buffer.from(successor, 'latin1'), Buffer.from(reason, 'utf8')]);
}

/** Stands for what can't be a record: nobody can open it. */
export const torso: StoredRecord = { bytes: new Uint8Array(0), version: '' as Version, idleDeadline: 0 };

export function decode(value: Buffer): StoredRecord | Ended {
  const form = value[0];
  if (form === undefined || form > highestForm || value.length < (lengths[form] ?? 1)) return torso;
  if (form === anonymousForm || form === ownedForm) return decodeRecord(value);
  if (form === markerForm || form === successorForm) {
    const start = form === markerForm ? reasonAt : reasonAt + nameLength;
    return { ended: value.toString('utf8', start), at: value.readDoubleLE(endedAt) };
  }
  throw unknownForm();
}

/** Copies the payload: what a client hands out may be a window on a chunk of many answers, and would keep it alive. */
export function decodeRecord(value: Buffer): StoredRecord {
  const version = value.toString('latin1', versionAt, deadlineAt) as Version;
  const idleDeadline = value.readDoubleLE(deadlineAt);
  if (value[0] === anonymousForm) return { bytes: new Uint8Array(value.subarray(ownerAt)), version, idleDeadline };
  const owner = value.toString('latin1', ownerAt, ownerAt + nameLength) as OwnerHash;
  return { bytes: new Uint8Array(value.subarray(ownerAt + nameLength)), version, idleDeadline, owner };
}

/** Who came after a session that was replaced across slots. */
export function successorOf(value: Buffer): SessionId | undefined {
  return value[0] === successorForm
    ? (value.toString('latin1', reasonAt, reasonAt + nameLength) as SessionId)
    : undefined;
}

/** Id and record by turns, as list-by-owner.lua answers. */
export function decodeEntries(reply: readonly Buffer[]): StoredEntry[] {
  return Array.from({ length: reply.length / 2 }, (_, index) => ({
    id: String(reply[2 * index]) as SessionId,
    record: decodeRecord(reply[2 * index + 1] ?? Buffer.alloc(0)),
  }));
}

/** The answer of a script that answers a word, or the record that stands in the way. */
export function decodeOutcome(reply: unknown): string | { conflict: StoredRecord } {
  const value = bufferOf(reply);
  return (value[0] ?? 0) <= successorForm ? { conflict: decodeRecord(value) } : value.toString('latin1');
}

export function bufferOf(reply: unknown): Buffer {
  if (Buffer.isBuffer(reply)) return reply;
  throw new Error(`redisStore: expected the client to answer with a Buffer, got ${describe(reply)}`);
}

export function buffersOf(reply: unknown): Buffer[] {
  if (Array.isArray(reply)) return reply.map(bufferOf);
  throw new Error(`redisStore: expected the client to answer with an array, got ${describe(reply)}`);
}

/** A newer release may have written another form; guessing at it could lose a session. */
export function unknownForm(cause?: unknown): SessionError {
  return new SessionError(
    'ERR_SESSION_RECORD_UNREADABLE',
    'redisStore: a stored value has a form that this release does not know. Run the release that wrote it, or give this store a prefix of its own.',
    { outcome: 'not-applied', ...(cause === undefined ? {} : { cause }) },
  );
}
