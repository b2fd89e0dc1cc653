/** The headers of records beneath express-session: what a session of `session()` has and this one doesn't is zero. */
import type { EngineConfig } from '../core/options.js';
import type { RecordHeader } from '../core/record.js';
import type { Draft } from './payload.js';
import { userAgentOf } from './requests.js';

const longestUserAgent = 256;

/** No token ever matches: the audience keeps these records from opening under session(). */
const noSecret = new Uint8Array(32);

export function headerOf(config: EngineConfig, draft: Draft, session: object, owner: string | undefined): RecordHeader {
  const now = config.clock.now();
  const userAgent = userAgentOf(session);
  return {
    ...(owner === undefined ? { aal: 0 } : { owner, aal: 1, authenticatedAt: now }),
    ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, longestUserAgent) }),
    amr: [],
    createdAt: now,
    absoluteDeadline: now + config.absoluteMs,
    ...limitsOf(draft),
    ownAbsolute: false,
    secretHash: noSecret,
    secretSince: now,
    previousUntil: 0,
    renewalSeed: noSecret,
  };
}

export const headerAfter = (before: RecordHeader, draft: Draft): RecordHeader => ({ ...before, ...limitsOf(draft) });

/** A cookie with an `expires` brings its own limit; without one, a shorter `idle` shortens what is stored. */
const limitsOf = ({ lifetimeMs, hasExpires }: Draft) => ({
  idleMs: lifetimeMs,
  ownIdle: hasExpires,
  persistent: hasExpires,
});
