import type { SessionCache } from './cache.js';
import type { EpochFace } from './epoch-face.js';
import type { Events } from './events.js';
import type { Keyring } from './keyring.js';
import type { Lookups } from './lookups.js';
import type { EngineConfig } from './options.js';
import type { Predecessor } from './predecessor.js';
import type { Found, Repository } from './repository.js';
import type { Signals } from './signals.js';
import type { StoreGuard } from './store-guard.js';

/** What the rooms of the engine share. */
export interface Parts {
  readonly epoch: EpochFace;
  readonly config: EngineConfig;
  readonly events: Events;
  readonly guard: StoreGuard;
  readonly keyring: Keyring;
  readonly cache: SessionCache<Found>;
  readonly lookups: Lookups;
  readonly repository: Repository;
  readonly signals: Signals;
  readonly predecessor: (() => Promise<Predecessor>) | undefined;
}
