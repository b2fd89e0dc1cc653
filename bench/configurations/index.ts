import type { Configuration } from './configuration.js';
import { expressSessionConnectRedis, expressSessionHoldfast, expressSessionMemory } from './express-session.js';
import { holdfastLmdb, holdfastMemory, holdfastRedis, holdfastRedisUncached } from './holdfast.js';
import { none } from './none.js';

/** In the order of the tables. The first is what the others are compared with. */
export const configurations: readonly Configuration[] = [
  none,
  expressSessionMemory,
  expressSessionConnectRedis,
  expressSessionHoldfast,
  holdfastMemory,
  holdfastLmdb,
  holdfastRedis,
  holdfastRedisUncached,
];
