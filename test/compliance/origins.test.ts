import { expect } from 'vitest';
import type { Client } from '../support/client.js';
import { ada, postForm, sessionView, sharedDemo, signIn } from '../support/demo.js';
import { shows } from './shows.js';

const demo = sharedDemo();
const own = () => `http://127.0.0.1:${demo().port}`;

const isIn = async (client: Client): Promise<boolean> => (await sessionView(client)).owner !== null;

/** What a browser may say of the page that sent a request, and whether the request may pass. */
const matrix = (): [headers: Record<string, string | string[]>, passes: boolean][] => [
  [{ 'sec-fetch-site': 'same-origin' }, true],
  [{ 'sec-fetch-site': 'none' }, true],
  [{ 'sec-fetch-site': 'same-site' }, false],
  [{ 'sec-fetch-site': 'cross-site' }, false],
  [{ 'sec-fetch-site': 'Cross-Site' }, false],
  [{ 'sec-fetch-site': 'foo' }, false],
  [{ 'sec-fetch-site': ['same-origin', 'cross-site'] }, false],
  [{ origin: own() }, true],
  [{ origin: 'https://evil.example' }, false],
  [{ origin: own().replace('http', 'https') }, false],
  [{ origin: 'http://127.0.0.1:1' }, false],
  [{ origin: 'null' }, false],
  [{ origin: own().replace('//', '//evil@') }, false],
  [{}, true],
];

shows(
  'ASVS-3.5.1 WSTG-SESS-05',
  'a request that another origin sends changes nothing, whatever it says of itself',
  async () => {
    for (const [headers, passes] of matrix()) {
      const client = demo().client();
      await signIn(client);
      const { status } = await client.post('/logout', { headers });
      expect([JSON.stringify(headers), status, await isIn(client.copy())]).toEqual([
        JSON.stringify(headers),
        passes ? 303 : 403,
        !passes,
      ]);
      client.close();
    }
  },
);

shows('ASVS-3.5.1 WSTG-SESS-05', 'nor does it sign anybody in', async () => {
  for (const [headers, passes] of matrix()) {
    const client = demo().client();
    const answer = await client.post('/login', { headers, body: ada });
    expect([JSON.stringify(headers), answer.setCookies.length]).toEqual([JSON.stringify(headers), passes ? 1 : 0]);
  }
});

shows('ASVS-3.5.2 WSTG-SESS-05', 'the content types that need no preflight are no way around', async () => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json',
  ]) {
    const client = demo().client();
    const headers = { 'content-type': type, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    const answer = await client.post('/login', { body: JSON.stringify(ada), headers });
    expect([type, answer.status, answer.setCookies]).toEqual([type, 403, []]);
  }
});

shows(
  'ASVS-3.5.3 WSTG-SESS-05',
  'safe methods change nothing, and no header or parameter makes them unsafe',
  async () => {
    const client = demo().client();
    await signIn(client);
    const before = await sessionView(client);
    for (const path of [
      '/logout',
      '/login',
      '/password',
      '/confirm',
      '/devices/sign-out-others',
      '/account/close',
      '/session/stay',
    ]) {
      for (const method of ['GET', 'HEAD', 'OPTIONS']) {
        const answer = await client.send(method, `${path}?_method=POST`, {
          headers: { 'x-http-method-override': 'POST' },
        });
        expect(answer.setCookies, `${method} ${path}`).toEqual([]);
      }
    }
    expect(await sessionView(client)).toEqual(before);
    const foreign = { origin: 'https://evil.example', 'x-http-method-override': 'GET' };
    expect((await postForm(client, '/logout', {}, foreign)).status).toBe(403);
  },
);
