import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionId } from '../../src/core/ids.js';
import type { SessionOptions } from '../../src/index.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type Spy, spyOn } from '../support/spy-store.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];

interface Clocks {
  readonly expiresAt: number;
  readonly endsAt: number;
}

describe.each(storeKinds)('G8, clocks hold: $name', (kind) => {
  let opened: OpenStore;
  let clock: FakeClock;
  let spy: Spy;
  const apps: TestApp[] = [];

  beforeEach(async () => {
    opened = await kind.open();
    clock = new FakeClock();
    spy = spyOn(opened.store);
    // A store that never removes what has expired: the limits must not depend on its sweeping.
    spy.around = (operation, run) => (operation === 'sweep' ? 0 : run());
  });
  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await opened.remove();
  });

  async function start(options: SessionOptions = {}): Promise<TestApp> {
    const app = await startApp(
      (target, sessions) => {
        target.get('/clocks', (req, res) => {
          const { expiresAt, endsAt } = sessionIn(req).info;
          res.json({ expiresAt: expiresAt?.getTime(), endsAt: endsAt?.getTime() });
        });
        everyVerb(target, sessions);
      },
      { idle: '10m', absolute: '1h', store: spy.store, clock, ...options },
    );
    apps.push(app);
    return app;
  }

  /** Time passes while nothing is under way: a fake clock that jumps over a store's deadline makes a fault of it. */
  async function pass(ms: number): Promise<void> {
    await spy.settled();
    clock.advance(ms);
    await spy.settled();
  }

  const isIn = async (client: Client): Promise<boolean> => (await client.get('/guarded')).status === 200;
  const clocksOf = async (client: Client): Promise<Clocks> => (await client.get('/clocks')).json<Clocks>();

  describe('the idle limit', () => {
    it('lets a session live to its last millisecond, and not one longer', async () => {
      const app = await start();
      const [used, unused] = [await signedIn(app, 'ada'), await signedIn(app, 'ada')];
      await pass(10 * minute - 1);
      expect(await isIn(used)).toBe(true);
      await pass(1);
      expect(await isIn(unused)).toBe(false);
      expect((await unused.post('/guarded')).status).toBe(401);
      expect(app.events).toContainEqual(expect.objectContaining({ type: 'token-refused', reason: 'idle-expired' }));
      expect(await isIn(used)).toBe(true);
      await pass(10 * minute);
      expect(await isIn(used)).toBe(false);
    });

    it('is only ever shortened by writing it seldom, by no more than the throttle', async () => {
      const app = await start({ touchEvery: '60s' });
      const client = await signedIn(app, 'ada');
      await pass(minute - 1);
      spy.forget();
      expect(await isIn(client)).toBe(true);
      await spy.settled();
      expect(spy.count('touch')).toBe(0);
      await pass(1);
      expect(await isIn(client)).toBe(true);
      await spy.settled();
      expect(spy.count('touch')).toBe(1);
      await pass(10 * minute - 1);
      const copy = client.copy();
      expect(await isIn(copy)).toBe(true);
      await pass(10 * minute);
      expect(await isIn(client)).toBe(false);
    });

    it('is throttled to a tenth of itself, whatever is configured', async () => {
      const app = await start({ idle: '10s', touchEvery: '60s' });
      const client = await signedIn(app, 'ada');
      for (let used = 0; used < 60; used++) {
        await pass(second);
        expect(await isIn(client)).toBe(true);
      }
    });

    it('is not moved by a response that ends long after its request came', async () => {
      const gate = deferred();
      const arrived = deferred();
      const app = await start();
      app.app.get('/slow', async (req, res) => {
        arrived.resolve(sessionIn(req).info.isNew as never);
        await gate.promise;
        res.send('done');
      });
      const client = await signedIn(app, 'ada');
      // Late enough for a touch to be due when the response is over.
      await pass(2 * minute);
      const slow = client.copy().get('/slow');
      await arrived.promise;
      await pass(11 * minute);
      expect(await isIn(client)).toBe(false);
      gate.resolve();
      expect((await slow).status).toBe(200);
      await spy.settled();
      expect(await isIn(client)).toBe(false);
    });

    it('is not outlived by a change that was made before it and is stored after it', async () => {
      const gate = deferred();
      const arrived = deferred();
      const app = await start();
      app.app.post('/slow', async (req, res) => {
        sessionIn(req).late = 'change';
        arrived.resolve();
        await gate.promise;
        res.send('done');
      });
      const client = await signedIn(app, 'ada');
      const slow = client.copy().post('/slow');
      await arrived.promise;
      await pass(11 * minute);
      expect(await isIn(client)).toBe(false);
      gate.resolve();
      expect((await slow).status).toBe(401);
      expect(await isIn(client)).toBe(false);
    });
  });

  describe('the absolute limit', () => {
    it('ends a session that is used all the time, to the millisecond', async () => {
      const app = await start();
      const client = await signedIn(app, 'ada');
      for (let passed = 0; passed < hour - 5 * minute; passed += 5 * minute) {
        expect(await isIn(client)).toBe(true);
        await pass(5 * minute);
      }
      expect(await isIn(client)).toBe(true);
      await pass(5 * minute - 1);
      expect(await isIn(client)).toBe(true);
      await pass(1);
      expect(await isIn(client)).toBe(false);
      expect(app.events).toContainEqual(expect.objectContaining({ type: 'token-refused', reason: 'absolute-expired' }));
    });

    const keeps: Record<string, (client: Client) => Promise<unknown>> = {
      'changed data': (client) => client.post('/put', { body: { views: 1 } }),
      update: (client) => client.post('/update', { body: { views: 2 } }),
      save: (client) => client.post('/save'),
      'a rise in privilege': (client) => client.post('/put', { body: { role: 'admin' } }),
      elevation: (client) => client.post('/elevate/payments'),
      'a changed credential': (client) => client.post('/credential-changed'),
      use: (client) => client.get('/me'),
    };
    it.each(Object.entries(keeps))('is not moved by %s', async (_name, use) => {
      const app = await start();
      const client = await signedIn(app, 'ada');
      const { endsAt } = await clocksOf(client);
      expect(endsAt).toBe(clock.now() + hour);
      for (let passed = 0; passed < hour - 5 * minute; passed += 5 * minute) {
        await pass(5 * minute);
        await use(client);
        expect((await clocksOf(client)).endsAt).toBe(endsAt);
      }
      await pass(5 * minute);
      expect(await isIn(client)).toBe(false);
    });

    it('is not moved by renewal of the token', async () => {
      const app = await start({ renewEvery: '5m' });
      const client = await signedIn(app, 'ada');
      const tokens = new Set<string>();
      for (let passed = 0; passed < hour; passed += 5 * minute) {
        tokens.add(tokenOf(client));
        expect(await isIn(client)).toBe(true);
        await pass(5 * minute);
      }
      expect(tokens.size).toBeGreaterThan(4);
      expect(await isIn(client)).toBe(false);
    });

    it('is not moved by an identity that is set by hand a second time', async () => {
      const app = await start();
      const client = app.client();
      await client.post('/put', { body: { userId: 1 } });
      const { endsAt } = await clocksOf(client);
      await pass(5 * minute);
      const before = tokenOf(client);
      await client.post('/put', { body: { userId: 2 } });
      expect(tokenOf(client)).not.toBe(before);
      expect((await clocksOf(client)).endsAt).toBe(endsAt);
    });

    it('is moved by proving again who one is', async () => {
      const app = await start();
      const client = await signedIn(app, 'ada');
      await pass(9 * minute);
      await client.post('/reauthenticate');
      expect(await clocksOf(client)).toEqual({ expiresAt: clock.now() + 10 * minute, endsAt: clock.now() + hour });
    });

    it('leaves nothing of a person to a session that starts its clocks again by regenerate', async () => {
      const app = await start();
      const client = await signedIn(app, 'ada');
      await client.post('/put', { body: { cart: ['tea'] } });
      await pass(5 * minute);
      await client.post('/regenerate');
      expect((await client.get('/me')).json<Me>()).toMatchObject({ data: {} });
      expect(await isIn(client)).toBe(false);
    });
  });

  describe('configuration', () => {
    it.each([
      ['idle', { idle: '1m' }],
      ['absolute', { idle: '1m', absolute: '1m' }],
    ] as const)('shortens the %s limit of sessions that are stored already', async (_name, shorter) => {
      const app = await start();
      const short = await start(shorter);
      const client = await signedIn(app, 'ada');
      await pass(minute - 1);
      expect(await isIn(bearing(short, tokenOf(client)))).toBe(true);
      const unused = await signedIn(app, 'ada');
      await pass(minute);
      expect(await isIn(bearing(short, tokenOf(unused)))).toBe(false);
    });

    it('shortens the absolute limit under continuous use too', async () => {
      const app = await start();
      const short = await start({ absolute: '20m' });
      const client = await signedIn(app, 'ada');
      const there = bearing(short, tokenOf(client));
      for (let passed = 0; passed < 20 * minute; passed += 5 * minute) {
        expect(await isIn(there)).toBe(true);
        await pass(5 * minute);
      }
      expect(await isIn(there)).toBe(false);
    });

    it('that is longer does not lengthen sessions that are stored already', async () => {
      const app = await start();
      const long = await start({ idle: '5h', absolute: '30h' });
      const [idle, used] = [await signedIn(app, 'ada'), await signedIn(app, 'ada')];
      const [idleThere, usedThere] = [bearing(long, tokenOf(idle)), bearing(long, tokenOf(used))];
      for (let passed = 0; passed < hour; passed += 5 * minute) {
        expect((await usedThere.post('/update', { body: { passed } })).status).toBe(200);
        await pass(5 * minute);
        if (passed === 5 * minute) expect(await isIn(idleThere)).toBe(false);
      }
      expect(await isIn(usedThere)).toBe(false);
    });

    it.each([
      ['aal1', 14 * day, 30 * day],
      ['aal2', hour, day],
      ['aal3', 15 * minute, 12 * hour],
    ] as const)('preset %s has the limits of its assurance level', async (preset, idle, absolute) => {
      const app = await startApp(
        (target) => {
          target.get('/', async (req, res) => {
            await sessionIn(req).signIn('ada');
            const { expiresAt, endsAt } = sessionIn(req).info;
            res.json({ expiresAt: expiresAt?.getTime(), endsAt: endsAt?.getTime() });
          });
        },
        { preset, store: spy.store, clock },
      );
      apps.push(app);
      const answer = (await app.client().get('/')).json<Clocks>();
      expect(answer).toEqual({ expiresAt: clock.now() + idle, endsAt: clock.now() + absolute });
    });
  });

  it('a sign-in may ask for shorter limits of its own, and keeps them through a re-authentication', async () => {
    const app = await start({ idle: '2h', absolute: '5h' });
    const client = await signedIn(app, 'ada', { idle: '1m', absolute: '90s' });
    expect(await clocksOf(client)).toEqual({ expiresAt: clock.now() + minute, endsAt: clock.now() + 90_000 });
    await pass(minute - 1);
    expect(await isIn(client)).toBe(true);
    await client.post('/reauthenticate');
    expect(await clocksOf(client)).toEqual({ expiresAt: clock.now() + minute, endsAt: clock.now() + 90_000 });
    await pass(minute);
    expect(await isIn(client)).toBe(false);
  });

  it.each([{ absolute: '61m' }, { idle: '16m' }])('a sign-in can not ask for longer limits: %j', async (longer) => {
    const app = await start({ idle: '15m', absolute: '1h' });
    const answer = await app.client().post('/sign-in/ada', { body: longer });
    expect(answer.json()).toMatchObject({ code: 'ERR_SESSION_ARGUMENT' });
    expect(answer.setCookies).toEqual([]);
  });

  it("the cookie's Max-Age is the rest of the absolute limit, and the browser that ignores it gains nothing", async () => {
    const app = await start({ persistent: true });
    const client = app.client();
    const answer = await client.post('/sign-in/ada');
    expect(answer.setCookies[0]).toMatch(/; Max-Age=3600$/);
    await pass(hour);
    expect(await isIn(client)).toBe(false);
    const session = await (await start()).client().post('/sign-in/ada');
    expect(session.setCookies[0]).not.toMatch(/max-age|expires/i);
  });

  it('an idle deadline that somebody wrote into the store does not pass the absolute limit', async () => {
    const app = await start();
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me & { id: SessionId }>();
    await opened.store.touch(id, clock.now() + 1000 * day);
    await pass(hour - 1);
    expect(await isIn(client)).toBe(true);
    await pass(1);
    expect(await isIn(client)).toBe(false);
  });

  it('a clock that goes back neither revives what was ended nor shortens nor lengthens what lives', async () => {
    const app = await start();
    const [ended, alive] = [await signedIn(app, 'ada'), await signedIn(app, 'grace')];
    const copy = ended.copy();
    const clocks = await clocksOf(alive);
    await ended.post('/signOut');
    clock.stepWall(-30 * minute);
    expect(await isIn(copy)).toBe(false);
    expect((await alive.post('/update', { body: { views: 1 } })).status).toBe(200);
    await spy.settled();
    expect(await clocksOf(alive)).toEqual(clocks);
    await pass(40 * minute);
    expect(await isIn(alive)).toBe(false);
  });

  it('a clock that goes back does not let a revoked sign-in through', async () => {
    const app = await start();
    const startedAt = clock.now();
    await pass(second);
    await app.sessions.revokeAll('ada');
    clock.stepWall(-30 * minute);
    expect((await app.client().post('/sign-in/ada', { body: { startedAt } })).status).toBe(401);
  });
});
