import cookieParser from 'cookie-parser';
import { doubleCsrf } from 'csrf-csrf';
import { csrfSync } from 'csrf-sync';
import express, { type Express, type Request, type Response } from 'express';
import lusca from 'lusca';
import { describe, expect, it } from 'vitest';
import type { Client } from '../support/client.js';
import { dataOf, type StackApp, type StackOptions, stacks, underSession } from './stacks.js';

const promised = (verb: (callback: (error?: unknown) => void) => unknown): Promise<void> =>
  new Promise((resolve, reject) => void verb((error) => (error ? reject(error) : resolve())));

/** A sign-in as both kinds of session have it. */
async function signIn(req: Request): Promise<void> {
  await promised((done) => dataOf(req).regenerate(done));
  dataOf(req).userId = 'ada';
  await promised((done) => dataOf(req).save(done));
}

function routes(protection: unknown, tokenOf: (req: Request, res: Response) => string) {
  return (app: Express): void => {
    app.use(express.json(), cookieParser());
    app.get('/hello', (_req, res) => void res.send('hello'));
    app.use(protection as Parameters<Express['use']>[1]);
    app.get('/token', (req, res) => void res.json(tokenOf(req, res)));
    app.post('/change', (_req, res) => void res.json({ changed: true }));
    app.post('/login', async (req, res) => {
      await signIn(req);
      res.json(tokenOf(req, res));
    });
  };
}

const tokenFor = async (client: Client) => (await client.get('/token')).json<string>();
const change = (client: Client, token: string) =>
  client.post('/change', { headers: { 'x-csrf-token': token } }).then(({ status }) => status);
const logIn = async (client: Client, token: string) =>
  (await client.post('/login', { headers: { 'x-csrf-token': token } })).json<string>();

describe.each(stacks.map((stack) => [stack.name, stack] as const))('csrf-sync under %s', (_, stack) => {
  const start = (options?: StackOptions): Promise<StackApp> => {
    const { csrfSynchronisedProtection, generateToken } = csrfSync();
    return stack.start(
      routes(csrfSynchronisedProtection, (req) => generateToken(req)),
      options,
    );
  };

  it('lets in who has the token of their session, and refuses anybody else', async () => {
    const app = await start();
    const [ada, eve] = [app.client(), app.client()];
    const [token, hers] = [await tokenFor(ada), await tokenFor(eve)];
    expect(await change(ada, token)).toBe(200);
    expect(await change(ada, hers)).toBe(403);
    expect(await change(eve, token)).toBe(403);
    expect(await change(ada, '')).toBe(403);
  });

  it('a token from before the sign-in is worth nothing after it; the one that the sign-in answers with is good', async () => {
    const client = (await start()).client();
    const before = await tokenFor(client);
    const after = await logIn(client, before);
    expect([await change(client, before), await change(client, after)]).toEqual([403, 200]);
  });
});

describe.each(stacks.map((stack) => [stack.name, stack] as const))('csrf-csrf under %s', (_, stack) => {
  const start = (): Promise<StackApp> => {
    const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
      getSecret: () => 'the secret of the app that tests csrf-csrf',
      getSessionIdentifier: (req) => dataOf(req).id,
      cookieName: 'csrf',
      cookieOptions: { secure: false, sameSite: 'lax' },
    });
    return stack.start((app) => {
      // Before the protection: a session must be stored for its id to be the same with the next request.
      app.use('/begin', (req, res) => {
        dataOf(req).begun = true;
        res.json({});
      });
      routes(doubleCsrfProtection, (req, res) => generateCsrfToken(req, res))(app);
    });
  };

  it('binds the token to req.session.id: good in its session, refused in another', async () => {
    const app = await start();
    const [ada, eve] = [app.client(), app.client()];
    for (const client of [ada, eve]) await client.post('/begin');
    const [token, hers] = [await tokenFor(ada), await tokenFor(eve)];
    expect(await change(ada, token)).toBe(200);
    // With eve's cookie as well, as a sibling domain could plant it: the session's id is not hers.
    ada.jar.set('csrf', eve.jar.get('csrf') ?? '');
    expect(await change(ada, hers)).toBe(403);
  });

  it('a token from before the sign-in is refused; the one that the sign-in answers with is good', async () => {
    const client = (await start()).client();
    await client.post('/begin');
    const before = await tokenFor(client);
    const after = await logIn(client, before);
    expect([await change(client, before), await change(client, after)]).toEqual([403, 200]);
  });

  it('a stranger without a stored session has another id each time, so the token is refused', async () => {
    const client = (await start()).client();
    expect(await change(client, await tokenFor(client))).toBe(403);
  });
});

describe.each(stacks.map((stack) => [stack.name, stack] as const))('lusca under %s', (_, stack) => {
  const start = (): Promise<StackApp> =>
    stack.start(
      routes(
        [lusca({ csrf: true, xframe: 'SAMEORIGIN', csp: { policy: { 'default-src': "'self'" } }, nosniff: true })],
        (_req, res) => res.locals._csrf,
      ),
    );

  it('lets in who has the token of their session, and refuses anybody else', async () => {
    const app = await start();
    const [ada, eve] = [app.client(), app.client()];
    const [token, hers] = [await tokenFor(ada), await tokenFor(eve)];
    expect(await change(ada, token)).toBe(200);
    expect(await change(ada, hers)).toBe(403);
    expect(await change(eve, token)).toBe(403);
  });

  it('a token from before the sign-in is worth nothing after it', async () => {
    const client = (await start()).client();
    const before = await tokenFor(client);
    await logIn(client, before);
    expect([await change(client, before), await change(client, await tokenFor(client))]).toEqual([403, 200]);
  });

  it('its headers stand beside ours', async () => {
    const { headers, setCookies } = await (await start()).client().get('/token');
    expect(headers).toMatchObject({
      'x-frame-options': 'SAMEORIGIN',
      'content-security-policy': "default-src 'self'",
      'x-content-type-options': 'nosniff',
    });
    expect(setCookies).toHaveLength(1);
  });
});

describe('a CSRF package beside the cross-site gate of session()', () => {
  it('what another site sends is refused before the package is asked', async () => {
    const { csrfSynchronisedProtection, generateToken } = csrfSync();
    const app = await underSession.start(routes(csrfSynchronisedProtection, (req) => generateToken(req)));
    const client = app.client();
    const token = await tokenFor(client);
    const { status } = await client.post('/change', {
      headers: { 'x-csrf-token': token, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    });
    expect(status).toBe(403);
    expect(app.errors.map(({ code }) => code)).toEqual(['ERR_SESSION_CROSS_SITE']);
  });

  it('pages before the package cost strangers nothing', async () => {
    const { csrfSynchronisedProtection, generateToken } = csrfSync();
    const app = await underSession.start(routes(csrfSynchronisedProtection, (req) => generateToken(req)));
    expect((await app.client().get('/hello')).setCookies).toEqual([]);
  });
});
