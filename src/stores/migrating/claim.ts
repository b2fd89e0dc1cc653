/**
 * What a move leaves on its way. All names follow from the id and the version that moves, so that whoever finds a move
 * half done can finish it, and a move of an older version can't be taken for one of this.
 *
 *   claim   record in `to`     magic (16) | id (27) | payload, with version, deadline and owner of the session
 *   stub    record in `from`   magic (16) | id (27); past its deadline from the start, so the store drops it when it likes
 *   marker  of the old session in `from`, reason `moved-` and 26 hexadecimal characters, the key of the move
 */
import { createHash } from 'node:crypto';
import type { SessionId, Version } from '../../core/ids.js';
import type { Ended, Ending, StoredRecord } from '../../core/store.js';

/** Sealed payloads begin with a small format number, so none is taken for this. */
const magic = Buffer.from('\0holdfast moves\0', 'latin1');
const idLength = 27;
const payloadAt = magic.length + idLength;
const movedReason = /^moved-([0-9a-f]{26})$/;

/** Names one move: the same for everybody who moves this version of this session. */
export type MoveKey = string;

export const moveKey = (id: SessionId, version: Version): MoveKey => digest('move', id, version).toString('hex', 0, 13);

export const claimId = (id: SessionId, key: MoveKey): SessionId => neighbour(id, 'claim', key);
export const stubId = (id: SessionId, key: MoveKey): SessionId => neighbour(id, 'stub', key);

/** An id with the tag of another one, so that a store that is spread over servers keeps both in one place. */
function neighbour(id: SessionId, ...parts: string[]): SessionId {
  const tag = Buffer.from(id.slice(0, 6), 'base64url').subarray(0, 4);
  return checked(Buffer.concat([tag, digest(...parts, id).subarray(0, 8)]));
}

/** A random id passes for one of ours once in 2^64. */
export const isClaimId = (id: SessionId): boolean => checked(Buffer.from(id, 'base64url').subarray(0, 12)) === id;

const checked = (stem: Buffer): SessionId =>
  Buffer.concat([stem, digest('check', stem.toString('hex')).subarray(0, 8)]).toString('base64url') as SessionId;

const digest = (...parts: string[]): Buffer =>
  createHash('sha256')
    .update(['holdfast migrating', ...parts].join('\n'))
    .digest();

/** Keeps its owner: ending everything of an owner must end what is on its way, too. */
export const claimOf = (id: SessionId, record: StoredRecord): StoredRecord => ({
  ...record,
  bytes: Buffer.concat([magic, Buffer.from(id, 'latin1'), record.bytes]),
});

export const stubOf = (id: SessionId, { version }: StoredRecord): StoredRecord => ({
  bytes: Buffer.concat([magic, Buffer.from(id, 'latin1')]),
  version,
  idleDeadline: 0,
});

/** Of a claim or a stub: whose it is, and the record that a claim holds. Undefined for a session. */
export function passenger({ bytes, ...rest }: StoredRecord): { id: SessionId; record: StoredRecord } | undefined {
  if (bytes.length < payloadAt || !magic.equals(Buffer.from(bytes.subarray(0, magic.length)))) return undefined;
  const id = Buffer.from(bytes.subarray(magic.length, payloadAt)).toString('latin1') as SessionId;
  return { id, record: { ...rest, bytes: new Uint8Array(bytes.subarray(payloadAt)) } };
}

/** Kept as long as the session could live, so that a move that stopped half-way can be finished until then. */
export const movedEnding = (key: MoveKey, { idleDeadline }: StoredRecord): Ending => ({
  reason: `moved-${key}`,
  at: 0,
  keepUntil: idleDeadline,
});

/** The key of the move that ended a session in `from`; undefined where it ended for good. */
export const moveOf = ({ ended }: Ended): MoveKey | undefined => movedReason.exec(ended)?.[1];
