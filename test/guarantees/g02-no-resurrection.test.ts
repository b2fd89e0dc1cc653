import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isEnded, isSweepable } from '../../src/core/store.js';
import { sessionIn, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { bearing, type Me, signedIn, tokenOf } from '../support/routes.js';
import { openStage, type Routes, type Stage } from '../support/stage.js';
import { cachedKinds, storeKinds } from '../support/stores.js';
import { Turnstile } from '../support/turnstile.js';

const hourMs = 60 * 60 * 1_000;

/** Ends the session of a client, at this app. */
type End = (client: Client, app: TestApp, stage: Stage, id: string) => unknown;

const endings: Record<string, End> = {
  'sign-out': (client) => client.post('/signOut'),
  'destroy with a callback': (client) => client.post('/destroy-by-callback'),
  'revoke by id': (_client, app, _stage, id) => app.sessions.revoke(id),
  'revoke all of the owner': (_client, app) => app.sessions.revokeAll('ada'),
  'a new sign-in': (client) => client.post('/sign-in/ada'),
  regeneration: (client) => client.post('/regenerate'),
};

describe.each([...storeKinds, ...cachedKinds])('G2, no resurrection: $name', (kind) => {
  const crowd = kind.cached ? 20 : 200;
  let stage: Stage;
  let turnstile: Turnstile;
  beforeEach(async () => {
    stage = await openStage(kind);
    turnstile = new Turnstile();
  });
  afterEach(() => stage.clear());

  const slow: Routes = (app) => {
    app.all('/slow/:how', async (req, res) => {
      const session = sessionIn(req);
      session.early = 1;
      await turnstile.pass();
      session.late = 1;
      if (req.params.how === 'update') await session.update((data) => void Object.assign(data, { updated: 1 }));
      if (req.params.how === 'save') await session.save();
      if (req.params.how === 'reload') await session.reload();
      if (req.params.how === 'touch') session.touch();
      if (req.params.how === 'identity') session.userId = 9;
      if (req.params.how === 'reauthenticate') await session.reauthenticate();
      res.json({ done: true });
    });
    app.post('/destroy-by-callback', (req, res, next) => {
      sessionIn(req).destroy((error) => (error ? next(error) : res.json({ done: true })));
    });
  };
  const hows = ['change', 'update', 'save', 'touch', 'identity', 'reauthenticate'];

  /** Nothing opens with the token: no owner, no data, and the guard refuses. */
  async function expectDead(client: Client): Promise<void> {
    const me = (await client.get('/me')).json<Me>();
    expect(me.owner).toBeUndefined();
    expect(me.data).toEqual({});
    expect((await client.get('/guarded')).status).toBe(401);
  }

  it.runIf(kind.cached)('which is asked less, as its apps answer from memory', async () => {
    const app = await stage.app();
    const client = await signedIn(app, 'ada');
    // The link is made meanwhile. The test's own limit ends it.
    while (app.sessions.cacheStatistics().hits === 0) await client.get('/me');
  });

  describe.each(Object.entries(endings))('%s', (_name, end) => {
    it.each(['the same instance', 'another instance'])(
      `during ${crowd} slow requests that write, at %s, leaves none of the sessions alive`,
      async (where) => {
        const app = await stage.app(slow);
        const other = where === 'another instance' ? await stage.another(slow) : app;
        const sessions = await Promise.all(
          Array.from({ length: crowd }, async () => {
            const client = await signedIn(app, 'ada');
            const stale = client.copy();
            const ender = bearing(other, tokenOf(client));
            return { stale, ender, id: (await client.get('/me')).json<Me>().id };
          }),
        );
        const answers = sessions.map(({ stale }, n) => stale.post(`/slow/${hows[n % hows.length]}`));
        await turnstile.holding(crowd);
        // What ends all sessions of the owner is done once more for each: it has to be safe to repeat.
        for (const { ender, id } of sessions) await end(ender, other, stage, id);
        turnstile.open();
        const settled = await Promise.all(answers);
        expect(new Set(settled.map(({ status }) => status))).toEqual(new Set([401]));
        expect(settled.flatMap(({ setCookies }) => setCookies)).toEqual([]);
        for (const { stale } of sessions) await expectDead(stale);
        for (const { stale, ender } of sessions) {
          stale.close();
          ender.close();
        }
      },
    );

    it('holds against every store call of the session, sent again after its end', async () => {
      const app = await stage.app(slow);
      const client = await signedIn(app, 'ada');
      const stale = client.copy();
      await client.post('/put', { body: { a: 1 } });
      stage.clock.advance(61_000);
      await client.get('/me');
      const { id } = (await client.get('/me')).json<Me>();
      const lived = [...stage.faulty.calls];
      expect(lived.map(({ method }) => method)).toEqual(expect.arrayContaining(['create', 'read', 'update', 'touch']));
      await end(client, app, stage, id);
      const { store } = stage.opened;
      for (const { method, args } of [...lived, ...stage.faulty.calls]) {
        if (method === 'read' || method === 'endByOwner' || method.startsWith('watch')) continue;
        await Reflect.apply(Reflect.get(store, method), store, args);
        await expectDead(stale);
      }
    });

    it('holds against a touch that arrives late', async () => {
      const app = await stage.app(slow);
      const client = await signedIn(app, 'ada');
      const stale = client.copy();
      const { id } = (await client.get('/me')).json<Me>();
      stage.clock.advance(61_000);
      stage.faulty.on('touch', 'delay-call', { times: 1 });
      expect((await client.get('/me')).status).toBe(200);
      await end(client, app, stage, id);
      stage.faulty.release();
      await expectDead(stale);
    });
  });

  it.each(['change', 'update', 'save', 'reload', 'identity', 'reauthenticate', 'touch'])(
    'a session that expired during a slow request is not brought back by it (%s)',
    async (how) => {
      const app = await stage.app(slow);
      const client = await signedIn(app, 'ada');
      const stale = client.copy();
      const answer = client.post(`/slow/${how}`);
      await turnstile.holding(1);
      stage.clock.advance(hourMs);
      await expectDead(stale);
      turnstile.open();
      expect((await answer).status).toBe(401);
      expect((await answer).setCookies).toEqual([]);
      await expectDead(stale);
    },
  );

  it('a slow request that another one kept from expiring keeps its change', async () => {
    const app = await stage.app(slow);
    const client = await signedIn(app, 'ada');
    const answer = client.post('/slow/change');
    await turnstile.holding(1);
    for (let minutes = 0; minutes < 90; minutes += 30) {
      stage.clock.advance(hourMs / 2);
      const touched = deferred();
      stage.faulty.after('touch', () => touched.resolve());
      await client.get('/me');
      await touched.promise;
    }
    turnstile.open();
    expect((await answer).status).toBe(200);
    expect((await client.get('/me')).json<Me>().data).toMatchObject({ early: 1, late: 1 });
  });

  it('the response after which a session is touched does not revive it when it comes after the deadline', async () => {
    const app = await stage.app((it) => {
      it.get('/slow-read', async (req, res) => {
        sessionIn(req).touch();
        await turnstile.pass();
        res.json({ done: true });
      });
    });
    const client = await signedIn(app, 'ada');
    const answer = client.get('/slow-read');
    await turnstile.holding(1);
    stage.clock.advance(hourMs);
    turnstile.open();
    expect((await answer).status).toBe(200);
    await expectDead(client);
  });

  it('a sign-in that began before all sessions of the owner were revoked does not count', async () => {
    const app = await stage.app((it) => {
      it.post('/slow-sign-in', async (req, res) => {
        await turnstile.pass();
        await sessionIn(req).signIn('ada');
        res.json({ done: true });
      });
    });
    const client = app.client();
    const answer = client.post('/slow-sign-in');
    await turnstile.holding(1);
    await app.sessions.revokeAll('ada');
    turnstile.open();
    expect((await answer).status).toBe(401);
    expect((await answer).setCookies).toEqual([]);
    expect(await app.sessions.list('ada')).toEqual([]);
  });

  it('the marker of an ended session outlives the sweep until every request of its time is over', async () => {
    const app = await stage.app(slow);
    const client = await signedIn(app, 'ada');
    const { id } = (await client.get('/me')).json<Me>();
    await client.post('/signOut');
    const { store } = stage.opened;
    if (isSweepable(store)) await store.sweep(stage.clock.now() + 2_000, 1_000);
    const left = await store.read(id as Parameters<typeof store.read>[0]);
    expect(left && isEnded(left)).toBe(true);
  });
});
