import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionStore } from '../../src/core/store.js';
import { sessionIn, startApp, type TestApp } from '../support/app.js';
import type { Answer, Client } from '../support/client.js';
import { deferred } from '../support/deferred.js';
import { expressVersions } from '../support/express-versions.js';
import { FakeClock } from '../support/fake-clock.js';
import { behaviours, passDeadline, planFault, probeEveryMs, storeDeadlineMs } from '../support/planned-fault.js';
import { everyVerb, type Me, signedIn } from '../support/routes.js';
import { openStage, type Stage } from '../support/stage.js';
import { storeKinds } from '../support/stores.js';

function expectOneClearError(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.json<{ code: string }>().code).toBe('ERR_SESSION_STORE_UNAVAILABLE');
  expect(answer.setCookies).toEqual([]);
}

describe.each(storeKinds)('a store that fails: $name', (kind) => {
  let stage: Stage;
  let app: TestApp;
  let client: Client;
  beforeEach(async () => {
    stage = await openStage(kind);
    app = await stage.app();
    client = await signedIn(app, 'ada');
    await client.post('/put', { body: { kept: 1 } });
    app.events.length = 0;
  });
  afterEach(() => stage.clear());

  const expectIntact = async () =>
    expect((await client.get('/me')).json<Me>()).toMatchObject({ owner: 'ada', data: { kept: 1 } });
  const count = (type: string) => app.events.filter((event) => event.type === type).length;

  describe.each(behaviours)('when a lookup goes wrong (%s)', (behaviour) => {
    it.each([
      ['GET', '/me'],
      ['POST', '/put'],
      ['POST', '/signOut'],
      ['POST', '/sign-in/bob'],
      ['POST', '/regenerate'],
      ['GET', '/guarded'],
    ])(
      'a request that needs its session gets one clear error, and no session begins over it: %s %s',
      async (method, path) => {
        const reached = planFault(stage.faulty, 'read', behaviour);
        const answer = client.send(method, path, { body: { stray: 1 } });
        await passDeadline(reached, behaviour, stage.clock);
        expectOneClearError(await answer);
        expect(count('store-fault')).toBe(1);
        stage.faulty.heal();
        stage.clock.advance(probeEveryMs);
        await expectIntact();
        expect(await app.sessions.list('bob')).toEqual([]);
      },
    );

    it('a page that needs none lives', async () => {
      const reached = planFault(stage.faulty, 'read', behaviour);
      const answer = client.get('/public');
      await passDeadline(reached, behaviour, stage.clock);
      expect(await answer).toMatchObject({ status: 200, text: 'public', setCookies: [] });
    });
  });

  it.each(expressVersions)(
    'at the door, every request that has a cookie fails at once, and the app lives: %s',
    async (_version, makeApp) => {
      const door = await stage.app(undefined, { onStoreFault: 'door' }, makeApp);
      const visitor = await (async () => {
        const fresh = door.client();
        await fresh.post('/put', { body: { kept: 1 } });
        return fresh;
      })();
      stage.faulty.vanish();
      expectOneClearError(await visitor.get('/public'));
      expectOneClearError(await visitor.get('/me'));
      expect((await door.client().get('/public')).status).toBe(200);
      stage.faulty.heal();
      stage.clock.advance(probeEveryMs);
      expect((await visitor.get('/me')).json<Me>().data).toEqual({ kept: 1 });
    },
  );

  it('the door is the default on Express 4, whose async handlers could not throw', async () => {
    const [, makeExpress4] = expressVersions.find(([name]) => name === 'Express 4') ?? [];
    const four = await stage.app(undefined, {}, makeExpress4);
    const visitor = four.client();
    await visitor.post('/put', { body: { kept: 1 } });
    stage.faulty.vanish();
    expectOneClearError(await visitor.get('/public'));
  });

  it('after a fault, calls fail at once without asking the store, and one in 250 ms is a probe', async () => {
    stage.faulty.vanish();
    const asked = () => stage.faulty.calls.length;
    const before = asked();
    expectOneClearError(await client.get('/me'));
    expect(asked()).toBe(before + 1);
    for (let n = 0; n < 20; n++) expectOneClearError(await client.get('/me'));
    expect(asked()).toBe(before + 1);
    for (let probe = 2; probe <= 4; probe++) {
      stage.clock.advance(probeEveryMs);
      for (let n = 0; n < 5; n++) expectOneClearError(await client.get('/me'));
      expect(asked()).toBe(before + probe);
    }
    expect(count('store-recovered')).toBe(0);
    stage.faulty.heal();
    stage.clock.advance(probeEveryMs - 1);
    expectOneClearError(await client.get('/me'));
    stage.clock.advance(1);
    await expectIntact();
    expect(count('store-recovered')).toBe(1);
    await expectIntact();
  });

  it('a hundred requests that hang together get an error each when the deadline passes, and leave no timer', async () => {
    const timers = stage.clock.pending;
    const all = deferred();
    let reached = 0;
    stage.faulty.before(
      'read',
      () => {
        if (++reached === 100) all.resolve();
      },
      { times: 100 },
    );
    stage.faulty.on('read', 'hang');
    const answers = Array.from({ length: 100 }, () => client.get('/me'));
    await all.promise;
    stage.clock.advance(storeDeadlineMs);
    for (const answer of await Promise.all(answers)) expectOneClearError(answer);
    expect(stage.clock.pending).toBe(timers);
    stage.faulty.heal();
    stage.clock.advance(probeEveryMs);
    await expectIntact();
  });

  it.each(['reject', 'lose-reply'] as const)(
    'a call that was answered, or that failed, leaves no timer: %s',
    async (behaviour) => {
      const timers = stage.clock.pending;
      for (const method of ['read', 'update'] as const) {
        stage.faulty.on(method, behaviour, { times: 1 });
        expectOneClearError(await client.post('/put', { body: { again: method } }));
        expect(stage.clock.pending).toBe(timers);
        stage.clock.advance(probeEveryMs);
        expect((await client.post('/put', { body: { once: `more ${method}` } })).status).toBe(200);
        expect(stage.clock.pending).toBe(timers);
      }
    },
  );

  it('a store that vanishes between the lookup and the commit fails the request, and comes back without a restart', async () => {
    const shaky = await stage.app((it) => {
      it.post('/shaky', (req, res) => {
        sessionIn(req).changed = 1;
        stage.faulty.vanish();
        res.json({ done: true });
      });
    });
    const visitor = await signedIn(shaky, 'ada');
    for (let round = 0; round < 3; round++) {
      expectOneClearError(await visitor.post('/shaky'));
      stage.faulty.heal();
      stage.clock.advance(probeEveryMs);
      expect((await visitor.get('/me')).json<Me>()).toMatchObject({ owner: 'ada', data: {} });
    }
  });

  it.each(behaviours)('a touch that goes wrong after the response is no error to anybody: %s', async (behaviour) => {
    stage.clock.advance(61_000);
    const reached = planFault(stage.faulty, 'touch', behaviour);
    expect((await client.get('/me')).status).toBe(200);
    await passDeadline(reached, behaviour, stage.clock);
    // Nobody waits for a touch: only the event tells that it has failed.
    await expect.poll(() => app.events.map(({ type }) => type)).toContain('store-fault');
    stage.faulty.heal();
    stage.clock.advance(probeEveryMs);
    await expectIntact();
  });

  it.each(behaviours)('a revocation that the store does not confirm is not claimed: %s', async (behaviour) => {
    const { id } = (await client.get('/me')).json<Me>();
    for (const [method, revoke] of [
      ['end', () => app.sessions.revoke(id)],
      ['endByOwner', () => app.sessions.revokeAll('ada')],
    ] as const) {
      const reached = planFault(stage.faulty, method, behaviour);
      const revoked = expect(revoke()).rejects.toMatchObject({
        code: 'ERR_SESSION_STORE_UNAVAILABLE',
        outcome: 'unknown',
      });
      await passDeadline(reached, behaviour, stage.clock);
      await revoked;
      stage.faulty.heal();
      stage.clock.advance(probeEveryMs);
    }
  });
});

describe('a store with manners of its own', () => {
  const odd: Record<string, (answer: unknown) => unknown> = {
    'answers twice': (answer) => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then(resolve: (value: unknown) => void, reject: (error: unknown) => void) {
        resolve(answer);
        resolve(undefined);
        reject(new Error('second thoughts'));
      },
    }),
    'is a thenable that answers at once': (answer) => ({
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
      then: (resolve: (value: unknown) => void) => resolve(answer),
    }),
  };

  it.each(Object.entries(odd))('%s: the first answer counts', async (_manner, wrap) => {
    const stage = await openStage(storeKinds[0] as (typeof storeKinds)[number]);
    const store = new Proxy(stage.opened.store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function' || name === 'close' || name === 'watch') return member;
        return (...args: unknown[]) => wrap(Reflect.apply(member, target, args));
      },
    }) as SessionStore;
    const clock = new FakeClock();
    const app = await startApp(everyVerb, { store, clock });
    const client = await signedIn(app, 'ada');
    await client.post('/put', { body: { a: 1 } });
    expect((await client.get('/me')).json<Me>()).toMatchObject({ owner: 'ada', data: { a: 1 } });
    expect((await client.post('/signOut')).status).toBe(200);
    expect((await client.get('/guarded')).status).toBe(401);
    expect(app.events.filter(({ type }) => type === 'store-fault')).toEqual([]);
    await app.close();
    await stage.clear();
  });
});
