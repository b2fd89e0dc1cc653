/** Where the demo keeps its sessions: the one place to change for another store. */
import { join } from 'node:path';
import type { SessionStore } from 'holdfast';
import { lmdbStore } from 'holdfast/stores/lmdb';

/** From the environment: `DEMO_DATA` names the folder, by default `.data`. */
export function chooseStore(env: NodeJS.ProcessEnv): SessionStore {
  return lmdbStore({ path: join(env.DEMO_DATA ?? '.data', 'sessions') });
}
