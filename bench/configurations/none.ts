/** The same app without sessions. It sends and is sent a cookie as long as holdfast's, and never looks inside. */
import { randomBytes } from 'node:crypto';
import { onExpress } from '../app.js';
import { dataOf } from '../sessions.js';
import type { Configuration } from './configuration.js';

const nothing = {};

export const none: Configuration = {
  name: 'none',
  title: 'Express, no session',
  packages: [],
  sessionless: true,
  open: onExpress(async (_, { recordBytes }) => {
    const constant = dataOf(0, recordBytes);
    return {
      begin(_, res) {
        res.setHeader('Set-Cookie', `sid=${randomBytes(69).toString('base64url')}; Path=/; HttpOnly; SameSite=Lax`);
      },
      of: (req) => (req.headers.cookie === undefined ? nothing : constant),
      close: async () => {},
    };
  }),
};
