import type { IncomingMessage } from 'node:http';
import type { Session } from '../core/session.js';
import { notVisited, visitOf } from './visit.js';

/**
 * The app's own keys of `req.session`, for `import 'holdfast/types'`. Extend it by declaration merging:
 * `declare module 'holdfast' { interface SessionData { views: number } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: it is there to be extended
export interface SessionData {}

/** `req.session`, typed without touching any global type: `sessionOf<{ views: number }>(req).views`. */
export function sessionOf<Shape extends object = SessionData>(req: IncomingMessage): Session & Partial<Shape> {
  const visit = visitOf(req);
  if (!visit) {
    throw notVisited('sessionOf');
  }
  return visit.session as Session & Partial<Shape>;
}
