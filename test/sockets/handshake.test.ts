import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import type { SessionOptions, UpgradeOptions } from '../../src/index.js';
import { memoryStore } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { deferred } from '../support/deferred.js';
import { everyVerb, type Me, signedIn } from '../support/routes.js';
import { acceptedOf, openSocket, type SocketServer, say, serveSockets } from '../support/sockets.js';
import { spyOn } from '../support/spy-store.js';

async function start(options: SessionOptions = {}, upgrade?: UpgradeOptions): Promise<[TestApp, SocketServer]> {
  const app = await startApp(everyVerb, options);
  onTestFinished(() => app.close());
  return [app, serveSockets(app.server, app.sessions, upgrade)];
}

/** `open`, or the status and the body of the refusal. */
const outcome = (app: TestApp, headers: Record<string, string>): Promise<string> =>
  openSocket(app.origin, headers).then(
    () => 'open',
    (error: Error) => error.message,
  );

describe("a WebSocket is opened from the app's own pages only", () => {
  const own = (app: TestApp) => app.origin;
  const rows: [string, (app: TestApp) => Record<string, string>, string][] = [
    ['its own origin', (app) => ({ origin: own(app) }), 'open'],
    ['another site', () => ({ origin: 'https://evil.example' }), 'refused 403 ERR_SESSION_CROSS_SITE'],
    ['another port of its host', () => ({ origin: 'http://127.0.0.1:1' }), 'refused 403 ERR_SESSION_CROSS_SITE'],
    [
      'the https of its host',
      (app) => ({ origin: own(app).replace('http', 'https') }),
      'refused 403 ERR_SESSION_CROSS_SITE',
    ],
    ['a sandboxed frame', () => ({ origin: 'null' }), 'refused 403 ERR_SESSION_CROSS_SITE'],
    [
      'a sibling subdomain without an Origin',
      () => ({ 'sec-fetch-site': 'same-site' }),
      'refused 403 ERR_SESSION_CROSS_SITE',
    ],
    [
      'a foreign page whose Fetch Metadata lies',
      () => ({ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }),
      'refused 403 ERR_SESSION_CROSS_SITE',
    ],
    ['a listed origin', () => ({ origin: 'https://admin.example.com' }), 'open'],
    ['a program, which says neither', () => ({}), 'open'],
  ];

  test.each(rows)('%s', async (_, headers, expected) => {
    const [app] = await start({ crossSite: { origins: ['https://admin.example.com'] } });
    const client = await signedIn(app, 'ada');
    expect(await outcome(app, { cookie: client.cookie, ...headers(app) })).toBe(expected);
  });

  it('a refusal is an event, opens no session and reads no store', async () => {
    const spy = spyOn(memoryStore());
    const [app] = await start({ store: spy.store });
    const client = await signedIn(app, 'ada');
    spy.forget();
    await outcome(app, { cookie: client.cookie, origin: 'https://evil.example' });
    expect(spy.calls).toEqual([]);
    expect(app.events.at(-1)).toMatchObject({ type: 'cross-site-refused', reason: 'origin-foreign', method: 'GET' });
  });

  it('strict refuses what says nothing of its page, an exemption opens one path, report lets pass and tells', async () => {
    const strict = await start({ crossSite: { strict: true, allow: ['GET /feed'] } });
    const client = strict[0].client();
    await client.post('/sign-in/ada', { body: {}, headers: { 'sec-fetch-site': 'same-origin' } });
    expect(await outcome(strict[0], { cookie: client.cookie })).toBe('refused 403 ERR_SESSION_CROSS_SITE');
    await openSocket(`${strict[0].origin}/feed`, { cookie: client.cookie, origin: 'https://evil.example' });

    const [report] = await start({ crossSite: 'report' });
    const other = await signedIn(report, 'ada');
    expect(await outcome(report, { cookie: other.cookie, origin: 'https://evil.example' })).toBe('open');
    expect(report.events.at(-1)).toMatchObject({ type: 'cross-site-reported' });
  });
});

describe('a WebSocket has the session of its cookie', () => {
  it('as it is in the store at that moment', async () => {
    const [app, sockets] = await start();
    const client = await signedIn(app, 'ada', { aal: 2 });
    await client.post('/put', { body: { colour: 'teal' } });
    const socket = await openSocket(app.origin, { cookie: client.cookie });
    expect(await say(socket, 'hello')).toBe('ada: hello');
    const { session } = acceptedOf(sockets);
    expect(session.info).toMatchObject({ owner: 'ada', aal: 2, isNew: false });
    expect({ ...session }).toEqual({ colour: 'teal' });

    await session.update<{ colour: string }>((data) => {
      data.colour = 'red';
    });
    expect((await client.get('/me')).json<Me>().data).toEqual({ colour: 'red' });
    await client.post('/put', { body: { colour: 'blue' } });
    await session.reload();
    expect({ ...session }).toEqual({ colour: 'blue' });
  });

  it.each([
    ['no cookie', () => ''],
    ['a forged one', (value: string) => `${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`],
    ['two different ones', (value: string, other: string) => `${value}; ${other}`],
    ['one behind a raw U+00A0', (value: string) => `\u00a0${value}`],
  ])('and nobody has none: %s is 401', async (_, cookie) => {
    const [app] = await start();
    const [one, two] = [await signedIn(app, 'ada'), await signedIn(app, 'grace')];
    const header = cookie(one.cookie, two.cookie);
    expect(await outcome(app, header === '' ? {} : { cookie: header })).toBe(
      'refused 401 ERR_SESSION_SIGN_IN_REQUIRED',
    );
  });

  it('nor has one whose sign-in waits for its next step', async () => {
    const [app] = await start();
    const client = app.client();
    expect((await client.post('/sign-in/ada', { body: { pending: 'mfa' } })).status).toBe(200);
    expect(await outcome(app, { cookie: client.cookie })).toBe('refused 401 ERR_SESSION_PENDING');
  });

  it('one that was ended is refused with the reason, for the log', async () => {
    const [app, sockets] = await start();
    const client = await signedIn(app, 'ada');
    await app.sessions.revokeAll('ada', { reason: 'password-changed' });
    expect(await outcome(app, { cookie: client.cookie })).toBe('refused 401 ERR_SESSION_SIGN_IN_REQUIRED');
    expect(sockets.handshakes.at(-1)).toMatchObject({ error: { reason: 'password-changed' } });
  });

  it('anonymous: true lets in those who are not signed in, and they still can begin no session', async () => {
    const [app, sockets] = await start({}, { anonymous: true });
    await openSocket(app.origin, {});
    const { session } = acceptedOf(sockets);
    expect(session.info.owner).toBeUndefined();
    await expect(session.signIn('ada')).rejects.toMatchObject({ code: 'ERR_SESSION_COOKIE_WITHHELD' });
    Object.assign(session, { note: 1 });
    await expect(session.save()).rejects.toMatchObject({ code: 'ERR_SESSION_COOKIE_WITHHELD' });
  });

  it('can be given no new token', async () => {
    const [app, sockets] = await start();
    const client = await signedIn(app, 'ada');
    await openSocket(app.origin, { cookie: client.cookie });
    const { session } = acceptedOf(sockets);
    for (const verb of ['reauthenticate', 'regenerate'] as const) {
      await expect(session[verb]()).rejects.toMatchObject({ code: 'ERR_SESSION_COOKIE_WITHHELD' });
    }
    await expect(session.signIn('grace')).rejects.toMatchObject({ code: 'ERR_SESSION_COOKIE_WITHHELD' });
    expect((await client.get('/guarded')).status).toBe(200);
  });

  it('a store that cannot say is 503, within the deadline', async () => {
    const spy = spyOn(memoryStore());
    const [app] = await start({ store: spy.store });
    const client = await signedIn(app, 'ada');
    spy.around = () => Promise.reject(new Error('no link'));
    expect(await outcome(app, { cookie: client.cookie })).toBe('refused 503 ERR_SESSION_STORE_UNAVAILABLE');
  });

  it('a client that resets the connection while the store is asked harms nobody', async () => {
    const spy = spyOn(memoryStore());
    const [app, sockets] = await start({ store: spy.store });
    const client = await signedIn(app, 'ada');
    const [asked, answered] = [deferred(), deferred()];
    let listening = 0;
    let accepted: Socket | undefined;
    app.server.once('connection', (socket) => {
      accepted = socket;
    });
    spy.around = async (_operation, run) => {
      // Without one, the reset would be an uncaught error of the process.
      listening = accepted?.listenerCount('error') ?? 0;
      asked.resolve();
      await answered.promise;
      return run();
    };
    const raw = connect(app.port, '127.0.0.1');
    const gone = new Promise((resolve) => app.server.once('connection', (socket) => socket.once('close', resolve)));
    raw.on('error', () => {});
    raw.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: ${client.cookie}\r\n\r\n`,
    );
    await asked.promise;
    raw.resetAndDestroy();
    await gone;
    answered.resolve();
    await spy.settled();
    spy.around = undefined;
    expect(listening).toBe(1);
    expect(sockets.handshakes).toHaveLength(1);
    await openSocket(app.origin, { cookie: client.cookie });
  });
});

describe('behind a proxy that ends TLS', () => {
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.7' };

  it('the app has to be named, and the refusal says so', async () => {
    const [app, sockets] = await start();
    expect(await outcome(app, forwarded)).toBe('refused 500 ERR_SESSION_COOKIE_WITHHELD');
    expect(sockets.handshakes.at(-1)).toMatchObject({
      error: { message: expect.stringContaining('sessions.upgrade(req, { app })') },
    });
    expect(app.lines).toEqual([expect.stringContaining('sessions.upgrade(req, { app })')]);
  });

  it.each(['express', 'express4'])('its trust proxy then holds for upgrades as for requests: %s', async (version) => {
    const { default: makeApp } = (await import(version)) as { default: () => TestApp['app'] };
    const app = await startApp(everyVerb, {}, makeApp);
    onTestFinished(() => app.close());
    app.app.set('trust proxy', 1);
    const sockets = serveSockets(app.server, app.sessions, { app: app.app });
    const client = app.client();
    await client.post('/sign-in/ada', { headers: { ...forwarded, 'content-type': 'application/json' }, body: {} });
    expect(client.cookie).toMatch(/^__Host-Http-sid=/);
    const origin = `https://127.0.0.1:${app.port}`;
    expect(await outcome(app, { ...forwarded, cookie: client.cookie, origin })).toBe('open');
    expect(await outcome(app, { ...forwarded, cookie: client.cookie, origin: app.origin })).toMatch(/^refused 403/);
    // A proxy that is not trusted has no say.
    app.app.set('trust proxy', false);
    expect(await outcome(app, { ...forwarded, cookie: client.cookie, origin })).toMatch(/^refused 403/);
    expect(sockets.handshakes).toHaveLength(3);
  });
});

it('what is no option, and no app, is a clear error', async () => {
  const [app] = await start();
  const req = new Promise<Parameters<TestApp['sessions']['upgrade']>[0]>((resolve) =>
    app.server.once('request', resolve),
  );
  await app.client().get('/public');
  await expect(app.sessions.upgrade(await req, { anonymus: true } as UpgradeOptions)).rejects.toThrow(/anonymous/);
  await expect(app.sessions.upgrade(await req, { app: {} as never })).rejects.toThrow(/expected the Express app/);
});

it('the raw answer of a refusal is whole, short and not cached', async () => {
  const [app] = await start();
  const raw = connect(app.port, '127.0.0.1');
  raw.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${app.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://evil.example\r\n\r\n`,
  );
  let text = '';
  raw.on('data', (chunk) => {
    text += chunk;
  });
  await once(raw, 'close');
  expect(text).toBe(
    'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 22\r\n\r\nERR_SESSION_CROSS_SITE',
  );
});
