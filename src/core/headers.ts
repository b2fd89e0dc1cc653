/** The headers of records that are about to be written: who, since when, until when, under which secret. */
import { randomBytes } from 'node:crypto';
import { coarseAddress } from './coarse-address.js';
import type { RequestFacts, SessionHandle, Stored } from './handle.js';
import { identityRaised } from './identity.js';
import type { EngineConfig } from './options.js';
import type { RecordHeader } from './record.js';
import { decodeStored } from './stored-data.js';
import { hashSecret } from './token.js';

const longestUserAgent = 256;
const seedBytes = 32;

/** The header of a session that begins now, as `from` where that says something. */
export function newHeader(
  config: EngineConfig,
  facts: RequestFacts,
  secret: Uint8Array,
  from: Partial<RecordHeader>,
  startedAt: number,
): RecordHeader {
  const now = config.clock.now();
  const { userAgent } = facts;
  const address = config.recordAddress && facts.address !== undefined ? coarseAddress(facts.address) : undefined;
  const { previousHash: _oldSecretsDieWithTheOldToken, movedFrom: _letGoOfBefore, ...kept } = from;
  return {
    aal: 0,
    amr: [],
    idleMs: config.idleMs,
    ownIdle: false,
    ownAbsolute: false,
    persistent: config.persistent,
    ...facts.lifetime,
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, longestUserAgent) }),
    ...(address === undefined ? {} : { address }),
    ...kept,
    // When what began it did: a revocation of everything in between must end it too (epoch.ts).
    createdAt: Math.min(startedAt, now),
    absoluteDeadline: now + config.absoluteMs,
    secretHash: hashSecret(secret),
    secretSince: now,
    previousUntil: 0,
    renewalSeed: randomBytes(seedBytes),
  };
}

/** The header with what `cookie.maxAge` was set to; the same object where that changes nothing. */
export function withLifetime({ lifetime }: SessionHandle, header: RecordHeader): RecordHeader {
  if (!lifetime || (lifetime.persistent === header.persistent && lifetime.maxAgeMs === header.maxAgeMs)) return header;
  const { maxAgeMs: _was, ...rest } = header;
  return { ...rest, ...lifetime };
}

/**
 * The header after an identity field rose. A first identity is a sign-in and gets its clocks; a later rise is not, and
 * must not lengthen the session (G8).
 */
export function headerAfterRise(
  config: EngineConfig,
  facts: RequestFacts,
  secret: Uint8Array,
  before: Stored,
  startedAt: number,
): RecordHeader {
  // Whoever they are now, what was unlocked was unlocked for somebody else.
  const { scopes: _lost, ...from } = before.header;
  const fresh = newHeader(config, facts, secret, from, startedAt);
  const { owner, pending, createdAt, absoluteDeadline } = before.header;
  const known =
    owner !== undefined ||
    pending !== undefined ||
    identityRaised({}, decodeStored(before), config.identityFields) !== undefined;
  return known ? { ...fresh, createdAt, absoluteDeadline } : fresh;
}

/** The header of the same session under a new token: nothing but the token is new, and no deadline moves. */
export function samePersonHeader(
  config: EngineConfig,
  facts: RequestFacts,
  secret: Uint8Array,
  header: RecordHeader,
): RecordHeader {
  const { createdAt, absoluteDeadline } = header;
  return { ...newHeader(config, facts, secret, header, createdAt), absoluteDeadline };
}

/** The successor secret has arrived: it is current now, and the old one is good for the grace. */
export function promotedHeader(config: EngineConfig, header: RecordHeader, secret: Uint8Array): RecordHeader {
  const now = config.clock.now();
  return {
    ...header,
    secretHash: hashSecret(secret),
    secretSince: now,
    previousHash: header.secretHash,
    previousUntil: now + config.renewGraceMs,
    renewalSeed: randomBytes(seedBytes),
  };
}
