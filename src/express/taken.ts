/** What is said where something else sets `req.session` too: loaded by the first request on which it does. */
import type { IncomingMessage } from 'node:http';
import { SessionError } from '../core/errors.js';

/** What else sets `req.session`, by what it sets beside it. */
const others = [
  ['sessionStore', 'express-session'],
  ['sessionOptions', 'cookie-session'],
] as const;

export function takenBefore(req: IncomingMessage): SessionError {
  const [, by = 'a middleware or a test'] = others.find(([name]) => name in req) ?? [];
  return new SessionError(
    'ERR_SESSION_PROPERTY_TAKEN',
    `req.session is taken: ${by} has set it before session(). Remove that; docs/migrating shows how its people stay signed in. A test fills req.session after session(), or signs in by a request.`,
  );
}

export const takenAfter = (req: IncomingMessage): string =>
  `holdfast: req.session is taken: ${'sessionOptions' in req ? 'cookie-session' : 'another middleware'} has put its own there after session(), and what goes into that is not kept here. Remove it; docs/migrating shows how its people stay signed in.`;
