/** The mechanisms of stores of express-session under session(). */
import type { Mutant } from './mutant.js';

const bridge = 'src/express-session/bridge/bridge.ts';
const conformance = 'test/bridge/conformance.test.ts';
const session = 'test/bridge/session.test.ts';

export const bridgedStores: readonly Mutant[] = [
  {
    guarantee: 'G1',
    what: 'bridge: changes of one session queue within a process',
    file: 'src/express-session/bridge/turns.ts',
    find: 'const mine = before.some(Boolean) ? Promise.allSettled(before).then(work) : work();',
    replace: 'const mine = work();',
    tests: [conformance, session],
  },
  {
    guarantee: 'G1',
    what: 'bridge: an update of another version is a conflict',
    file: bridge,
    find: 'if (found.version !== expected && found.version !== record.version) return { conflict: found };',
    replace: '',
    tests: [conformance],
  },
  {
    guarantee: 'G2',
    what: 'bridge: what has ended leaves a marker',
    file: bridge,
    find: 'if (!isEnded(found)) await this.#mark(id, ending);',
    replace: 'await call((callback) => this.#store.destroy(id, callback));',
    tests: [conformance],
  },
  {
    guarantee: 'G2',
    what: 'bridge: a touch does not create',
    file: bridge,
    find: "if (!found || isEnded(found) || Number.isNaN(found.idleDeadline)) return 'gone';",
    replace: "if (!found || Number.isNaN((found as StoredRecord).idleDeadline)) return 'gone';",
    tests: [conformance],
  },
  {
    guarantee: 'G5',
    what: 'bridge: an error of the store is one',
    file: 'src/express-session/bridge/calls.ts',
    find: 'if (error) reject(error);\n        else resolve(value);',
    replace: 'resolve(value);',
    tests: [session],
  },
  {
    guarantee: 'G8',
    what: "bridge: the store's expiry does not come before the deadline",
    file: 'src/express-session/bridge/cookie.ts',
    find: 'Math.min(until + slackMs, farthest)',
    replace: 'Math.min(until - 5 * slackMs, farthest)',
    tests: [conformance],
  },
  {
    guarantee: 'G10',
    what: 'bridge: what others put under an id is not trusted',
    file: bridge,
    find: "if (typeof bytes !== 'string' || typeof version !== 'string' || typeof until !== 'number') return malformed;",
    replace: '',
    tests: [conformance],
  },
];
