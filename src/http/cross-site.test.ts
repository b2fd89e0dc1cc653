import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SessionError } from '../core/errors.js';
import {
  type CrossSiteDenial,
  type CrossSiteInput,
  type CrossSitePolicy,
  crossSiteMessage,
  crossSiteVerdict,
  parseAllow,
  parseOrigins,
} from './cross-site.js';

const own = 'https://app.example.com';
const listed = 'https://admin.example.com';
const post: CrossSiteInput = {
  method: 'POST',
  url: '/change',
  fetchSite: undefined,
  origin: undefined,
  ownOrigin: own,
};
const compat: CrossSitePolicy = {
  origins: parseOrigins([listed], 'crossSite.origins'),
  allow: parseAllow(['POST /auth/apple/callback'], 'crossSite.allow'),
  strict: false,
};
const strict: CrossSitePolicy = { ...compat, strict: true };

const tell = (input: Partial<CrossSiteInput>, policy = compat): string => {
  const { allowed, reason } = crossSiteVerdict({ ...post, ...input }, policy);
  return `${allowed ? 'allowed' : 'denied'}: ${reason}`;
};

describe('an unsafe request', () => {
  test.each<[string, Partial<CrossSiteInput>, string]>([
    ['of the own origin', { fetchSite: 'same-origin', origin: own }, 'allowed: same-origin'],
    [
      'of the own origin that hides it (Referrer-Policy)',
      { fetchSite: 'same-origin', origin: 'null' },
      'allowed: same-origin',
    ],
    ['started by the user', { fetchSite: 'none' }, 'allowed: user-initiated'],
    ['of a sibling', { fetchSite: 'same-site', origin: 'https://blog.example.com' }, 'denied: same-site'],
    ['of another site', { fetchSite: 'cross-site', origin: 'https://evil.example' }, 'denied: cross-site'],
    ['of another site that claims our origin', { fetchSite: 'cross-site', origin: own }, 'denied: cross-site'],
    ['of a listed sibling', { fetchSite: 'same-site', origin: listed }, 'allowed: listed-origin'],
    ['of a listed site', { fetchSite: 'cross-site', origin: listed }, 'allowed: listed-origin'],
    ['with Cross-Site in capitals', { fetchSite: 'Cross-Site', origin: own }, 'denied: fetch-site-malformed'],
    ['with an unknown value', { fetchSite: 'foo', origin: own }, 'denied: fetch-site-malformed'],
    ['with an empty value', { fetchSite: '', origin: own }, 'denied: fetch-site-malformed'],
    ['with the header twice', { fetchSite: 'same-origin, same-origin' }, 'denied: fetch-site-malformed'],
    [
      'with the header twice, from a listed origin',
      { fetchSite: 'same-origin, cross-site', origin: listed },
      'denied: fetch-site-malformed',
    ],
    ['with Origin alone, ours', { origin: own }, 'allowed: same-origin'],
    ['with Origin alone, listed', { origin: listed }, 'allowed: listed-origin'],
    ['with Origin alone, another host', { origin: 'https://evil.example' }, 'denied: origin-foreign'],
    ['with Origin alone, http of our host', { origin: 'http://app.example.com' }, 'denied: origin-foreign'],
    ['with Origin alone, another port', { origin: 'https://app.example.com:8443' }, 'denied: origin-foreign'],
    [
      'with Origin alone, our host as a prefix',
      { origin: 'https://app.example.com.evil.example' },
      'denied: origin-foreign',
    ],
    ['with Origin null', { origin: 'null' }, 'denied: origin-null'],
    ['with Origin null where our own is unknown', { origin: 'null', ownOrigin: undefined }, 'denied: origin-null'],
    ['with a user in Origin', { origin: 'https://evil@app.example.com' }, 'denied: origin-malformed'],
    ['with a path in Origin', { origin: `${own}/` }, 'denied: origin-malformed'],
    ['with the default port in Origin', { origin: `${own}:443` }, 'denied: origin-malformed'],
    ['with capitals in Origin', { origin: 'https://APP.example.com' }, 'denied: origin-malformed'],
    ['with Origin twice', { origin: `${own}, ${own}` }, 'denied: origin-malformed'],
    ['with an empty Origin', { origin: '' }, 'denied: origin-malformed'],
    ['with a foreign Origin where our own is unknown', { origin: own, ownOrigin: undefined }, 'denied: origin-foreign'],
  ])('%s', (_title, input, verdict) => {
    expect(tell(input)).toBe(verdict);
    expect(tell(input, strict)).toBe(verdict);
  });

  test('without any evidence is allowed and flagged, or denied where strict', () => {
    expect(crossSiteVerdict(post, compat)).toEqual({ allowed: true, reason: 'no-evidence', unverified: true });
    expect(crossSiteVerdict(post, strict)).toEqual({ allowed: false, reason: 'no-evidence' });
  });

  test('nothing but a missing Origin and Sec-Fetch-Site is ever flagged as unverified', () => {
    const text = fc.option(fc.constantFrom('same-origin', 'none', 'cross-site', own, listed, 'null', ''), {
      nil: undefined,
    });
    fc.assert(
      fc.property(text, text, fc.constantFrom('GET', 'POST', 'get', 'DELETE'), (fetchSite, origin, method) => {
        const verdict = crossSiteVerdict({ ...post, method, fetchSite, origin }, compat);
        const flagged = verdict.allowed && verdict.unverified === true;
        expect(flagged).toBe(method !== 'GET' && fetchSite === undefined && origin === undefined);
      }),
    );
  });
});

describe('methods', () => {
  const foreign = { fetchSite: 'cross-site', origin: 'https://evil.example' };

  test.each(['GET', 'HEAD', 'OPTIONS'])('%s is safe', (method) => {
    expect(tell({ ...foreign, method }, strict)).toBe('allowed: safe-method');
  });

  test.each(['get', 'Get', 'GET ', 'TRACE', 'CONNECT', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'PROPFIND', ''])(
    '%j is not',
    (method) => {
      expect(tell({ ...foreign, method })).toBe('denied: cross-site');
    },
  );
});

describe('a WebSocket handshake', () => {
  const handshake = { method: 'GET', url: '/ws', upgrade: true };

  test.each<[string, Partial<CrossSiteInput>, string]>([
    ['of our own pages', { origin: own }, 'allowed: same-origin'],
    ['of a listed page', { origin: listed, fetchSite: 'same-site' }, 'allowed: listed-origin'],
    ['of another site', { origin: 'https://evil.example' }, 'denied: origin-foreign'],
    [
      'of another site that would pass by Fetch Metadata',
      { origin: 'https://evil.example', fetchSite: 'none' },
      'denied: origin-foreign',
    ],
    ['of a sandboxed frame', { origin: 'null' }, 'denied: origin-null'],
    ['of a program', {}, 'allowed: no-evidence'],
    ['of another site without Origin', { fetchSite: 'cross-site' }, 'denied: cross-site'],
  ])('%s', (_title, input, verdict) => {
    expect(tell({ ...handshake, ...input })).toBe(verdict);
  });

  test('of a program is denied where strict', () => {
    expect(tell(handshake, strict)).toBe('denied: no-evidence');
  });
});

describe('an exempt path', () => {
  const foreign = { fetchSite: 'cross-site', origin: 'https://appleid.apple.com' };

  test.each(['/auth/apple/callback', '/auth/apple/callback?code=1', '/auth/apple/callback?/../x'])(
    '%s is exempt',
    (url) => {
      expect(tell({ ...foreign, url }, strict)).toBe('allowed: allowed-path');
    },
  );

  test.each([
    '/auth/apple/callback/',
    '/auth/apple/Callback',
    '/auth/apple/callbac%6b',
    '/auth/apple/x/../callback',
    '/auth/apple/callback/../../../admin',
    '//auth/apple/callback',
    '/auth/apple/callback#x',
    '/auth/apple/callback;x',
    '/auth/apple/callbackx',
    '/x/auth/apple/callback',
    'https://app.example.com/auth/apple/callback',
    '/auth/apple',
    '',
  ])('%j is not', (url) => {
    expect(tell({ ...foreign, url })).toBe('denied: cross-site');
  });

  test('another method of an exempt path is not exempt', () => {
    expect(tell({ ...foreign, url: '/auth/apple/callback', method: 'PUT' })).toBe('denied: cross-site');
    expect(tell({ ...foreign, url: '/auth/apple/callback', method: 'post' })).toBe('denied: cross-site');
  });
});

describe('options', () => {
  test('origins that a browser would send are taken', () => {
    const origins = ['https://a.example', 'http://localhost:3000', 'https://[::1]:8443', 'capacitor://localhost'];
    expect([...parseOrigins(origins, 'crossSite.origins')]).toEqual(origins);
    expect(parseOrigins(undefined, 'crossSite.origins').size).toBe(0);
  });

  test.each([
    ['https://a.example/', "Write 'https://a.example'"],
    ['https://A.example', "Write 'https://a.example'"],
    ['https://a.example:443', "Write 'https://a.example'"],
    ['https://user@a.example/path?q', "Write 'https://a.example'"],
    ['a.example', 'expected scheme, host'],
    ['null', 'expected scheme, host'],
    ['*', 'There are no wildcards'],
    ['https://*.example', 'There are no wildcards'],
    ['', 'expected scheme, host'],
    [7, 'expected a string'],
  ])('the origin %j is refused with the remedy', (origin, remedy) => {
    expect(() => parseOrigins([own, origin], 'crossSite.origins')).toThrow(
      expect.objectContaining({
        code: 'ERR_SESSION_OPTION',
        message: expect.stringMatching(/^crossSite\.origins\[1\]: /),
      }),
    );
    expect(() => parseOrigins([origin], 'crossSite.origins')).toThrow(remedy);
  });

  test.each([
    '/path',
    'post /path',
    'POST path',
    'POST  /path',
    'POST /a/*',
    'POST /a?b',
    'POST /a/../b',
    'POST /a#b',
    'POST /ä',
    ' POST /a',
  ])('the exemption %j is refused', (item) => {
    expect(() => parseAllow([item], 'crossSite.allow')).toThrow(SessionError);
  });

  test('something else than a list is refused', () => {
    expect(() => parseOrigins(own, 'crossSite.origins')).toThrow(/crossSite\.origins: expected a list/);
    expect(() => parseAllow({}, 'crossSite.allow')).toThrow(/crossSite\.allow: expected a list/);
  });
});

describe('the sentence of the 403', () => {
  const reasons: CrossSiteDenial[] = [
    'cross-site',
    'same-site',
    'fetch-site-malformed',
    'origin-foreign',
    'origin-null',
    'origin-malformed',
    'no-evidence',
  ];

  test('names the option that would let this origin in', () => {
    for (const reason of ['cross-site', 'same-site', 'origin-foreign'] as const) {
      expect(crossSiteMessage(reason, { origin: 'https://other.example' })).toContain(
        "crossSite: { origins: ['https://other.example'] }",
      );
    }
  });

  test('never repeats what is not an origin', () => {
    for (const reason of reasons) {
      for (const origin of [
        '<script>',
        'https://a.example/<b>',
        "https://a'b",
        `https://${'a'.repeat(300)}`,
        'https://u:p@a.example',
      ]) {
        expect(crossSiteMessage(reason, { origin })).not.toContain(origin);
      }
    }
  });
});
