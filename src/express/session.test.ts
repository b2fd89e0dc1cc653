import { request } from 'node:http';
import { expect, test } from 'vitest';
import { sessionIn, startApp } from '../../test/support/app.js';
import { deferred } from '../../test/support/deferred.js';
import { FakeClock } from '../../test/support/fake-clock.js';
import { spyOn } from '../../test/support/spy-store.js';
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
