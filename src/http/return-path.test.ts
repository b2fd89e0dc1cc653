import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOwnPath, safeReturnPath, withReturnPath } from './return-path.js';

const host = 'https://app.example';

describe('a way back that leads elsewhere is not taken', () => {
  test.each([
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/ /evil.example',
    ' /account',
    'https://evil.example/',
    'https:evil.example',
    'javascript:alert(1)',
    'account',
    '?next=1',
    '#top',
    '',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '/a\u0000b',
    '/a\r\nSet-Cookie: a=b',
    '/\u202e',
    '/é',
    `/${'a'.repeat(2048)}`,
  ])('%j', (value) => expect(safeReturnPath(value, '/home')).toBe('/home'));

  test.each([undefined, null, 7, {}, ['/account'], { toString: () => '/account' }])('%j', (value) =>
    expect(safeReturnPath(value)).toBe('/'),
  );
});

test.each(['/', '/account', '/a/b?c=d&e=%2F%2Fevil.example#f', '/a//b', '/@evil.example', '/:443', '/./a', '/a?b=//c'])(
  '%s is a way back',
  (value) => expect(safeReturnPath(value, '/home')).toBe(value),
);

describe('whatever comes, what is taken stays on this host', () => {
  const piece = fc.oneof(
    fc.constantFrom('/', '\\', '.', '..', '%2e', '%2f', '%5c', ':', '@', '?', '#', '\t', '\n', '\r', ' ', '\u0000'),
    fc.constantFrom('evil.example', 'https:', 'http:', 'javascript:', 'a', 'é', '\u3000', '\uff0f'),
    fc.string({ maxLength: 3 }),
  );
  const hostile = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));

  test('as WHATWG URL resolves it, once and when what that gives is resolved again', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          hostile,
          hostile.map((text) => `/${text}`),
        ),
        (value) => {
          const path = safeReturnPath(value, '/home');
          const once = new URL(path, host);
          expect(once.origin).toBe(host);
          const { pathname, search, hash } = once;
          const twice = new URL(pathname + search + hash, host);
          expect([twice.origin, twice.pathname]).toEqual([host, pathname]);
          // As a header and in a page it is plain text.
          expect(path).toMatch(/^[\x21-\x7e]+$/);
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('and comes back whole from the parameter that carried it', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.constantFrom('/login', '/login?theme=dark', '/login?a=b#form'), (path, page) => {
        const back = path === '' ? '/' : path;
        const url = new URL(withReturnPath(page, back), host);
        expect(url.searchParams.get('next')).toBe(isOwnPath(back) ? back : null);
        expect(url.pathname).toBe('/login');
        expect(url.hash).toBe(page.includes('#') ? '#form' : '');
      }),
    );
  });
});
