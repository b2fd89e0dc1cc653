/**
 * `import 'holdfast/types'` gives Express's `req` its `session`. By choice: it changes a global type, and would clash
 * with @types/express-session, which does the same.
 */
import type { Session } from './core/session.js';
import type { SessionStoreView } from './express/familiar/session-store.js';
import type { SessionData } from './express/typed.js';

declare global {
  namespace Express {
    interface Request {
      get session(): Session & Partial<SessionData>;
      /** None but `null` and `undefined` can be assigned; the option `unset` says what that means. */
      set session(value: (Session & Partial<SessionData>) | null | undefined);
      /** The public id of the session. At run time undefined while the store can't be asked, for a log line of an error. */
      sessionID: string;
      /** express-session's store methods, by public ids. */
      sessionStore: SessionStoreView;
    }
  }
}
