import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lmdbStore } from '../../src/stores/lmdb.js';
import { ada, type Demo, dataFolder, type SessionView, startDemo } from '../support/demo.js';
import { askTls, startTlsProxy } from '../support/tls-proxy.js';

async function inFrontOf(demo: Demo): Promise<string> {
  const proxy = await startTlsProxy(demo.port);
  onTestFinished(() => proxy.close());
  return proxy.origin;
}

const linesWith = (demo: Demo, text: string) =>
  demo
    .output()
    .split('\n')
    .filter((line) => line.includes(text));

test('behind a TLS proxy that is not trusted: no cookie, nothing stored, and one line of the log says what to do', async () => {
  const folder = dataFolder();
  const demo = await startDemo({ DEMO_DATA: folder });
  const origin = await inFrontOf(demo);
  for (let request = 0; request < 25; request++) {
    const answer = await askTls(`${origin}/`);
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('>Views: 1<');
    expect(answer.setCookies).toEqual([]);
  }
  const signedIn = await askTls(`${origin}/login`, { form: ada });
  expect(signedIn.status).toBe(500);
  expect(signedIn.text).toContain('Signing in does not work over this connection');
  expect(signedIn.setCookies).toEqual([]);
  expect(linesWith(demo, 'trust proxy')).toEqual([
    expect.stringContaining(
      "A proxy says that it took the request over https, but the app does not trust it: call app.set('trust proxy', 1)",
    ),
  ]);

  await demo.stop();
  const store = lmdbStore({ path: join(folder, 'sessions') });
  onTestFinished(() => store.close());
  expect(store.scan().entries).toEqual([]);
});

test.each([
  ['while developing', {}],
  ['in production', { NODE_ENV: 'production', SESSION_SECRET: 'a-s3cret-0f-th3-t3sts-qVJm8tZbQ2wXe5Lr' }],
])('behind a TLS proxy that is trusted everything works %s', async (_, env) => {
  const demo = await startDemo({ ...env, TRUST_PROXY: '1' });
  const origin = await inFrontOf(demo);
  const first = await askTls(`${origin}/`);
  expect(first.setCookies).toHaveLength(1);
  expect(first.setCookies[0]).toMatch(/^__Host-Http-sid=[\w-]{92}; Path=\/; HttpOnly; Secure; SameSite=Lax$/);

  const signedIn = await askTls(`${origin}/login`, { form: ada, ...cookieOf(first) });
  expect(signedIn.status).toBe(303);
  const view = JSON.parse((await askTls(`${origin}/api/session`, cookieOf(signedIn))).text) as SessionView;
  expect(view).toMatchObject({ owner: 'ada', views: 1 });
  expect(linesWith(demo, 'trust proxy')).toEqual([]);
});

test('in production plain http gets no cookie, from this machine neither', async () => {
  const demo = await startDemo({ NODE_ENV: 'production', SESSION_SECRET: 'a-s3cret-0f-th3-t3sts-qVJm8tZbQ2wXe5Lr' });
  const answer = await demo.client().get('/');
  expect([answer.status, answer.setCookies]).toEqual([200, []]);
});

const cookieOf = ({ setCookies: [line = ''] }: { setCookies: readonly string[] }) => ({
  cookie: line.split(';', 1)[0] ?? '',
});
