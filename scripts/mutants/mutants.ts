/** All mutants, by guarantee. */
import { bridgedStores } from './bridge.js';
import { coherentCache } from './cache.js';
import { expressSession } from './express-session.js';
import { overlap } from './g01-g05.js';
import { revocationAndSeal } from './g06-g07.js';
import { clocksAndStrangers } from './g08-g09.js';
import { badInput } from './g10.js';
import { outputAndMemory } from './g11-g12.js';
import { limits } from './limits.js';
import { betweenStores } from './migrating.js';
import { mongodb } from './mongodb.js';
import { takenOver } from './moving.js';
import type { Mutant } from './mutant.js';
import { people } from './people.js';
import { postgres } from './postgres.js';
import { redis } from './redis.js';
import { socketsAndPolling } from './sockets.js';
import { surface } from './surface.js';
import { verbs } from './verbs.js';

export const mutants: readonly Mutant[] = [
  ...overlap,
  ...verbs,
  ...revocationAndSeal,
  ...clocksAndStrangers,
  ...badInput,
  ...coherentCache,
  ...outputAndMemory,
  ...expressSession,
  ...people,
  ...limits,
  ...redis,
  ...postgres,
  ...mongodb,
  ...socketsAndPolling,
  ...betweenStores,
  ...bridgedStores,
  ...takenOver,
  ...surface,
];
