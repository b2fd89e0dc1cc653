/** `req.session.cookie`: what express-session's has can be read; a lifetime can be set for one session, within what is configured. */
import type { Express } from 'express';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionOptions } from '../../src/index.js';
import { memoryStore } from '../../src/index.js';
import { type AnySession, sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { Turnstile } from '../support/turnstile.js';

const minute = 60_000;
const hour = 60 * minute;

type Act = (session: AnySession, now: number) => void;

/** An assignment as strict code makes it, to whatever there is or is not. */
function assign(target: object, name: string, value: unknown): void {
  if (!Reflect.set(target, name, value)) throw new TypeError(`${name} can't be set`);
}

const put =
  (name: string, value: unknown): Act =>
  ({ cookie }, now) =>
    assign(cookie, name, typeof value === 'function' ? value(now) : value);

/** What a handler does to the cookie, by name. */
const acts: Record<string, Act> = {
  minute: put('maxAge', minute),
  hour: put('maxAge', hour),
  original: put('originalMaxAge', minute),
  date: put('expires', (now: number) => new Date(now + minute)),
  null: put('maxAge', null),
  undefined: put('maxAge', undefined),
  false: put('expires', false),
  zero: put('maxAge', 0),
  past: put('expires', (now: number) => new Date(now - 1)),
  'zero-and-back': ({ cookie }) => {
    cookie.maxAge = 0;
    cookie.maxAge = minute;
  },
  'too-long': put('maxAge', hour + 1),
  'too-late': put('expires', (now: number) => new Date(now + hour + 1)),
  infinity: put('maxAge', Number.POSITIVE_INFINITY),
  nan: put('maxAge', Number.NaN),
  text: put('maxAge', '60000'),
  'a-date': put('maxAge', new Date(2e12)),
  'a-moment': put('expires', 60_000),
  'no-date': put('expires', new Date(Number.NaN)),
  'readable-by-scripts': put('httpOnly', false),
  secure: put('secure', true),
  'same-site': put('sameSite', 'none'),
  path: put('path', '/admin'),
  domain: put('domain', 'example.com'),
  priority: put('priority', 'high'),
  partitioned: put('partitioned', true),
  'as-it-is': ({ cookie }) => {
    for (const [name, value] of Object.entries({
      httpOnly: true,
      sameSite: 'lax',
      path: '/',
      domain: undefined,
      secure: false,
    }))
      assign(cookie, name, value);
  },
  invented: put('signed', true),
  replaced: (session) => assign(session, 'cookie', {}),
};

describe('req.session.cookie', () => {
  let app: TestApp;
  let clock: FakeClock;
  let turnstile: Turnstile;
  const routes = (target: Express): void => {
    target.post('/put', (req, res) => res.json(Object.assign(sessionIn(req), { n: 1 }).cookie));
    target.get('/', (req, res) => {
      const { cookie, n, info } = sessionIn(req);
      const { maxAge, originalMaxAge, expires } = cookie;
      res.json({ n, maxAge, originalMaxAge, expires, expiresAt: info.expiresAt, inJson: { ...sessionIn(req) } });
    });
    target.all('/set/:what', (req, res) => {
      acts[req.params.what]?.(sessionIn(req), clock.now());
      res.json(sessionIn(req).cookie);
    });
    target.post('/begin/:what', (req, res) => {
      sessionIn(req).n = 1;
      acts[req.params.what]?.(sessionIn(req), clock.now());
      res.json(sessionIn(req).cookie);
    });
    target.post('/streamed/:what', (req, res) => {
      res.write('begun ');
      acts[req.params.what]?.(sessionIn(req), clock.now());
      res.end('done');
    });
    target.post('/slow/:what', async (req, res) => {
      void sessionIn(req).n;
      await turnstile.pass();
      acts[req.params.what]?.(sessionIn(req), clock.now());
      res.json({});
    });
    target.post('/sign-in/:ms', async (req, res) => {
      await sessionIn(req).signIn('ada', { idle: `${Number(req.params.ms)}ms` });
      res.json({});
    });
    target.post('/regenerate', async (req, res) => {
      await sessionIn(req).regenerate();
      sessionIn(req).n = 2;
      res.json(sessionIn(req).cookie);
    });
    target.post('/anew/:verb/:order', async (req, res) => {
      const { verb, order } = req.params;
      if (order === 'before') sessionIn(req).cookie.maxAge = 0;
      await (verb === 'signIn' ? sessionIn(req).signIn('ada') : sessionIn(req).regenerate());
      sessionIn(req).n = 3;
      if (order === 'after') sessionIn(req).cookie.maxAge = 0;
      res.json({});
    });
    target.post('/identity/:what', (req, res) => {
      sessionIn(req).userId = 7;
      acts[req.params.what]?.(sessionIn(req), clock.now());
      res.json({});
    });
  };
  const begin = async (options: SessionOptions = {}): Promise<Client> => {
    app = await startApp(routes, { clock, store: memoryStore({ clock }), ...options });
    const client = app.client();
    await client.post('/put');
    return client;
  };
  const look = async (client: Client) => (await client.get('/')).json<Record<string, unknown>>();
  const set = (client: Client, what: string) => client.post(`/set/${what}`);

  beforeEach(() => {
    clock = new FakeClock();
    turnstile = new Turnstile();
  });
  afterEach(() => app.close());

  it("has what express-session's has, is no key of the session, and goes into JSON as there", async () => {
    const client = await begin();
    const { inJson } = await look(client);
    expect(inJson).toEqual({ n: 1 });
    expect((await set(client, 'as-it-is')).json()).toEqual({
      originalMaxAge: null,
      expires: null,
      secure: false,
      httpOnly: true,
      path: '/',
      sameSite: 'lax',
    });
  });

  it.each(['minute', 'original', 'date'])(
    '%s: the session ends a minute after its last use, and use moves that',
    async (what) => {
      const client = await begin();
      const answer = await set(client, what);
      expect(answer.json()).toMatchObject({ originalMaxAge: minute, expires: new Date(clock.now() + minute).toJSON() });
      for (let use = 0; use < 5; use++) {
        clock.advance(minute - 1);
        expect(await look(client)).toMatchObject({ n: 1, maxAge: minute });
        // The touch goes out after the response.
        await new Promise((next) => setImmediate(next));
      }
      clock.advance(minute);
      expect(await look(client)).not.toHaveProperty('n');
    },
  );

  it('a lifetime sets the cookie where it begins or ceases to outlive the browser, and not else (G4)', async () => {
    const client = await begin();
    const lines = async (what: string) =>
      (await set(client, what)).setCookies.map((line) => /Max-Age=\d+/.exec(line)?.[0]);
    expect(await lines('minute')).toEqual(['Max-Age=86400']);
    expect(await lines('minute')).toEqual([]);
    expect(await lines('hour')).toEqual([]);
    expect(await lines('null')).toEqual([undefined]);
    expect(await lines('null')).toEqual([]);
    expect((await look(client)).n).toBe(1);
  });

  it.each(['null', 'undefined', 'false'])('%s takes back what was set', async (what) => {
    const client = await begin();
    await set(client, 'minute');
    expect((await set(client, what)).json()).toMatchObject({ originalMaxAge: null, expires: null });
    clock.advance(hour - 1);
    expect(await look(client)).toMatchObject({ n: 1, maxAge: null });
  });

  it.each(['zero', 'past'])('%s ends the session with the response', async (what) => {
    const client = await begin();
    const copy = client.copy();
    expect((await set(client, what)).setCookies[0]).toContain('Max-Age=0');
    expect(await look(copy)).not.toHaveProperty('n');
  });

  it('a lifetime after a zero takes the end back', async () => {
    const client = await begin();
    await set(client, 'zero-and-back');
    expect(await look(client)).toMatchObject({ n: 1, originalMaxAge: minute });
  });

  it.each(['too-long', 'too-late', 'infinity', 'nan', 'text', 'a-date', 'a-moment', 'no-date'])(
    '%s is refused with what is configured, and nothing is stored',
    async (what) => {
      const client = await begin();
      const answer = await set(client, what);
      expect([answer.status, answer.json()]).toEqual([
        500,
        { code: 'ERR_SESSION_ARGUMENT', message: expect.stringContaining('expected at most 1h') },
      ]);
      expect(await look(client)).toMatchObject({ n: 1, maxAge: null });
    },
  );

  it.each(['readable-by-scripts', 'secure', 'same-site', 'path', 'domain', 'priority', 'partitioned'])(
    '%s: what a guarantee rests on is refused by name',
    async (what) => {
      const client = await begin();
      expect((await set(client, what)).json()).toEqual({
        code: 'ERR_SESSION_ARGUMENT',
        message: expect.stringMatching(/^req\.session\.cookie\.\w+: expected .* guarantee/),
      });
    },
  );

  it.each(['invented', 'replaced'])('%s: nothing is taken in silence', async (what) => {
    const client = await begin();
    expect((await set(client, what)).status).toBe(500);
  });

  it('holds from the first response of a session on', async () => {
    await begin();
    const other = app.client();
    const answer = await other.post('/begin/minute');
    expect(answer.setCookies[0]).toContain('Max-Age=');
    clock.advance(minute);
    expect(await look(other)).not.toHaveProperty('n');
  });

  it('alone begins no session: strangers cost nothing (G9)', async () => {
    await begin();
    const stranger = app.client();
    expect((await set(stranger, 'minute')).setCookies).toEqual([]);
    expect(app.events.filter(({ type }) => type === 'created')).toHaveLength(1);
  });

  it('never lengthens what a sign-in has asked for, nor what is configured later (G8)', async () => {
    const store = memoryStore({ clock });
    const client = await begin({ store });
    await client.post(`/sign-in/${minute}`);
    expect((await set(client, 'hour')).status).toBe(500);
    await set(client, 'null');
    clock.advance(minute);
    expect(await look(client)).toMatchObject({ maxAge: null });
    expect((await client.get('/')).json<{ expiresAt?: string }>().expiresAt).toBeUndefined();

    const other = app.client();
    await other.post('/begin/hour');
    const short = await startApp(routes, { clock, store, idle: '1m' });
    const there = short.client();
    there.jar.set(short.cookieName, [...other.jar.values()][0] as string);
    expect(await look(there)).toMatchObject({ originalMaxAge: minute });
    await short.close();
  });

  it('of as much as is configured now holds on where more was configured and will be again (G8)', async () => {
    const store = memoryStore({ clock });
    const client = await begin({ store, idle: '2h' });
    const short = await startApp(routes, { clock, store, idle: '1h' });
    const there = short.client();
    there.jar.set(short.cookieName, [...client.jar.values()][0] as string);
    await set(there, 'hour');
    await short.close();
    expect(await look(client)).toMatchObject({ n: 1, originalMaxAge: hour });
  });

  it('goes with the old session: a new one is as configured', async () => {
    const client = await begin();
    await set(client, 'minute');
    expect((await client.post('/regenerate')).json()).toMatchObject({ originalMaxAge: null });
    expect(await look(client)).toMatchObject({ n: 2, originalMaxAge: null });
  });

  it.each(['signIn', 'regenerate'])(
    '0 ends the session that it was said of, and not one that %s began after',
    async (verb) => {
      const client = await begin();
      const old = client.copy();
      expect((await client.post(`/anew/${verb}/before`)).setCookies.join()).not.toMatch(/max-age=0/i);
      expect(await look(client)).toMatchObject({ n: 3 });
      expect(await look(old)).not.toHaveProperty('n');
      expect((await client.post(`/anew/${verb}/after`)).setCookies.join()).toMatch(/max-age=0/i);
      expect(await look(client)).not.toHaveProperty('n');
    },
  );

  it('survives the new token of an identity that is set by hand', async () => {
    const client = await begin();
    await client.post('/identity/minute');
    expect(await look(client)).toMatchObject({ originalMaxAge: minute });
    await set(client, 'minute');
    await client.post('/identity/none');
    expect(await look(client)).toMatchObject({ originalMaxAge: minute });
  });

  it('is merged with what another request changed meanwhile', async () => {
    const client = await begin();
    const slow = client.copy();
    const under = slow.post('/slow/minute');
    await turnstile.holding(1);
    await client.post('/put');
    turnstile.open();
    expect((await under).status).toBe(200);
    expect(await look(client)).toMatchObject({ n: 1, originalMaxAge: minute });
  });

  it('sets no cookie over the one of a sign-in that came meanwhile (G4)', async () => {
    const client = await begin();
    const slow = client.copy();
    const under = slow.post('/slow/minute');
    await turnstile.holding(1);
    await client.post(`/sign-in/${hour}`);
    turnstile.open();
    const answer = await under;
    expect([answer.status, answer.setCookies]).toEqual([401, []]);
  });

  it('does not give out a token anew that has a successor (G4)', async () => {
    const client = await begin({ renewEvery: '1m' });
    const late = client.copy();
    clock.advance(minute);
    expect((await client.get('/')).setCookies).toHaveLength(1);
    expect((await client.get('/')).status).toBe(200);
    await new Promise((next) => setImmediate(next));
    const answer = await late.post('/set/minute');
    expect([answer.status, answer.setCookies]).toEqual([200, []]);
    expect(await look(client)).toMatchObject({ n: 1, originalMaxAge: minute });
  });

  it('is an error, not a false success, where the head is out and the cookie would have to follow (G5)', async () => {
    const client = await begin();
    await expect(client.post('/streamed/minute')).rejects.toThrow();
    expect(await look(client)).toMatchObject({ n: 1, maxAge: null });
    await set(client, 'minute');
    expect((await client.post('/streamed/hour')).text).toBe('begun done');
    expect(await look(client)).toMatchObject({ originalMaxAge: hour });
  });
});
