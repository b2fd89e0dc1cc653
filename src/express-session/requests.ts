/** What is known of the request that a session object belongs to: express-session keeps it on the object as `req`. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../core/clock.js';

export function requestOf(session: object): Partial<IncomingMessage> | undefined {
  const { req } = session as { req?: unknown };
  return typeof req === 'object' && req !== null ? req : undefined;
}

/** GET, HEAD or OPTIONS (RFC 9110 section 9.2.1). A session without a request is nobody's page view. */
export function isSafe(session: object): boolean {
  const method = requestOf(session)?.method;
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

export function userAgentOf(session: object): string | undefined {
  return requestOf(session)?.headers?.['user-agent'];
}

/**
 * When requests came, as far as the store was told of them: express-session makes each its session before its handler
 * runs. Only a sign-in asks, so without the option `owner` it is not noted.
 */
export class RequestStarts {
  readonly #clock: Clock;
  readonly #noted: boolean;
  readonly #starts = new WeakMap<object, number>();

  constructor(clock: Clock, noted: boolean) {
    this.#clock = clock;
    this.#noted = noted;
  }

  begin(req: object): void {
    if (this.#noted && !this.#starts.has(req)) this.#starts.set(req, this.#clock.now());
  }

  of(session: object): number {
    const req = requestOf(session);
    return (req && this.#starts.get(req)) ?? this.#clock.now();
  }
}
