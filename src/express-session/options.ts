/** The options of `HoldfastStore`: those of the engine that mean something beneath express-session, and whose session it is. */
import type { SessionData } from 'express-session';
import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import type { EventListener } from '../core/events.js';
import { callable, checkStore, type EngineConfig, resolveEngineOptions, takeOptions } from '../core/options.js';
import { checkSecrets } from '../core/secrets.js';
import type { SessionStore } from '../core/store.js';

/** Whose session it is; nothing, or an empty value, while nobody has signed in. */
export type OwnerOf = (session: SessionData) => string | number | bigint | null | undefined | false;

export interface HoldfastStoreOptions {
  /** Where sessions are kept: `redisStore(...)`, `lmdbStore(...)`, `memoryStore()` or another store of the contract. */
  readonly store: SessionStore;
  /**
   * What records are sealed and ids are hashed with, or several, newest first: at least 32 random bytes each. Not
   * express-session's own `secret`, which signs the cookie. Rotated as `session()`'s is: add the new one second and
   * deploy, then move it first, and remove the old one when no session made under it is left.
   */
  readonly secret: string | readonly string[];
  /** Which app the sessions belong to; apps that share a store and a secret but not an audience can't read each other's. Default `'app'`. */
  readonly audience?: string | undefined;
  /**
   * Whose session it is, read from its data, such as `(session) => session.userId`. Needed for `list` and `revokeAll`.
   * An id has one owner for life: data that gives it another, or its first after it was stored without one, is not
   * stored (ERR_SESSION_OWNER_FIXED). `req.session.regenerate()` before the identity is written makes a new id.
   */
  readonly owner?: OwnerOf | undefined;
  /** Ends a session that was not used for so long, where its cookie has no `maxAge` or `expires`. Default `'24h'`. */
  readonly idle?: Duration | undefined;
  /** Ends a session so long after it was first stored, used or not (ASVS 7.3.2). Default `'400d'`, the longest that browsers keep a cookie. */
  readonly absolute?: Duration | undefined;
  /** A session that is used but not changed is touched at most so often; never more than a tenth of its lifetime. Default `'60s'`. */
  readonly touchEvery?: Duration | undefined;
  /** The most bytes that a session may have as JSON. Default 65536. */
  readonly maxDataBytes?: number | undefined;
  /** How long express-session waits for the store before it hears of an error. Default `'2s'`. */
  readonly storeDeadline?: Duration | undefined;
  /** How long the store remembers that a session ended, so that no request in flight brings it back. Default `'1h'`. */
  readonly keepEnded?: Duration | undefined;
  /** Paths such as `'cart'` whose insides must come from one request, never from two mixed. Default none. */
  readonly atomic?: readonly string[] | undefined;
  /** When another request changed the session meanwhile: `'merge'` (default), or `'error'`, and then nothing is stored. */
  readonly onConflict?: 'merge' | 'error' | undefined;
  /** Hears every event: the same ones as `session()`'s. */
  readonly onEvent?: EventListener | undefined;
  /** Time, for tests. Default the system's. */
  readonly clock?: Clock | undefined;
}

export interface Resolved {
  readonly store: SessionStore;
  readonly secrets: readonly string[];
  readonly config: EngineConfig;
  readonly owner: OwnerOf | undefined;
}

const names = [
  'store',
  'secret',
  'audience',
  'owner',
  'idle',
  'absolute',
  'touchEvery',
  'maxDataBytes',
  'storeDeadline',
  'keepEnded',
  'atomic',
  'onConflict',
  'onEvent',
  'clock',
] as const satisfies readonly (keyof HoldfastStoreOptions)[];

export function resolveStoreOptions(given: unknown): Resolved {
  const options = takeOptions<HoldfastStoreOptions>(given, names, 'new HoldfastStore()');
  const { store, secret, owner, ...rest } = options;
  const config = resolveEngineOptions({ ...rest, idle: rest.idle ?? '24h', absolute: rest.absolute ?? '400d' });
  return {
    store: checkStore(store),
    // Named in full: express-session has a `secret` of its own beside it.
    secrets: checkSecrets(secret, 'new HoldfastStore() secret'),
    // A record that express-session made does not open under session(), whose tokens know nothing of its ids.
    config: { ...config, audience: `express-session/${config.audience}`, ownIdleLeads: true },
    owner: owner === undefined ? undefined : callable(owner, 'owner'),
  };
}
