/**
 * `import 'holdfast/types'` gives Express's `req` its `session`. By choice: it changes a global type, and would clash
 * with @types/express-session, which does the same.
 */
import type { Session } from './core/session.js';
import type { SessionData } from './express/typed.js';

declare global {
  namespace Express {
    interface Request {
      session: Session & Partial<SessionData>;
    }
  }
}
