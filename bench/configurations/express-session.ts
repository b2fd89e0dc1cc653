/** express-session as its README recommends it (`resave: false`, `saveUninitialized: false`), with its MemoryStore. */
import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import expressSession from 'express-session';
import type { Shape } from '../sessions.js';
import type { Configuration } from './configuration.js';

/** Its types reopen Express's own; the app here keeps to one shape for every configuration. */
const sessionOf = (req: Request) => (req as unknown as { session: Partial<Shape> }).session;

export const expressSessionMemory: Configuration = {
  name: 'express-session-memory',
  title: 'express-session + MemoryStore',
  packages: ['express-session'],
  async install(app) {
    const secret = randomBytes(32).toString('base64url');
    app.use(expressSession({ secret, resave: false, saveUninitialized: false }));
    return {
      begin: (req, _, __, data) => void Object.assign(sessionOf(req), data),
      of: (req) => sessionOf(req),
      close: async () => {},
    };
  },
};
