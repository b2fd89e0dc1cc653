/** Time for people: requests that are no use of the session, and the answer to "how long still?" (WCAG 2.2.1). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SessionError } from '../core/errors.js';
import { timeLeftOf } from '../core/time-left.js';
import type { Middleware } from './session.js';
import { type House, type Next, type Visit, visitIn } from './visit.js';

/**
 * Marks requests that a page sends by itself (polling, streams): they don't move the idle deadline. The app says which,
 * not the client, so nobody can be kept signed in, or signed out, by a header.
 */
export function markBackground(house: House): Middleware {
  return (req, _res, next) => {
    const visit = visitIn(req, house, 'background()');
    if (visit instanceof SessionError) return next(visit);
    house.engine.inBackground(visit.handle);
    next();
  };
}

/** Answers with the time left as JSON, without extending the session and without being cached. */
export function answerTimeLeft(house: House): Middleware {
  const { engine } = house;
  return (req: IncomingMessage, res: ServerResponse, next: Next) => {
    const visit = visitIn(req, house, 'timeLeft()');
    if (visit instanceof SessionError) return next(visit);
    engine.inBackground(visit.handle);
    const confirmed = engine.confirm(visit.handle);
    if (confirmed instanceof Promise) confirmed.then((fresh) => answer(fresh, res, next)).catch(next);
    else answer(confirmed, res, next);
  };

  function answer(handle: Visit['handle'], res: ServerResponse, next: Next): void {
    if (handle.error) return next(handle.error);
    const body = JSON.stringify(timeLeftOf(handle, engine.config, engine.config.clock.now()));
    res.setHeader('Cache-Control', 'no-store');
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.setHeader('Content-Length', Buffer.byteLength(body));
    res.end(body);
  }
}
