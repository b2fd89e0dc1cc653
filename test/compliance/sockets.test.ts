import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { ada, sharedDemo, signIn } from '../support/demo.js';
import { shows } from './shows.js';
import { sharedSecureDemo, TlsClient } from './tls-client.js';

const demo = sharedDemo();
const secure = sharedSecureDemo();

/** `open`, or the status of the refusal; and the code of the close that follows. */
function dial(url: string, headers: Record<string, string>) {
  const ws = new WebSocket(url.replace(/^http/, 'ws'), { headers, rejectUnauthorized: false });
  ws.on('error', () => undefined);
  const outcome = new Promise<string | number>((resolve) => {
    ws.once('open', () => resolve('open'));
    ws.once('unexpected-response', (_sent, answer) => {
      answer.resume();
      ws.terminate();
      resolve(answer.statusCode ?? 0);
    });
  });
  const closed = new Promise<number>((resolve) => ws.once('close', resolve));
  return { ws, outcome, closed };
}

shows('ASVS-4.4.2', 'a WebSocket is opened by pages of this origin only', async () => {
  const client = demo().client();
  await signIn(client);
  const own = `http://127.0.0.1:${demo().port}`;
  for (const [origin, expected] of [
    [own, 'open'],
    ['https://evil.example', 403],
    ['null', 403],
    ['http://127.0.0.1:1', 403],
  ] as const) {
    const { ws, outcome } = dial(`${own}/live`, { cookie: client.cookie, origin });
    expect([origin, await outcome]).toEqual([origin, expected]);
    ws.terminate();
  }
});

shows(
  'ASVS-4.4.3 ASVS-4.4.4 ASVS-7.4.1',
  'it has the session of the cookie and no other way in, and closes when the session ends',
  async () => {
    const client = demo().client();
    await signIn(client);
    const own = `http://127.0.0.1:${demo().port}`;
    expect(await dial(`${own}/live`, { origin: own }).outcome).toBe(401);
    expect(await dial(`${own}/live?${client.cookie}`, { origin: own }).outcome).toBe(401);
    const { outcome, closed } = dial(`${own}/live`, { cookie: client.cookie, origin: own });
    expect(await outcome).toBe('open');
    await client.post('/logout');
    expect(await closed).toBe(4401);
  },
);

shows('ASVS-4.4.1 ASVS-4.4.4 NIST-5.1-protected', 'in production it opens over TLS, and not without', async () => {
  const { origin, demo: behind } = secure();
  const client = new TlsClient(origin);
  await client.ask('/login', ada);
  const { ws, outcome } = dial(`${origin}/live`, { cookie: client.cookie, origin });
  expect(await outcome).toBe('open');
  ws.terminate();
  const plain = `http://127.0.0.1:${behind.port}`;
  expect(await dial(`${plain}/live`, { cookie: client.cookie, origin: plain }).outcome).toBe(500);
});
