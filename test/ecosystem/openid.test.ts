import type { Express, RequestHandler } from 'express';
import { auth, requiresAuth } from 'express-openid-connect';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HoldfastStore } from '../../src/express-session/index.js';
import { memoryStore, sessionOf } from '../../src/index.js';
import { testSecret } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { HeldClock } from '../support/express-session-app.js';
import { spyOn } from '../support/spy-store.js';
import { type Provider, startProvider } from './oidc-provider.js';
import { type StackApp, underSession } from './stacks.js';

type Config = NonNullable<Parameters<typeof auth>[0]>;

/** The middleware needs to know its own port, which is known with the first request. */
function openid(provider: Provider, config: Partial<Config>): RequestHandler {
  let made: RequestHandler | undefined;
  return (req, res, next) => {
    made ??= auth({
      issuerBaseURL: provider.issuer,
      baseURL: `http://${req.headers.host}`,
      clientID: provider.clientId,
      clientSecret: provider.clientSecret,
      secret: 'the secret of the app that tests express-openid-connect',
      authRequired: false,
      idpLogout: false,
      authorizationParams: { response_type: 'code', scope: 'openid' },
      ...config,
    });
    return made(req, res, next);
  };
}

async function follow(client: Client, app: StackApp, path: string): Promise<Answer> {
  let at = new URL(path, app.origin);
  for (let step = 0; step < 10; step++) {
    if (at.origin !== app.origin) {
      at = new URL((await fetch(at, { redirect: 'manual' })).headers.get('location') ?? '');
      continue;
    }
    const answer = await client.get(`${at.pathname}${at.search}`);
    if (answer.headers.location === undefined) return answer;
    at = new URL(answer.headers.location, at);
  }
  throw new Error('too many redirects');
}

describe('express-openid-connect with HoldfastStore as its store', () => {
  async function start(session: Config['session'] = {}) {
    const provider = await startProvider();
    const spy = spyOn(memoryStore());
    const clock = new HeldClock();
    const store = new HoldfastStore({ store: spy.store, secret: testSecret, clock });
    onTestFinished(() => store.close());
    const app = await underSession.start((made: Express) => {
      made.use(openid(provider, { session: { ...session, store: store as never, name: 'signed' } }));
      made.get('/me', requiresAuth(), (req, res) => void res.json({ sub: req.oidc.user?.sub }));
    });
    return { app, spy, clock };
  }

  it('a person signs in, is known with the next request, and is signed out for good', async () => {
    const { app } = await start();
    const client = app.client();
    expect((await follow(client, app, '/me')).json()).toEqual({ sub: 'ada' });
    expect((await client.get('/me')).json()).toEqual({ sub: 'ada' });
    const copy = client.copy();
    await client.get('/logout');
    expect((await client.get('/me')).status).toBe(302);
    expect((await copy.get('/me')).status).toBe(302);
    copy.close();
  });

  it('a session lives in the store for as long as the package says, not for as long as the store does by itself', async () => {
    const week = 7 * 24 * 60 * 60;
    const { app, clock } = await start({ rollingDuration: week, absoluteDuration: 2 * week });
    const client = app.client();
    await follow(client, app, '/me');
    clock.advance(5 * 24 * 60 * 60 * 1000);
    expect((await client.get('/me')).status).toBe(200);
  });

  it('what is stored names neither the person nor the id in the cookie', async () => {
    const { app, spy } = await start();
    const written: unknown[][] = [];
    spy.around = (_operation, run, args) => {
      written.push([...args]);
      return run();
    };
    const client = app.client();
    await follow(client, app, '/me');
    expect(spy.count('create')).toBeGreaterThan(0);
    const text = JSON.stringify(written, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    );
    expect(text).not.toContain('id_token');
    expect(text).not.toContain(client.jar.get('signed')?.split('.')[0]);
  });
});

describe('express-openid-connect beside session()', () => {
  async function start() {
    const provider = await startProvider();
    const app = await underSession.start((made: Express) => {
      made.use(
        openid(provider, {
          afterCallback: async (req, _res, tokens) => {
            const { sub } = JSON.parse(Buffer.from(tokens.id_token.split('.')[1] ?? '', 'base64url').toString());
            await sessionOf(req as never).signIn(sub, { amr: ['fed'] });
            return tokens;
          },
        }),
      );
      made.get('/me', (req, res) => {
        const { owner, amr } = sessionOf(req).info;
        res.json({ owner, amr, sub: req.oidc.user?.sub });
      });
      made.post('/leave', async (req, res) => {
        await sessionOf(req).signOut();
        // Its own session is in its own cookie.
        await res.oidc.logout({ returnTo: '/me' });
      });
    });
    return app;
  }

  it('afterCallback makes the session somebody’s: listed, and revocable', async () => {
    const app = await start();
    const client = app.client();
    await follow(client, app, '/login');
    expect((await client.get('/me')).json()).toEqual({ owner: 'ada', amr: ['fed'], sub: 'ada' });
    expect(await app.sessions?.count('ada')).toBe(1);
    await app.sessions?.revokeAll('ada');
    // Its cookie knows nothing of that: guard routes by sessions.require(), not by requiresAuth().
    expect((await client.get('/me')).json()).toEqual({ amr: [], sub: 'ada' });
  });

  it('one handler signs out of both', async () => {
    const app = await start();
    const client = app.client();
    await follow(client, app, '/login');
    await client.post('/leave');
    expect((await client.get('/me')).json()).toEqual({ amr: [] });
  });
});
