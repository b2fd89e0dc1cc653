import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import cookieSession from 'cookie-session';
import express from 'express';
import expressSession from 'express-session';
import fastify from 'fastify';
import { getIronSession } from 'iron-session';
import FileStore from 'session-file-store';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../support/client.js';
import { blockOf, serveBlock } from '../support/guide.js';

const block = (page: string) => blockOf(`docs/migrating/${page}.md`, 'app.listen(3000)');
const oldSecret = 'the secret of the app before, at least 32 of them';

/** The cookies that the old app gave to somebody who signed in there. */
async function cookiesOf(listener: RequestListener): Promise<Map<string, string>> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await client.post('/login');
  client.close();
  await new Promise((resolve) => server.close(resolve));
  expect(client.jar.size).toBeGreaterThan(0);
  return client.jar;
}

const bring = (client: Client, cookies: Map<string, string>) => {
  for (const [name, value] of cookies) client.jar.set(name, value);
};
const me = async (client: Client) => (await client.get('/me')).json<{ owner?: string; theme?: string }>();

async function staysSignedIn(
  browser: () => Client,
  old: Map<string, string>,
  theme: string | undefined,
): Promise<Client> {
  const client = browser();
  bring(client, old);
  expect(await me(client)).toEqual({ owner: 'ada', ...(theme ? { theme } : {}) });
  // The old cookie has gone with that answer, and ours has come.
  for (const name of old.keys()) expect(client.jar.has(name)).toBe(false);
  expect(client.jar.size).toBeGreaterThan(0);
  expect(await me(client)).toEqual({ owner: 'ada', ...(theme ? { theme } : {}) });
  await client.post('/logout');
  expect(await me(client)).toEqual({});
  return client;
}

async function refusesForged(browser: () => Client, old: Map<string, string>): Promise<void> {
  const client = browser();
  for (const [name, value] of old) client.jar.set(name, `${value.slice(0, -12)}AAAAAAAAAAAA`);
  expect(await me(client)).toEqual({});
}

describe('people stay signed in', () => {
  it('who comes with a cookie of cookie-session', async () => {
    const app = express();
    app.use(cookieSession({ name: 'session', keys: [oldSecret] }));
    app.post('/login', (req, res) => {
      Object.assign(req.session ?? {}, { userId: 'ada', theme: 'dark' });
      res.send('ok');
    });
    const old = await cookiesOf(app);
    const browser = await serveBlock(block('from-cookie-session'), { OLD_COOKIE_KEY: oldSecret });
    await staysSignedIn(browser, old, 'dark');
    await refusesForged(browser, old);
  });

  it('who comes with a seal of iron-session', async () => {
    const app = express();
    app.post('/login', async (req, res) => {
      const session = await getIronSession<{ userId: string; theme: string }>(req, res, {
        password: oldSecret,
        cookieName: 'app-session',
        cookieOptions: { secure: false },
      });
      Object.assign(session, { userId: 'ada', theme: 'dark' });
      await session.save();
      res.send('ok');
    });
    const old = await cookiesOf(app);
    const browser = await serveBlock(block('from-iron-session'), { OLD_PASSWORD: oldSecret });
    await staysSignedIn(browser, old, 'dark');
    await refusesForged(browser, old);
  });

  it('who comes with a cookie of @fastify/session, whose record is ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-fastify-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const app = fastify();
    app.register(fastifyCookie);
    app.register(fastifySession, {
      secret: oldSecret,
      cookie: { secure: false },
      store: new (FileStore(expressSession))({ path: folder, logFn: () => {} }) as never,
    });
    app.post('/login', async (request) => {
      Object.assign(request.session, { userId: 'ada' });
      return 'ok';
    });
    await app.ready();
    const old = await cookiesOf((req, res) => app.routing(req, res));
    await app.close();
    const browser = await serveBlock(block('from-fastify-session'), { OLD_SESSIONS: folder, OLD_SECRET: oldSecret });
    await refusesForged(browser, old);
    await staysSignedIn(browser, old, undefined);
    const thief = browser();
    bring(thief, old);
    expect(await me(thief)).toEqual({});
  });
});
