import type { ResponseHead } from './response-head.js';

/** What the response has to do with a session. */
export interface SessionUse {
  /** The response sets or clears the session cookie. */
  readonly setsCookie: boolean;
  /** Whose session the handler looked into, if it did. */
  readonly read: 'none' | 'anonymous' | 'signed-in';
}

/**
 * Keeps a response that depends on a session out of shared caches, before its head goes out.
 *
 * A response with the session cookie is `no-store`, whatever the app said: a cache that keeps it hands one
 * person's session to the next. One that read a signed-in session is `no-store`, and one that read an
 * anonymous session is `private`, where the app set no `Cache-Control`; the latter also varies by cookie.
 */
export function applyCachingHeaders(res: ResponseHead, { setsCookie, read }: SessionUse): void {
  if (setsCookie) {
    res.setHeader('Cache-Control', 'no-store');
    return;
  }
  if (read === 'none') return;
  if (read === 'anonymous') varyByCookie(res);
  if (!res.hasHeader('cache-control')) res.setHeader('Cache-Control', read === 'signed-in' ? 'no-store' : 'private');
}

function varyByCookie(res: ResponseHead): void {
  const present = res.getHeader('vary');
  const text = Array.isArray(present) ? present.join(', ') : String(present ?? '');
  for (const field of text.split(',')) {
    const name = field.trim().toLowerCase();
    if (name === '*' || name === 'cookie') return;
  }
  res.setHeader('Vary', text.trim() === '' ? 'Cookie' : `${text}, Cookie`);
}
