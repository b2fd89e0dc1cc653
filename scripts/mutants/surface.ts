/** The mechanisms of what code written for express-session touches. */
import type { Mutant } from './mutant.js';

const request = 'test/surface/request.test.ts';

export const surface: readonly Mutant[] = [
  {
    guarantee: 'G5',
    what: "the session is the request's own, whatever app has it",
    file: 'src/express/request-properties.ts',
    find: "  Object.defineProperty(req, 'session', session);\n",
    replace: "  Object.defineProperty(Object.getPrototypeOf(req), 'session', session);\n",
    also: [{ find: '  visit.request = req;\n', replace: '' }],
    tests: ['test/ecosystem/apps.test.ts'],
  },
  {
    guarantee: 'G5',
    what: 'what has set req.session before session() is an error',
    file: 'src/express/session.ts',
    find: 'if (isTaken(req)) return',
    replace: 'if (!req) return',
    tests: ['test/ecosystem/taken.test.ts'],
  },
  {
    guarantee: 'G5',
    what: 'what takes req.session after session() is named in the log',
    file: 'src/express/request-properties.ts',
    find: 'own !== undefined && own.get !== session.get',
    replace: 'own === undefined && own !== session',
    tests: ['test/ecosystem/taken.test.ts'],
  },
  {
    guarantee: 'G5',
    what: 'the response waits for what req.sessionStore does',
    file: 'src/express/familiar/session-store.ts',
    find: 'const work = during(visit.handle, async () =>',
    replace: 'const work = ((run: () => Promise<unknown>) => run())(async () =>',
    tests: [request],
  },
  {
    guarantee: 'G5',
    what: 'a session is ended that is deleted unseen',
    file: 'src/express/session.ts',
    find: "const mayEnd = http.familiar.unset === 'destroy' && handle.phase !== 'none';",
    replace: 'const mayEnd = false;',
    tests: [request],
  },
  {
    guarantee: 'G5',
    what: 'taking back one wish to end the session leaves the other',
    file: 'src/express/visit.ts',
    find: 'this.handle.endsByUnset = false;',
    replace: 'this.handle.endsByUnset = this.handle.endsByCookie = false;',
    tests: [request],
  },
  {
    guarantee: 'G8',
    what: 'a limit of one session is kept where the configured one may grow again',
    file: 'src/core/session-cookie.ts',
    find: 'ms === this.#header.idleMs',
    replace: 'ms === mostMs',
    tests: ['test/surface/cookie.test.ts'],
  },
  {
    guarantee: 'G10',
    what: 'an async function in the place of a plain one ends no process',
    file: 'src/core/maybe-promise.ts',
    find: '  Promise.resolve(value).catch(() => {});\n',
    replace: '',
    tests: ['test/surface/options.test.ts'],
  },
];
