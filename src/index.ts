/** Server-side sessions for Express that hold. This page is the public face; stores have subpaths of their own. */

export type { SessionSummary } from './core/admin.js';
export type { AuditAction, AuditEvent, AuditSink } from './core/audit.js';
export type { CacheStatistics } from './core/cache-statistics.js';
export type { Clock } from './core/clock.js';
export type { Duration } from './core/duration.js';
export { endedMessage } from './core/endings.js';
export { type Requirement, SessionError, type SessionErrorCode } from './core/errors.js';
export type { EventListener, SessionEvent } from './core/events.js';
export type { OwnerHash, SessionId, Version } from './core/ids.js';
export type { CacheOptions, MaxPerOwner, Preset } from './core/options.js';
export type { Aal } from './core/record.js';
export type {
  Data,
  ElevateOptions,
  ReauthenticateOptions,
  Session,
  SessionInfo,
  SignInOptions,
} from './core/session.js';
export type { SessionCookie } from './core/session-cookie.js';
export type {
  Conflict,
  CreateResult,
  Ended,
  Ending,
  EndReason,
  ExpressSessionStore,
  Loss,
  MaybePromise,
  OwnerIndexed,
  Owning,
  ReplaceResult,
  Scannable,
  SessionStore,
  StoredEntry,
  StoredRecord,
  Sweepable,
  UpdateResult,
  Watch,
  Watchable,
} from './core/store.js';
export type { TimeLeft } from './core/time-left.js';
export type { SignInRequirements } from './express/demands.js';
export { type Explanation, explain } from './express/explain.js';
export type { CookieOptions } from './express/familiar/options.js';
export type { SessionStoreView } from './express/familiar/session-store.js';
export type { CrossSiteOptions, SessionOptions } from './express/options.js';
export { problemOf, type SessionProblem } from './express/problem.js';
export type { RequireOptions } from './express/require.js';
export { type Middleware, type Sessions, session } from './express/session.js';
export { type SessionData, sessionOf } from './express/typed.js';
export type { AcceptedUpgrade, RefusedUpgrade, Upgrade, UpgradeOptions } from './express/upgrade.js';
export type { MigrateFromOptions } from './express-session/legacy/face.js';
export { safeReturnPath } from './http/return-path.js';
export type { SessionEnd, WebSocketPort } from './http/upgrade.js';
export { type MemoryStoreOptions, memoryStore } from './stores/memory.js';
