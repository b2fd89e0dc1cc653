import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Client } from '../support/client.js';
import { blockOf, runBlock, serveBlock } from '../support/guide.js';

const block = (text: string) => blockOf('docs/guides/ecosystem.md', text);

describe('the code of docs/guides/ecosystem.md', () => {
  it("passport's people are owners, guarded by require()", async () => {
    const client = (await serveBlock(block("from 'passport-local'")))();
    const logIn = (password: string) =>
      client.post('/login', {
        body: new URLSearchParams({ username: 'ada', password }).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    expect((await logIn('wrong')).status).toBe(401);
    expect((await client.get('/account')).status).toBe(401);
    expect((await logIn('secret')).headers.location).toBe('/account');
    expect((await client.get('/account')).text).toBe("Hello ada, on ada's session");
    await client.post('/logout');
    expect((await client.get('/account')).status).toBe(401);
  });

  it('messages survive the redirect and are shown once', async () => {
    const client = (await serveBlock(block('takeMessages')))();
    expect((await client.post('/save')).headers.location).toBe('/page');
    expect((await client.get('/page')).text).toBe('Saved.');
    expect((await client.get('/page')).text).toBe('');
  });

  it("csrf-csrf's token holds for its session, until the sign-in", async () => {
    const client = (await serveBlock(block("from 'csrf-csrf'")))();
    const post = (path: string, token: string) => client.post(path, { headers: { 'x-csrf-token': token } });
    const { text: before } = await client.get('/token');
    expect((await post('/change', before)).text).toBe('changed');
    const { text: after } = await post('/login', before);
    expect((await post('/change', before)).status).toBe(403);
    expect((await post('/change', after)).text).toBe('changed');
  });

  it('helmet, compression and express-rate-limit do their work beside session()', async () => {
    const client: Client = (await serveBlock(block("from 'helmet'")))();
    const { headers } = await client.get('/', { headers: { 'accept-encoding': 'gzip' } });
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', 'x-ratelimit-limit': '100' });
    expect(headers['content-security-policy']).toBeDefined();
    expect((await client.post('/login')).text).toBe('Hello');
    // The person has a count of their own.
    expect((await client.get('/')).headers['x-ratelimit-remaining']).toBe('99');
  });

  it('the test with supertest passes', async () => {
    const child = runBlock(block("from 'supertest'"), { NODE_ENV: 'test' });
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).toBe(0);
  });
});
