/** Who may send an unsafe request: every row of headers, over HTTP, with and without a session. */
import type { ErrorRequestHandler } from 'express';
import { afterEach, describe, expect, it } from 'vitest';
import { explain, type SessionOptions } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { everyVerb, signedIn } from '../support/routes.js';

let app: TestApp;
const start = async (crossSite?: SessionOptions['crossSite']): Promise<TestApp> => {
  app = await startApp(everyVerb, crossSite === undefined ? {} : { crossSite });
  return app;
};
afterEach(() => app.close());

type Headers = Record<string, string | string[]>;

/** What comes, and whether the handler runs: by default, and with `strict`. `OWN` stands for the app's own origin. */
const rows: readonly [string, Headers, { readonly lax: boolean; readonly strict: boolean }][] = [
  ['Sec-Fetch-Site: same-origin', { 'sec-fetch-site': 'same-origin' }, { lax: true, strict: true }],
  ['Sec-Fetch-Site: none', { 'sec-fetch-site': 'none' }, { lax: true, strict: true }],
  ['Sec-Fetch-Site: same-site', { 'sec-fetch-site': 'same-site' }, { lax: false, strict: false }],
  ['Sec-Fetch-Site: cross-site', { 'sec-fetch-site': 'cross-site' }, { lax: false, strict: false }],
  [
    'Sec-Fetch-Site: cross-site with the own Origin',
    { 'sec-fetch-site': 'cross-site', origin: 'OWN' },
    { lax: false, strict: false },
  ],
  ['Sec-Fetch-Site: Cross-Site', { 'sec-fetch-site': 'Cross-Site' }, { lax: false, strict: false }],
  ['Sec-Fetch-Site: foo', { 'sec-fetch-site': 'foo' }, { lax: false, strict: false }],
  ['Sec-Fetch-Site twice', { 'sec-fetch-site': ['same-origin', 'same-origin'] }, { lax: false, strict: false }],
  ['only the own Origin', { origin: 'OWN' }, { lax: true, strict: true }],
  ["only another host's Origin", { origin: 'http://evil.example' }, { lax: false, strict: false }],
  ['only an Origin of another scheme', { origin: 'OWN-SCHEME' }, { lax: false, strict: false }],
  ['only an Origin of another port', { origin: 'OWN-PORT' }, { lax: false, strict: false }],
  ['only Origin: null', { origin: 'null' }, { lax: false, strict: false }],
  ['only an Origin with a user', { origin: 'OWN-USER' }, { lax: false, strict: false }],
  ['neither header', {}, { lax: true, strict: false }],
];

const filled = (headers: Headers): Headers => {
  const { origin, port } = app;
  const words: Record<string, string> = {
    OWN: origin,
    'OWN-SCHEME': origin.replace('http:', 'https:'),
    'OWN-PORT': origin.replace(String(port), String(port === 65_535 ? port - 1 : port + 1)),
    'OWN-USER': origin.replace('//', '//evil@'),
  };
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === 'string' ? (words[value] ?? value) : value]),
  );
};

describe.each(rows)('an unsafe request with %s', (_name, headers, { lax, strict }) => {
  it.each([
    ['default', {}, lax],
    ['strict', { strict: true }, strict],
  ] as const)('%s', async (_mode, options, passes) => {
    await start(options);
    const client = await signedInOwn();
    const put = await client.post('/put', { body: { a: 1 }, headers: filled(headers) });
    expect(put.status).toBe(passes ? 200 : 403);
    const login = await app.client().post('/sign-in/mallory', { body: {}, headers: filled(headers) });
    expect(login.status).toBe(passes ? 200 : 403);
    if (passes) return;
    expect(put.json()).toMatchObject({ code: 'ERR_SESSION_CROSS_SITE' });
    expect(login.setCookies).toEqual([]);
    expect(app.events.filter(({ type }) => type === 'cross-site-refused')).toHaveLength(2);
  });

  it('as a GET goes to the handler, whatever a header says of its method', async () => {
    await start({ strict: true });
    const client = await signedInOwn();
    const overridden = { ...filled(headers), 'x-http-method-override': 'POST' };
    expect((await client.get('/guarded?_method=POST', { headers: overridden })).status).toBe(200);
  });
});

async function signedInOwn() {
  const client = app.client();
  await client.post('/sign-in/ada', { body: {}, headers: { origin: app.origin } });
  return client;
}

it('says so where nothing is known of the page that sent it', async () => {
  await start();
  await signedIn(app, 'ada');
  expect(app.events).toContainEqual(expect.objectContaining({ type: 'cross-site-unverified', reason: 'no-evidence' }));
});

it('the error handler can ask why, although the request got no further than the door', async () => {
  app = await startApp((target) => {
    const told: ErrorRequestHandler = (_error, req, res, _next) => {
      res.status(403).json(explain(req));
    };
    target.use(told);
  });
  const answer = await app.client().post('/', { headers: { origin: 'http://evil.example' } });
  expect(answer.json()).toMatchObject({ session: 'none', because: [expect.stringContaining('http://evil.example')] });
});
