import { expect, test } from 'vitest';
import { ada, postForm, sessionView, sharedDemo, signIn, viewsOf } from '../support/demo.js';

const demo = sharedDemo();

test('the second visit shows "Views: 2", the public id and who is signed in', async () => {
  const client = demo().client();
  expect((await client.get('/')).text).toContain('>Views: 1<');
  const second = await client.get('/');
  expect(second.text).toContain('>Views: 2<');
  expect(second.text).toContain((await sessionView(client)).id);
  expect(second.text).toContain('Nobody is signed in.');
  await signIn(client);
  expect((await client.get('/')).text).toContain('Signed in as <strong>ada</strong>');
});

test('pages that load at the same time are all counted', async () => {
  const client = demo().client();
  await client.get('/');
  const pages = await Promise.all(Array.from({ length: 40 }, () => client.get('/')));
  expect(pages.map(({ status }) => status)).toEqual(pages.map(() => 200));
  expect(Math.max(...pages.map(viewsOf))).toBe(41);
  expect((await sessionView(client)).views).toBe(41);
});

test('signing in gives a new token and a new id, keeps the views, and leads to the page that was asked for', async () => {
  const client = demo().client();
  await client.get('/');
  const before = await sessionView(client);
  const thief = client.copy();

  const guarded = await client.get('/account', { headers: { accept: 'text/html' } });
  expect([guarded.status, guarded.headers.location]).toEqual([303, '/login?next=%2Faccount']);
  expect((await client.get('/login?next=%2Faccount')).text).toContain('name="next" value="/account"');
  const answer = await postForm(client, '/login', { ...ada, next: '/account' });
  expect([answer.status, answer.headers.location]).toEqual([303, '/account']);

  const after = await sessionView(client);
  expect(after).toMatchObject({ owner: 'ada', aal: 1, views: 1, isNew: false });
  expect(after.id).not.toBe(before.id);
  expect((await client.get('/account')).text).toContain('<strong>ada</strong>');
  expect(await sessionView(thief)).toMatchObject({ owner: null, views: null });
  thief.close();
});

test('JSON signs in as a form does', async () => {
  const client = demo().client();
  const wrong = await client.post('/login', { body: { ...ada, password: 'no' } });
  expect([wrong.status, wrong.json<{ error: object }>().error]).toMatchObject([401, { status: 401 }]);
  expect((await client.post('/login', { body: ada })).status).toBe(303);
  expect((await sessionView(client)).owner).toBe('ada');
});

test('signing out ends the session for every copy of its cookie', async () => {
  const client = demo().client();
  await signIn(client);
  const copy = client.copy();
  const answer = await client.post('/logout');
  expect([answer.status, answer.headers.location]).toEqual([303, '/']);
  expect(client.jar.size).toBe(0);
  for (const who of [client, copy]) {
    expect((await sessionView(who)).owner).toBeNull();
    expect((await who.get('/account', { headers: { accept: 'application/json' } })).status).toBe(401);
  }
  copy.close();
});

test.each([
  ['a wrong password', { ...ada, password: 'wrong' }],
  ['an unknown name', { ...ada, username: '"><script>alert(1)</script>' }],
  ['no fields', {}],
])('%s is answered with 401, the form and an alert, and begins no session', async (_, fields) => {
  const client = demo().client();
  const answer = await postForm(client, '/login', fields as Record<string, string>);
  expect(answer.status).toBe(401);
  expect(answer.text).toContain('role="alert"');
  expect(answer.text).toContain('<form class="card" method="post" action="/login">');
  expect(answer.text).not.toContain('<script');
  expect(answer.setCookies).toEqual([]);
});

test('after sign-in nobody is led to another host', async () => {
  const client = demo().client();
  for (const next of [
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/\t/evil.example',
    'javascript:0',
    '',
  ]) {
    const answer = await postForm(client, '/login', { ...ada, next });
    expect([next, answer.headers.location]).toEqual([next, '/']);
  }
});

test('GET changes nothing but the view counter', async () => {
  const client = demo().client();
  await client.get('/');
  await signIn(client);
  const before = await sessionView(client);
  const query = new URLSearchParams({ ...ada, next: '/x' }).toString();
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    for (const path of ['/login', '/logout', '/account', '/api/session', '/healthz', '/style.css', '/nothing']) {
      const answer = await client.send(method, `${path}?${query}`);
      expect(answer.setCookies, `${method} ${path}`).toEqual([]);
    }
  }
  expect(await sessionView(client)).toEqual(before);
  expect((await client.get('/logout')).status).toBe(405);
});

test('the session as JSON has exactly these fields, and asking begins and counts nothing', async () => {
  const client = demo().client();
  const nobody = await client.get('/api/session');
  expect(nobody.setCookies).toEqual([]);
  expect(nobody.json()).toEqual({
    id: expect.stringMatching(/^[A-Za-z0-9_-]{27}$/),
    owner: null,
    views: null,
    isNew: true,
    aal: 0,
    createdAt: null,
    authenticatedAt: null,
    expiresAt: null,
    endsAt: null,
  });
  await client.get('/');
  await signIn(client);
  const iso = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const somebody = await client.get('/api/session');
  expect(somebody.headers['cache-control']).toBe('no-store');
  expect(somebody.json()).toEqual({
    id: expect.stringMatching(/^[A-Za-z0-9_-]{27}$/),
    owner: 'ada',
    views: 1,
    isNew: false,
    aal: 1,
    createdAt: iso,
    authenticatedAt: iso,
    expiresAt: iso,
    endsAt: iso,
  });
});

test('the health check and the files have nothing to do with sessions', async () => {
  const client = demo().client();
  await client.get('/');
  for (const cookie of ['', client.cookie]) {
    const health = await client.get('/healthz', { cookie });
    expect([health.status, health.text]).toEqual([200, '{"ok":true}']);
    for (const answer of [
      health,
      await client.get('/style.css', { cookie }),
      await client.get('/icon.svg', { cookie }),
    ]) {
      expect(answer.status).toBe(200);
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers.vary ?? '').not.toMatch(/cookie/i);
    }
  }
});

test('no page holds a script or a style of its own, and the policy allows only files of this app', async () => {
  const client = demo().client();
  await signIn(client);
  for (const path of ['/', '/login', '/account', '/devices', '/password', '/confirm', '/nothing']) {
    const { text, headers } = await client.get(path);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none';/);
    expect(headers['content-security-policy']).toContain("script-src 'self'");
    expect(headers['content-security-policy']).not.toMatch(/unsafe/);
    expect(text, path).not.toMatch(/<script(?! src="\/time-left\.js" defer><\/script>)|<style|\sstyle=|\son\w+=/i);
    expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
  }
});
