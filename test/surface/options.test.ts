/** express-session's options, given to `session()`: each value passes, or stops the start with the reason and the remedy. */
import { afterEach, describe, expect, it } from 'vitest';
import { memoryStore, SessionError, type SessionOptions, session } from '../../src/index.js';
import { sessionIn, startApp, type TestApp, testSecret } from '../support/app.js';
import { FakeClock } from '../support/fake-clock.js';

const start = (options: object): void =>
  void session({ secret: testSecret, store: memoryStore(), log: () => {}, ...options });

function refusalOf(options: object): SessionError {
  try {
    start(options);
  } catch (error) {
    return error as SessionError;
  }
  throw new Error(`${JSON.stringify(options)} was not refused`);
}

const accepted: readonly (readonly [name: string, options: object])[] = [
  ['resave: false', { resave: false }],
  ['saveUninitialized: false', { saveUninitialized: false }],
  ['rolling: false', { rolling: false }],
  ['resave: undefined', { resave: undefined }],
  ["unset: 'keep'", { unset: 'keep' }],
  ["unset: 'destroy'", { unset: 'destroy' }],
  ["name: 'connect.sid'", { name: 'connect.sid' }],
  ['cookie: {}', { cookie: {} }],
  ['cookie: a function', { cookie: () => ({}) }],
  ['cookie.maxAge: null', { cookie: { maxAge: null } }],
  ['cookie.maxAge: an hour', { cookie: { maxAge: 3_600_000 } }],
  ['cookie.maxAge beside persistent: true', { cookie: { maxAge: 60_000 }, persistent: true }],
  ['cookie.maxAge beside an absolute limit as long', { cookie: { maxAge: 7 * 86_400_000 }, absolute: '7d' }],
  ['cookie.maxAge beside a preset', { cookie: { maxAge: 60_000 }, preset: 'aal1' }],
  ['cookie.expires: false', { cookie: { expires: false } }],
  ['cookie.expires: null', { cookie: { expires: null } }],
  ["cookie.path: '/'", { cookie: { path: '/' } }],
  ['cookie.httpOnly: true', { cookie: { httpOnly: true } }],
  ['cookie.secure: true', { cookie: { secure: true } }],
  ["cookie.secure: 'auto'", { cookie: { secure: 'auto' } }],
  ['cookie.secure: false outside production', { cookie: { secure: false }, production: false }],
  ["cookie.sameSite: 'lax'", { cookie: { sameSite: 'lax' } }],
  ['cookie.domain: undefined', { cookie: { domain: undefined } }],
  ['cookie.partitioned: false', { cookie: { partitioned: false } }],
];

const refused: readonly (readonly [name: string, options: object, option: string, why: RegExp])[] = [
  ['resave: true', { resave: true }, 'resave', /G1.*Leave it out/],
  ['saveUninitialized: true', { saveUninitialized: true }, 'saveUninitialized', /G9.*Leave it out/],
  ['rolling: true', { rolling: true }, 'rolling', /G4.*Leave it out/],
  ['genid', { genid: () => 'x' }, 'genid', /G3.*Leave it out/],
  ['proxy: true', { proxy: true }, 'proxy', /trust proxy/],
  ['proxy: false', { proxy: false }, 'proxy', /trust proxy/],
  ["unset: 'remove'", { unset: 'remove' }, 'unset', /'keep', 'destroy'/],
  ['key', { key: 'sid' }, 'key', /there is no option 'key'/],
  [
    'cookie: a promise',
    { cookie: Promise.resolve({ httpOnly: false }) },
    'cookie',
    /object of options, got an object \(Promise\)/,
  ],
  ['cache: a promise', { cache: Promise.resolve({}) }, 'cache', /object of options, got an object \(Promise\)/],
  ['cookie: a string', { cookie: 'sid' }, 'cookie', /object of options/],
  ['cookie.maxAge: 0', { cookie: { maxAge: 0 } }, 'cookie.maxAge', /milliseconds/],
  ["cookie.maxAge: '1h'", { cookie: { maxAge: '1h' } }, 'cookie.maxAge', /milliseconds/],
  ['cookie.maxAge: NaN', { cookie: { maxAge: Number.NaN } }, 'cookie.maxAge', /milliseconds/],
  ['cookie.maxAge: Infinity', { cookie: { maxAge: Number.POSITIVE_INFINITY } }, 'cookie.maxAge', /milliseconds/],
  ['cookie.maxAge: a Date', { cookie: { maxAge: new Date(2e12) } }, 'cookie.maxAge', /milliseconds/],
  ['cookie.maxAge beside idle', { cookie: { maxAge: 60_000 }, idle: '1h' }, 'cookie.maxAge', /idle.*keep one/],
  [
    'cookie.maxAge beside persistent: false',
    { cookie: { maxAge: 60_000 }, persistent: false },
    'cookie.maxAge',
    /persistent.*keep one/,
  ],
  [
    'cookie.maxAge over the absolute limit',
    { cookie: { maxAge: 7 * 86_400_000 } },
    'cookie.maxAge',
    /absolute limit \(1d\), got 7d/,
  ],
  ['cookie.expires: a Date', { cookie: { expires: new Date(2e12) } }, 'cookie.expires', /maxAge/],
  ["cookie.path: '/admin'", { cookie: { path: '/admin' } }, 'cookie.path', /__Host-/],
  ['cookie.httpOnly: false', { cookie: { httpOnly: false } }, 'cookie.httpOnly', /G11/],
  [
    'cookie.secure: false in production',
    { cookie: { secure: false }, production: true },
    'cookie.secure',
    /https only/,
  ],
  ["cookie.sameSite: 'none'", { cookie: { sameSite: 'none' } }, 'cookie.sameSite', /other sites/],
  ["cookie.sameSite: 'strict'", { cookie: { sameSite: 'strict' } }, 'cookie.sameSite', /follow a link/],
  ["cookie.sameSite: 'auto'", { cookie: { sameSite: 'auto' } }, 'cookie.sameSite', /other sites/],
  ['cookie.sameSite: false', { cookie: { sameSite: false } }, 'cookie.sameSite', /other sites/],
  ["cookie.domain: 'example.com'", { cookie: { domain: 'example.com' } }, 'cookie.domain', /G3/],
  ["cookie.priority: 'high'", { cookie: { priority: 'high' } }, 'cookie.priority', /not sent/],
  ['cookie.partitioned: true', { cookie: { partitioned: true } }, 'cookie.partitioned', /not sent/],
  ['cookie.signed', { cookie: { signed: true } }, 'cookie', /there is no option 'signed'/],
];

describe("express-session's options", () => {
  it.each(accepted)('%s passes', (_, options) => {
    expect(() => start(options)).not.toThrow();
  });

  it.each(refused)('%s is refused, with the reason and the remedy', (_, options, option, why) => {
    const error = refusalOf(options);
    expect(error).toBeInstanceOf(SessionError);
    expect(error.code).toBe('ERR_SESSION_OPTION');
    expect(error.message.startsWith(option === 'key' ? 'session()' : option)).toBe(true);
    expect(error.message).toMatch(why);
  });

  it('a polluted Object.prototype gives no cookie options', () => {
    Object.defineProperty(Object.prototype, 'httpOnly', {
      value: false,
      configurable: true,
      writable: true,
      enumerable: true,
    });
    try {
      expect(() => start({ cookie: {} })).not.toThrow();
    } finally {
      Reflect.deleteProperty(Object.prototype, 'httpOnly');
    }
  });
});

describe('cookie.maxAge and name, in an app', () => {
  let app: TestApp;
  afterEach(() => app.close());

  const routes: Parameters<typeof startApp>[0] = (target) => {
    target.post(['/put', '/admin/put'], (req, res) => {
      sessionIn(req).n = 1;
      const { maxAge, originalMaxAge } = sessionIn(req).cookie;
      res.json({ maxAge, originalMaxAge });
    });
    target.get('/', (req, res) => res.json({ n: sessionIn(req).n, ...sessionIn(req).info }));
  };
  const begin = async (options: SessionOptions) => {
    app = await startApp(routes, options);
    return app.client();
  };

  it('cookie.maxAge is the idle limit, and the cookie outlives the browser', async () => {
    const clock = new FakeClock();
    const client = await begin({ cookie: { maxAge: 60_000 }, clock });
    const answer = await client.post('/put');
    expect(answer.json()).toEqual({ maxAge: 60_000, originalMaxAge: 60_000 });
    expect(answer.setCookies[0]).toMatch(/; Max-Age=86400$/);
    clock.advance(59_999);
    expect((await client.get('/')).json()).toMatchObject({ n: 1 });
    clock.advance(60_001);
    expect((await client.get('/')).json()).not.toHaveProperty('n');
  });

  it('a function is asked when a session begins, and shortens that one', async () => {
    const clock = new FakeClock();
    const asked: string[] = [];
    const client = await begin({
      clock,
      cookie: (req) => {
        asked.push(req.url ?? '');
        return req.url?.startsWith('/admin') ? { maxAge: 60_000 } : {};
      },
    });
    const admin = app.client();
    const first = await admin.post('/admin/put');
    expect(first.json()).toEqual({ maxAge: 60_000, originalMaxAge: 60_000 });
    expect(first.setCookies[0]).toContain('Max-Age=');
    const second = await client.post('/put');
    expect(second.json()).toEqual({ maxAge: null, originalMaxAge: null });
    expect(second.setCookies[0]).not.toContain('Max-Age=');
    expect(new Set(asked)).toEqual(new Set(['/admin/put', '/put']));
    clock.advance(60_001);
    expect((await admin.get('/')).json()).not.toHaveProperty('n');
    expect((await client.get('/')).json()).toMatchObject({ n: 1 });
  });

  it('a function that asks for more than idle, or for what is refused, fails its request and no other', async () => {
    const client = await begin({
      cookie: ({ url }) =>
        url === '/admin/put' ? { maxAge: 7_200_000 } : url === '/put' ? ({ httpOnly: false } as never) : {},
    });
    const long = await client.post('/admin/put');
    expect([long.status, long.json<{ message: string }>().message]).toEqual([
      500,
      expect.stringContaining('at most idle (1h)'),
    ]);
    expect((await client.post('/put')).json()).toMatchObject({ message: expect.stringContaining('cookie().httpOnly') });
    expect((await client.get('/')).status).toBe(200);
  });

  it('an async function is refused with the remedy, and its rejection does not end the process', async () => {
    const stray: unknown[] = [];
    const heard = (reason: unknown) => void stray.push(reason);
    process.on('unhandledRejection', heard);
    try {
      for (const cookie of [
        async () => ({ maxAge: 60_000, httpOnly: false }),
        () => Promise.reject(new Error('the database is down')),
      ]) {
        const client = await begin({ cookie: cookie as never });
        const { status, text } = await client.post('/put');
        expect(status).toBe(500);
        expect(text).toMatch(/cookie\(\): expected an answer at once, got an object \(Promise\)\. .*middleware/);
        await new Promise((resolve) => setImmediate(resolve));
        await app.close();
      }
      expect(stray).toEqual([]);
    } finally {
      process.off('unhandledRejection', heard);
      app = await startApp(routes);
    }
  });

  it("a name with a dot is the end of the cookie's name", async () => {
    const client = await begin({ name: 'connect.sid' });
    const answer = await client.post('/put');
    expect(answer.setCookies[0]).toMatch(/^connect\.sid/);
    expect((await client.get('/')).json()).toMatchObject({ n: 1 });
  });
});
