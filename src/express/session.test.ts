import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { sessionIn, startApp } from '../../test/support/app.js';
import { deferred } from '../../test/support/deferred.js';
import { FakeClock } from '../../test/support/fake-clock.js';
import { spyOn } from '../../test/support/spy-store.js';
import { faultyStore } from '../stores/conformance/faulty.js';
import { memoryStore } from '../stores/memory.js';

test.each([
  [
    'rejects',
    async () => {
      throw new Error('no');
    },
  ],
  [
    'throws',
    () => {
      throw new Error('no');
    },
  ],
])('a middleware under ignoringReads that %s hides no later look at the session from caches', async (_, fails) => {
  const app = await startApp((routes, sessions) => {
    routes.post('/sign-in', async (req, res) => {
      await sessionIn(req).signIn('ada');
      res.end();
    });
    routes.use('/private', sessions.ignoringReads(fails));
    routes.use('/private', ((_error, req, res, _next) => {
      res.send(`sorry, ${sessionIn(req).info.owner}`);
    }) as import('express').ErrorRequestHandler);
  });
  const client = app.client();
  await client.post('/sign-in');
  const answer = await client.get('/private');
  await app.close();
  expect(answer.text).toBe('sorry, ada');
  expect(answer.headers['cache-control']).toContain('no-store');
});

test('nothing is kept for a client that left while the store was asked', async () => {
  const clock = new FakeClock();
  const spy = spyOn(memoryStore({ clock }));
  const ran = deferred();
  const left = deferred();
  const app = await startApp(
    (routes) => {
      routes.post('/sign-in', async (req, res) => {
        await sessionIn(req).signIn('ada');
        res.end();
      });
      routes.get('/events', (req) => {
        expect(sessionIn(req).info.signal.aborted).toBe(false);
        ran.resolve();
      });
    },
    { store: spy.store, clock },
  );
  const client = app.client();
  await client.post('/sign-in');
  const timers = clock.pending;
  app.server.prependOnceListener('request', (_req, res) => res.on('close', () => left.resolve()));
  const asked = request({ host: '127.0.0.1', port: app.port, path: '/events', headers: { cookie: client.cookie } });
  asked.on('error', () => {});
  spy.around = (operation, run) => {
    if (operation !== 'read') return run();
    asked.destroy();
    return left.promise.then(run);
  };
  asked.end();
  await ran.promise;
  await spy.settled();
  const kept = clock.pending;
  await app.close();
  expect(kept).toBe(timers);
});

test('a verb that failed unheard before the response fails the response, and never the process (G5)', async () => {
  const faulty = faultyStore(memoryStore());
  const app = await startApp(
    (routes) => {
      routes.post('/begin', (req, res) => {
        sessionIn(req).kept = 1;
        res.json('begun');
      });
      routes.post('/end', async (req, res) => {
        void sessionIn(req).destroy();
        await new Promise((next) => setImmediate(next));
        res.json('ended');
      });
    },
    { store: faulty.store },
  );
  const client = app.client();
  await client.post('/begin');
  faulty.on('end', 'reject', { times: 1 });
  const answer = await client.post('/end');
  expect([answer.status, answer.setCookies]).toEqual([503, []]);
  await app.close();
});

test('an error after a sign-in that is stored carries its token, since the old one is dead', async () => {
  const faulty = faultyStore(memoryStore());
  const app = await startApp(
    (routes) => {
      routes.post('/sign-in', async (req, res) => {
        await sessionIn(req).signIn('ada');
        sessionIn(req).later = 1;
        faulty.on('update', 'reject', { times: 1 });
        res.json('signed in');
      });
    },
    { store: faulty.store },
  );
  const answer = await app.client().post('/sign-in');
  expect([answer.status, answer.setCookies.length]).toEqual([503, 1]);
  await app.close();
});

test('what is thrown at once behind it, after a wait for the store, reaches next and ends no process', async () => {
  const faulty = faultyStore(memoryStore());
  const app = await startApp(
    (routes) => {
      routes.post('/begin', (req, res) => {
        sessionIn(req).cart = 1;
        res.end();
      });
    },
    { store: faulty.store },
  );
  const client = app.client();
  await client.post('/begin');
  // Without Express, which catches what its handlers throw.
  const bare = createServer((req, res) =>
    app.sessions(req as never, res as never, (error?: unknown) => {
      if (error instanceof Error) return void res.writeHead(500).end(error.message);
      throw new Error('thrown at once');
    }),
  ).listen(0, '127.0.0.1');
  await once(bare, 'listening');
  faulty.before('read', () => new Promise((later) => setImmediate(later)));
  const origin = `http://127.0.0.1:${(bare.address() as AddressInfo).port}`;
  const answer = await fetch(origin, { headers: { cookie: `${app.cookieName}=${client.jar.get(app.cookieName)}` } });
  expect(faulty.calls.map(({ method }) => method)).toContain('read');
  expect([answer.status, await answer.text()]).toEqual([500, 'thrown at once']);
  bare.closeAllConnections();
  bare.close();
  await app.close();
});
