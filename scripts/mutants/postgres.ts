/** The mechanisms of the PostgreSQL store that no guarantee test of the memory store can notice. */
import type { Mutant } from './mutant.js';

/** What runs; the .sql files are its source. */
const file = 'src/stores/postgres/migrations.gen.ts';
const snapshots = 'test/postgres/snapshots.test.ts';

export const postgres: readonly Mutant[] = [
  {
    guarantee: 'G10',
    what: 'postgres: a connection is listened to from the moment at which the pool lends it',
    file: 'src/stores/postgres/port.ts',
    find: "client.on('error', this.#ignore);\n        resolve(client);",
    replace: "resolve(client);\n        queueMicrotask(() => client.on('error', this.#ignore));",
    tests: ['test/postgres/faults.test.ts'],
  },
  {
    guarantee: 'G1',
    what: 'postgres: an update that another change overtook looks again before it answers',
    file,
    find: "IF answer <> 'conflict' OR version <> p_expected THEN",
    replace: 'IF true THEN',
    tests: [snapshots],
  },
  {
    guarantee: 'G8',
    what: 'postgres: a touch that another change overtook moves the deadline before it says so',
    file,
    find: "IF answer = 'gone' OR found_deadline >= p_idle_deadline THEN",
    replace: 'IF true THEN',
    tests: [snapshots],
  },
  {
    guarantee: 'G2',
    what: 'postgres: an end that another change overtook ends the session before it says so',
    file,
    find: "IF answer = 'unknown' OR found_ended IS NOT NULL THEN",
    replace: 'IF true THEN',
    tests: [snapshots],
  },
];
