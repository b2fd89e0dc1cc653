import { createRequire } from 'node:module';
import type { RequestHandler } from 'express';
import { describe, expect, it } from 'vitest';
import type { Answer, Client } from '../support/client.js';
import { type Provider, startProvider } from './oidc-provider.js';
import { dataOf, type StackApp, stacks, underSession } from './stacks.js';

// Its types say that an ES module finds the function under `default`; Node gives it at once.
const grant = createRequire(import.meta.url)('grant') as { express(config: object): RequestHandler };

type Stack = (typeof stacks)[number];

async function start(stack: Stack, provider: Provider): Promise<StackApp> {
  const config = {
    defaults: { transport: 'session', state: true, pkce: true },
    local: {
      authorize_url: `${provider.issuer}/authorize`,
      access_url: `${provider.issuer}/token`,
      oauth: 2,
      key: provider.clientId,
      secret: provider.clientSecret,
      callback: '/signed-in',
    },
  };
  const app = await stack.start((made) => {
    made.use((req, res, next) => {
      // The port is known only now.
      const origin = `http://${req.headers.host}`;
      grant.express({ ...config, defaults: { ...config.defaults, origin } })(req, res, next);
    });
    made.get('/signed-in', async (req, res) => {
      const { response } = dataOf(req).grant;
      const who = await fetch(`${provider.issuer}/userinfo`, {
        headers: { authorization: `Bearer ${response.access_token}` },
      });
      const { sub } = (await who.json()) as { sub: string };
      const session = dataOf(req);
      if (typeof session.signIn === 'function') {
        await session.signIn(sub);
      } else {
        await new Promise<void>((resolve, reject) =>
          session.regenerate((error?: unknown) => (error ? reject(error) : resolve())),
        );
        dataOf(req).userId = sub;
      }
      res.redirect('/me');
    });
    made.get('/me', (req, res) => {
      const session = dataOf(req);
      res.json({ user: session.info?.owner ?? session.userId ?? null, keys: Object.keys(session) });
    });
  });
  return app;
}

/** A browser that follows redirects, and says from where a navigation comes as browsers do. */
async function follow(client: Client, app: StackApp, path: string): Promise<Answer> {
  let at = new URL(path, app.origin);
  let from = 'none';
  for (let step = 0; step < 10; step++) {
    if (at.origin !== app.origin) {
      const { headers } = await fetch(at, { redirect: 'manual' });
      at = new URL(headers.get('location') ?? '');
      from = 'cross-site';
      continue;
    }
    const answer = await client.get(`${at.pathname}${at.search}`, {
      headers: { 'sec-fetch-site': from, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    });
    if (answer.headers.location === undefined) return answer;
    at = new URL(answer.headers.location, at);
  }
  throw new Error('too many redirects');
}

describe.each(stacks.map((stack) => [stack.name, stack] as const))('grant under %s', (_, stack) => {
  it('signs a person in through an OAuth provider, with state and PKCE kept in the session', async () => {
    const app = await start(stack, await startProvider());
    const client = app.client();
    const before = await client.get('/connect/local');
    const planted = client.copy();
    expect(before.headers.location).toMatch(/state=.*code_challenge=|code_challenge=.*state=/);
    expect((await follow(client, app, '/connect/local')).json()).toMatchObject({ user: 'ada' });
    // Whoever had the cookie of the way there has nothing of the person's.
    expect((await planted.get('/me')).json()).toMatchObject({ user: null });
    planted.close();
  });

  it('refuses a callback whose state is not the one of this browser', async () => {
    const app = await start(stack, await startProvider());
    const [ada, eve] = [app.client(), app.client()];
    const { headers } = await eve.get('/connect/local');
    const { headers: back } = await fetch(headers.location ?? '', { redirect: 'manual' });
    const { pathname, search } = new URL(back.get('location') ?? '');
    await ada.get('/connect/local');
    await ada.get(`${pathname}${search}`);
    expect((await ada.get('/me')).json()).toMatchObject({ user: null });
    // The error is grant's answer in the session; nobody is signed in by asking for the page behind it.
    expect((await ada.get('/signed-in').catch((error) => error)).status).not.toBe(302);
  });
});

it('what grant kept on the way (tokens of the provider) is gone after signIn, unless keep names it', async () => {
  const app = await start(underSession, await startProvider());
  const me = await follow(app.client(), app, '/connect/local');
  expect(me.json<{ keys: string[] }>().keys).toEqual([]);
});
