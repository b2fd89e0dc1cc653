import { betterAuthPostgres, betterAuthRedis } from './better-auth.js';
import type { Configuration } from './configuration.js';
import { cookieSession, ironSession } from './cookies.js';
import {
  expressSessionConnectPg,
  expressSessionConnectRedis,
  expressSessionHoldfast,
  expressSessionMemory,
} from './express-session.js';
import { fastifyNone, fastifySession } from './fastify.js';
import { floorMemory, floorRedis } from './floor.js';
import {
  holdfastLmdb,
  holdfastMemory,
  holdfastMongodb,
  holdfastPostgres,
  holdfastPostgresUncached,
  holdfastRedis,
  holdfastRedisUncached,
} from './holdfast.js';
import { none } from './none.js';

/** In the order of the tables. The first is what the others are compared with. */
export const configurations: readonly Configuration[] = [
  none,
  expressSessionMemory,
  expressSessionConnectRedis,
  expressSessionConnectPg,
  cookieSession,
  ironSession,
  betterAuthRedis,
  betterAuthPostgres,
  fastifyNone,
  fastifySession,
  holdfastMemory,
  holdfastLmdb,
  holdfastRedis,
  holdfastRedisUncached,
  holdfastPostgres,
  holdfastPostgresUncached,
  holdfastMongodb,
  expressSessionHoldfast,
];

/** Asked for by name only. */
export const bounds: readonly Configuration[] = [floorMemory, floorRedis];
