import type { RequestHandler } from 'express';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SessionOptions, TimeLeft } from '../../src/index.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { everyVerb, type Me, signedIn } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const minute = 60_000;

describe.each(storeKinds)('G8, clocks hold for requests that nobody makes: $name', (kind) => {
  let opened: OpenStore;
  let clock: FakeClock;
  let spy: Spy;

  beforeEach(async () => {
    opened = await kind.open();
    clock = new FakeClock();
    spy = spyOn(opened.store);
    const { remove } = opened;
    onTestFinished(() => remove());
  });

  async function start(options: SessionOptions = {}): Promise<TestApp> {
    const app = await startApp(
      (target, sessions) => {
        target.get('/time-left', sessions.timeLeft());
        everyVerb(target, sessions);
        const waits: RequestHandler = (req, _res, next) => {
          void sessionIn(req).owner;
          clock.advance(Number(req.query.ms));
          next();
        };
        target.get('/waits/time-left', waits, sessions.timeLeft());
        target.all('/poll', sessions.background(), (req, res) => res.json({ owner: sessionIn(req).info.owner }));
        target.all('/poll-and-write', sessions.background(), (req, res) => {
          sessionIn(req).polls = (sessionIn(req).polls ?? 0) + 1;
          res.json({});
        });
        target.all('/poll-and-update', sessions.background(), async (req, res) => {
          await sessionIn(req).update<{ polls?: number }>((data) => {
            data.polls = (data.polls ?? 0) + 1;
          });
          res.json({});
        });
        target.all('/poll-and-touch', sessions.background(), (req, res) => {
          sessionIn(req).touch();
          res.json({});
        });
      },
      { idle: '10m', absolute: '1h', store: spy.store, clock, ...options },
    );
    onTestFinished(() => app.close());
    return app;
  }

  const pass = async (ms: number): Promise<void> => {
    await spy.settled();
    clock.advance(ms);
    await spy.settled();
  };
  const timeLeft = async (client: Client): Promise<TimeLeft> => (await client.get('/time-left')).json<TimeLeft>();

  it.each([
    ['GET', '/poll'],
    ['POST', '/poll'],
    ['GET', '/time-left'],
    ['POST', '/poll-and-write'],
    ['POST', '/poll-and-update'],
  ])('%s %s every minute does not keep a session alive', async (method, path) => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    for (let at = 0; at < 10; at++) {
      expect((await client.send(method, path)).status).toBe(200);
      await pass(minute);
    }
    expect((await client.get('/guarded')).status).toBe(401);
  });

  it('what such a request changes is stored all the same', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    await client.post('/poll-and-write');
    await client.post('/poll-and-update');
    expect((await client.get('/me')).json<Me>().data).toEqual({ polls: 2 });
  });

  it('touch() by name counts, on such a route too', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    await pass(9 * minute);
    await client.post('/poll-and-touch');
    await pass(9 * minute);
    expect((await client.get('/guarded')).status).toBe(200);
  });

  it('polling neither brings a new token nor keeps the next real request from it', async () => {
    const app = await start({ idle: '1h', absolute: '24h', renewEvery: '15m' });
    const client = await signedIn(app, 'ada');
    const before = client.cookie;
    await pass(20 * minute);
    for (const path of ['/poll', '/time-left', '/poll-and-write']) {
      expect((await client.get(path)).setCookies, path).toEqual([]);
    }
    expect((await client.get('/public')).setCookies).toHaveLength(1);
    expect(client.cookie).not.toBe(before);
    // A successor that arrives first with a poll becomes current, and moves no deadline.
    const left = (await timeLeft(client)).expiresInMs;
    await client.get('/poll');
    await spy.settled();
    expect((await timeLeft(client)).expiresInMs).toBe(left);
  });

  it('the time left says how long, to the millisecond, and who is asked about', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    const left = { alive: true, signedIn: true, endedReason: null };
    expect(await timeLeft(client)).toEqual({ ...left, expiresInMs: 10 * minute, endsInMs: 60 * minute });
    await pass(3 * minute);
    const answer = await client.get('/time-left');
    expect(answer.json()).toEqual({ ...left, expiresInMs: 7 * minute, endsInMs: 57 * minute });
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(answer.setCookies).toEqual([]);
    // Another tab is used: the answer knows, since it asks the store.
    await client.copy().get('/guarded');
    await spy.settled();
    expect((await timeLeft(client)).expiresInMs).toBe(10 * minute);
    for (let at = 0; at < 6; at++) {
      await pass(9 * minute);
      await client.get('/guarded');
      // The touch goes out after the response, and the next question may overtake it.
      await spy.settled();
    }
    // Near the absolute limit, use does not help: the two meet.
    expect(await timeLeft(client)).toEqual({ ...left, expiresInMs: 3 * minute, endsInMs: 3 * minute });
    await pass(3 * minute);
    const over = { alive: false, signedIn: false, expiresInMs: 0, endsInMs: 0 };
    expect(await timeLeft(client)).toEqual({ ...over, endedReason: 'expired' });
  });

  it('a session whose time runs out while its request is under way is over in each part of the answer', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    const leftAfter = async (ms: number) => (await client.get(`/waits/time-left?ms=${ms}`)).json<TimeLeft>();
    expect(await leftAfter(10 * minute - 1)).toMatchObject({ alive: true, expiresInMs: 1, endsInMs: 50 * minute + 1 });
    expect(await leftAfter(1)).toEqual({
      alive: false,
      signedIn: false,
      expiresInMs: 0,
      endsInMs: 0,
      endedReason: 'expired',
    });
  });

  it('the time left of nobody is none, of a revoked session too, and asking begins nothing', async () => {
    const app = await start();
    const over = { alive: false, signedIn: false, expiresInMs: 0, endsInMs: 0 };
    const answer = await app.client().get('/time-left');
    expect([answer.json(), answer.setCookies]).toEqual([{ ...over, endedReason: null }, []]);
    const client = await signedIn(app, 'ada');
    await app.sessions.revokeAll('ada', { reason: 'password-changed' });
    expect(await timeLeft(client)).toEqual({ ...over, endedReason: 'password-changed' });
    const visitor = app.client();
    await visitor.post('/put', { body: { cart: 1 } });
    expect(await timeLeft(visitor)).toMatchObject({ alive: true, signedIn: false, expiresInMs: 10 * minute });
  });

  it('a store that cannot say is 503', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    await spy.settled();
    spy.around = () => Promise.reject(new Error('no link'));
    expect((await client.get('/time-left')).status).toBe(503);
  });
});

it('background() and timeLeft() without session() name what is missing', async () => {
  const { sessions } = await startApp(() => {}).then((app) => {
    onTestFinished(() => app.close());
    return app;
  });
  for (const middleware of [sessions.background(), sessions.timeLeft()]) {
    const error = await new Promise((resolve) => middleware({} as never, {} as never, resolve));
    expect(error).toMatchObject({ code: 'ERR_SESSION_MIDDLEWARE_MISSING' });
  }
});
