/**
 * What lies inside the seal: a header of fixed layout, details as JSON, and the app's data as codec.ts wrote it.
 * Header and data are read apart, so that a request which never looks at its data never decodes it.
 *
 *   byte    0         format, 1
 *   byte    1         flags: 1 persistent, 2 idle limit of its own, 4 absolute limit of its own, 8 previous secret
 *   byte    2         aal: 0 anonymous, 1 to 3
 *   bytes   3..10     createdAt        (each moment a float64, big-endian, ms since the epoch)
 *   bytes  11..18     authenticatedAt, 0 while anonymous
 *   bytes  19..26     absolute deadline
 *   bytes  27..34     idle limit in ms
 *   bytes  35..42     when the current secret became current
 *   bytes  43..50     until when the previous secret is good; 0 without one
 *   bytes  51..82     SHA-256 of the current secret
 *   bytes  83..114    SHA-256 of the previous secret; zeros without one
 *   bytes 115..146    renewal seed: the next secret is a PRF of it
 *   bytes 147..148    length of the details
 *   details           JSON: { owner, amr, userAgent, address, pending, scopes, maxAge, movedFrom }; a reader leaves out
 *                     what it does not know, so a new member must be one without which the record grants less
 *   the rest          data
 */

export type Aal = 0 | 1 | 2 | 3;

export interface RecordHeader {
  /** Whose session it is; absent while anonymous. */
  readonly owner?: string;
  readonly aal: Aal;
  /** Authentication methods (RFC 8176), such as `pwd` and `otp`. */
  readonly amr: readonly string[];
  readonly createdAt: number;
  readonly authenticatedAt?: number;
  readonly absoluteDeadline: number;
  /** The idle limit under which the outer idle deadline was written: last seen = idle deadline less this. */
  readonly idleMs: number;
  /** This sign-in asked for an idle or absolute limit of its own, which a later configuration then does not shorten. */
  readonly ownIdle: boolean;
  readonly ownAbsolute: boolean;
  readonly persistent: boolean;
  readonly secretHash: Uint8Array;
  readonly secretSince: number;
  readonly previousHash?: Uint8Array;
  readonly previousUntil: number;
  readonly renewalSeed: Uint8Array;
  readonly userAgent?: string;
  readonly address?: string;
  /** A sign-in that is not complete. Never beside `owner`, so that no reader takes it for a signed-in session. */
  readonly pending?: Pending;
  /** What was unlocked for a time: the name of each scope, and until when. */
  readonly scopes?: Scopes;
  /** A shorter idle limit (ms), which the app set by `cookie.maxAge` and may lift again; `idleMs` stays what deadlines are written by. */
  readonly maxAgeMs?: number;
  /** The id of the session of express-session that this one was taken over from: its record ends before this one does. */
  readonly movedFrom?: string;
}

/** Who has passed the first step of a sign-in, which step is next, and when the first one began (ms since the epoch). */
export interface Pending {
  readonly owner: string;
  readonly step: string;
  readonly startedAt: number;
}

export type Scopes = Readonly<Record<string, number>>;

export interface OpenedRecord {
  readonly header: RecordHeader;
  readonly data: Uint8Array;
}

const format = 1;
const fixed = 149;
const hashAt = 51;
const previousAt = 83;
const seedAt = 115;
const lengthAt = 147;

interface Details {
  owner?: string;
  amr?: readonly string[];
  userAgent?: string;
  address?: string;
  pending?: Pending;
  scopes?: Scopes;
  maxAge?: number;
  movedFrom?: string;
}

/** `data` as bytes, or as text that is written in UTF-8 at once. */
export function writeRecord(header: RecordHeader, data: Uint8Array | string): Buffer {
  const details: Details = {};
  if (header.owner !== undefined) details.owner = header.owner;
  if (header.amr.length > 0) details.amr = header.amr;
  if (header.userAgent !== undefined) details.userAgent = header.userAgent;
  if (header.address !== undefined) details.address = header.address;
  if (header.pending !== undefined) details.pending = header.pending;
  if (header.scopes !== undefined) details.scopes = header.scopes;
  if (header.maxAgeMs !== undefined) details.maxAge = header.maxAgeMs;
  if (header.movedFrom !== undefined) details.movedFrom = header.movedFrom;
  const text = Buffer.from(JSON.stringify(details));
  // Not of the pool: its data may be remembered, and would keep the 8 KB of its neighbours there too (G12). Written whole.
  const size = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
  const dataAt = fixed + text.length;
  const out = Buffer.allocUnsafeSlow(dataAt + size).fill(0, hashAt, lengthAt);
  out[0] = format;
  out[1] =
    (header.persistent ? 1 : 0) |
    (header.ownIdle ? 2 : 0) |
    (header.ownAbsolute ? 4 : 0) |
    (header.previousHash ? 8 : 0);
  out[2] = header.aal;
  out.writeDoubleBE(header.createdAt, 3);
  out.writeDoubleBE(header.authenticatedAt ?? 0, 11);
  out.writeDoubleBE(header.absoluteDeadline, 19);
  out.writeDoubleBE(header.idleMs, 27);
  out.writeDoubleBE(header.secretSince, 35);
  out.writeDoubleBE(header.previousUntil, 43);
  out.set(header.secretHash, hashAt);
  if (header.previousHash) out.set(header.previousHash, previousAt);
  out.set(header.renewalSeed, seedAt);
  out.writeUInt16BE(text.length, lengthAt);
  out.set(text, fixed);
  if (typeof data === 'string') out.write(data, dataAt);
  else out.set(data, dataAt);
  return out;
}

/** The data in what `writeRecord` wrote, without a copy. */
export const dataIn = (record: Buffer): Buffer => record.subarray(fixed + record.readUInt16BE(lengthAt));

/** Reads what `writeRecord` wrote. `newer-format` comes from a later version and is temporary; anything else is malformed. */
export function readRecord(bytes: Buffer): OpenedRecord | 'malformed' | 'newer-format' {
  const version = bytes[0];
  if (version !== undefined && version > format) return 'newer-format';
  if (version !== format || bytes.length < fixed) return 'malformed';
  const dataAt = fixed + bytes.readUInt16BE(lengthAt);
  const aal = bytes[2] as number;
  if (dataAt > bytes.length || aal > 3) return 'malformed';
  const details = readDetails(bytes.toString('utf8', fixed, dataAt));
  if (!details) return 'malformed';
  const flags = bytes[1] as number;
  const authenticatedAt = bytes.readDoubleBE(11);
  const header: { -readonly [Field in keyof RecordHeader]: RecordHeader[Field] } = {
    aal: aal as Aal,
    amr: details.amr ?? [],
    createdAt: bytes.readDoubleBE(3),
    absoluteDeadline: bytes.readDoubleBE(19),
    idleMs: bytes.readDoubleBE(27),
    ownIdle: (flags & 2) !== 0,
    ownAbsolute: (flags & 4) !== 0,
    persistent: (flags & 1) !== 0,
    secretSince: bytes.readDoubleBE(35),
    previousUntil: bytes.readDoubleBE(43),
    secretHash: bytes.subarray(hashAt, previousAt),
    renewalSeed: bytes.subarray(seedAt, lengthAt),
  };
  if (details.owner !== undefined) header.owner = details.owner;
  if (details.userAgent !== undefined) header.userAgent = details.userAgent;
  if (details.address !== undefined) header.address = details.address;
  if (details.pending !== undefined) header.pending = details.pending;
  if (details.scopes !== undefined) header.scopes = details.scopes;
  if (details.maxAge !== undefined) header.maxAgeMs = details.maxAge;
  if (details.movedFrom !== undefined) header.movedFrom = details.movedFrom;
  if (authenticatedAt !== 0) header.authenticatedAt = authenticatedAt;
  if (flags & 8) header.previousHash = bytes.subarray(previousAt, seedAt);
  return { header, data: bytes.subarray(dataAt) };
}

function readDetails(text: string): Details | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { owner, amr, userAgent, address, pending, scopes, maxAge, movedFrom } = value as Record<string, unknown>;
  const strings = [owner, userAgent, address, movedFrom].every(
    (field) => field === undefined || typeof field === 'string',
  );
  const methods = amr === undefined || (Array.isArray(amr) && amr.every((method) => typeof method === 'string'));
  const waits = pending === undefined || (isPending(pending) && owner === undefined);
  const unlocked =
    scopes === undefined || (isObject(scopes) && Object.values(scopes).every((until) => typeof until === 'number'));
  const lasting = maxAge === undefined || (typeof maxAge === 'number' && maxAge > 0);
  return strings && methods && waits && unlocked && lasting ? (value as Details) : undefined;
}

function isPending(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { owner, step, startedAt } = value;
  return typeof owner === 'string' && typeof step === 'string' && typeof startedAt === 'number';
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
