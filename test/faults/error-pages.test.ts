/** What a person sees who meets a store fault in an app that has no error page of its own, or one that fails again. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorRequestHandler, Express } from 'express';
import { describe, expect, it, onTestFinished } from 'vitest';
import { memoryStore, session } from '../../src/index.js';
import { faultyStore } from '../../src/stores/conformance/faulty.js';
import { sessionIn, testSecret } from '../support/app.js';
import { Client } from '../support/client.js';
import { expressVersions } from '../support/express-versions.js';

const internals = 'the address and the mood of the store';

describe.each(expressVersions)('an error page on %s', (_version, makeApp) => {
  /** An app whose next updates fail, and somebody who is signed in. */
  async function start(env: string, ...errorHandlers: ErrorRequestHandler[]) {
    const faulty = faultyStore(memoryStore());
    const sessions = session({ store: faulty.store, secret: testSecret, production: false, log: () => undefined });
    const app: Express = makeApp();
    app.set('env', env);
    app.use(sessions);
    app.post('/sign-in', async (req, res) => {
      await sessionIn(req).signIn('ada');
      res.send('in');
    });
    app.post('/change', (req, res) => {
      sessionIn(req).note = 'not stored';
      res.set('X-Success', 'yes').send('all went well');
    });
    app.post('/throw', (req, _res, next) => {
      sessionIn(req).note = 'not stored';
      next(new Error('the handler failed'));
    });
    app.get('/note', (req, res) => void res.json(sessionIn(req).note ?? null));
    for (const handler of errorHandlers) app.use(handler);
    const server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = new Client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(async () => {
      client.close();
      await new Promise((resolve) => server.close(resolve));
      await sessions.close();
    });
    await client.post('/sign-in');
    faulty.on('update', 'reject', { error: new Error(internals) });
    return { client, faulty };
  }

  it.each(['/change', '/throw'])(
    'of Express itself is one whole 503 in production, and says nothing of the store: %s',
    async (path) => {
      const { client, faulty } = await start('production');
      const answer = await client.post(path, { headers: { accept: 'text/html' } });
      expect(answer.status).toBe(503);
      expect(answer.text).toContain('<pre>Service Unavailable</pre>');
      expect(answer.text).toMatch(/<\/html>\s*$/);
      expect(answer.headers['content-length']).toBe(String(Buffer.byteLength(answer.text)));
      expect([answer.headers['x-success'], answer.setCookies]).toEqual([undefined, []]);
      expect(answer.text).not.toContain(internals);
      faulty.heal();
      await expect.poll(async () => (await client.get('/note')).text).toBe('null');
    },
  );

  it.each(['/change', '/throw'])(
    'of Express itself tells a developer which store failed, and at what: %s',
    async (path) => {
      const { client } = await start('development');
      const { status, text } = await client.post(path, { headers: { accept: 'text/html' } });
      expect(status).toBe(503);
      expect(text).toContain(`The memory store failed at &#39;update&#39;: ${internals}.`);
    },
  );

  const sorry =
    (told: string[], name: string): ErrorRequestHandler =>
    (error, req, res, _next) => {
      told.push(`${name}: ${error.message.replace(/:.*/s, '')}`);
      sessionIn(req).note = 'told of a fault';
      res.status(error.status ?? 500).send(`${name} is sorry (${error.status ?? 500})`);
    };

  it("of the app that changes the session again while it tells of the fault is the person's answer, and stores nothing", async () => {
    const told: string[] = [];
    const { client, faulty } = await start('production', sorry(told, 'first'));
    const answer = await client.post('/change', { headers: { accept: 'text/html' } });
    expect([answer.status, answer.text, answer.setCookies]).toEqual([503, 'first is sorry (503)', []]);
    expect(told).toEqual(["first: The memory store failed at 'update'"]);
    expect(faulty.calls.filter(({ method }) => method === 'update')).toHaveLength(1);
    faulty.heal();
    await expect.poll(async () => (await client.get('/note')).text).toBe('null');
  });

  it('of the app for another error, whose own changes cannot be stored, gives way to that of the handler behind it, or of Express', async () => {
    for (const behind of [true, false]) {
      const told: string[] = [];
      const handlers = [sorry(told, 'first'), ...(behind ? [sorry(told, 'last')] : [])];
      const { client, faulty } = await start('production', ...handlers);
      const answer = await client.post('/throw', { headers: { accept: 'text/html' } });
      expect([answer.status, answer.setCookies]).toEqual([503, []]);
      expect(answer.text).toContain(behind ? 'last is sorry (503)' : '<pre>Service Unavailable</pre>');
      expect(told).toEqual([
        'first: the handler failed',
        ...(behind ? ["last: The memory store failed at 'update'"] : []),
      ]);
      expect(faulty.calls.filter(({ method }) => method === 'update')).toHaveLength(1);
      faulty.heal();
      await expect.poll(async () => (await client.get('/note')).text).toBe('null');
    }
  });
});
