/** Sessions that live in the cookie: nothing is stored, every request carries all of it, and nothing can be revoked. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { onExpress } from '../app.js';
import type { Shape } from '../sessions.js';
import type { Configuration } from './configuration.js';
import { peer } from './peer.js';

interface CookieSession {
  default(options: { name: string; keys: string[] }): RequestHandler;
}

const note = 'the session is in the cookie: nobody can end it, and overlapping requests lose data';

export const cookieSession: Configuration = {
  name: 'cookie-session',
  title: 'cookie-session (signed)',
  packages: ['cookie-session'],
  note,
  open: onExpress(async (app) => {
    const { default: middleware } = await peer<CookieSession>('cookie-session');
    app.use(middleware({ name: 'session', keys: [randomBytes(32).toString('base64url')] }));
    const of = (req: unknown) => (req as { session: Partial<Shape> }).session;
    return { of, begin: (req, _, __, data) => void Object.assign(of(req), data), close: async () => {} };
  }),
};

interface IronSession {
  getIronSession(
    req: IncomingMessage,
    res: ServerResponse,
    options: { cookieName: string; password: string; cookieOptions: { secure: boolean } },
  ): Promise<Partial<Shape> & { save(): Promise<void> }>;
}

export const ironSession: Configuration = {
  name: 'iron-session',
  title: 'iron-session (encrypted)',
  packages: ['iron-session'],
  note,
  open: onExpress(async () => {
    const { getIronSession } = await peer<IronSession>('iron-session');
    const password = randomBytes(32).toString('base64url');
    const options = { cookieName: 'iron', password, cookieOptions: { secure: false } };
    return {
      async begin(req, res, _, data) {
        const session = await getIronSession(req, res, options);
        await Object.assign(session, data).save();
      },
      of: (req, res) => getIronSession(req, res, options),
      save: (session) => (session as { save(): Promise<void> }).save(),
      close: async () => {},
    };
  }),
};
