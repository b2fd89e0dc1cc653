/** Where a person is sent back to after signing in: a path of this very host, or nothing. */

const longest = 2_048;
/** Visible ASCII without the backslash, which browsers read as a slash. Anything else belongs percent-encoded. */
const pathCharacters = /^\/[\x21-\x5b\x5d-\x7e]*$/;
const base = 'http://host.invalid';

/**
 * The value if it is a path (with query and fragment) of the host that it is redirected from, else `fallback`. Stops
 * open redirects: `//evil.example`, `/\evil.example` and a path with a tab or line feed in it are other hosts to a
 * browser, and `/.//evil.example` becomes one when it is normalised and used again (ASVS 5.0, 1.2.2 and 3.7.2).
 *
 * @param value What came, a query parameter or form field say; anything but a string counts as nothing.
 * @param fallback Default `'/'`.
 */
export function safeReturnPath(value: unknown, fallback = '/'): string {
  return isOwnPath(value) ? value : fallback;
}

export function isOwnPath(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > longest || !pathCharacters.test(value)) return false;
  // As a browser reads it (WHATWG URL), dots and all.
  if (!URL.canParse(value, base)) return false;
  const url = new URL(value, base);
  return url.origin === base && !url.pathname.startsWith('//');
}

/** `page` with the way back as its parameter `next`, if there is one. */
export function withReturnPath(page: string, back: string | undefined): string {
  if (back === undefined || !isOwnPath(back)) return page;
  const hash = page.indexOf('#');
  const [front, fragment] = hash === -1 ? [page, ''] : [page.slice(0, hash), page.slice(hash)];
  return `${front}${front.includes('?') ? '&' : '?'}next=${encodeURIComponent(back)}${fragment}`;
}
