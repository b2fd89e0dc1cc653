import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/stores/memory.js';
import { startApp, type TestApp } from '../support/app.js';
import type { Client } from '../support/client.js';
import { Client as Browser } from '../support/client.js';
import { FakeClock } from '../support/fake-clock.js';
import { bearing, everyVerb, type Me, signedIn, tokenOf } from '../support/routes.js';
import { type OpenStore, storeKinds } from '../support/stores.js';

/** The same browser at another instance, whose cookies go by other names because of its port. */
function redirected(client: Client, from: TestApp, to: TestApp): Browser {
  const jar = [...client.jar].map(([name, value]) => [name.replace(from.cookieName, to.cookieName), value] as const);
  return new Browser(to.origin, jar);
}

const tagName = (app: TestApp): string => `${app.cookieName}-v`;

/** Asks until it holds; the test's own limit ends it otherwise. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}

const pushing = storeKinds.filter(({ name }) => ['memory', 'redis', 'postgres'].includes(name));

describe.each(pushing)('the cache between two instances: $name', (kind) => {
  let opened: OpenStore;
  let here: TestApp;
  let there: TestApp;
  /** Stands still, so that what is in memory does not become too old by itself while a machine is busy. */
  let clock: FakeClock;

  beforeEach(async () => {
    opened = await kind.open({ pushes: true });
    clock = new FakeClock(Date.now());
    const routes: Parameters<typeof startApp>[0] = (app, sessions) => {
      app.get('/why', (req, res) => res.json(sessions.explain(req)));
      everyVerb(app, sessions);
    };
    here = await startApp(routes, { store: opened.store, clock, cache: true });
    there = await startApp(routes, { store: opened.reopen?.() ?? opened.store, clock, cache: true });
  });
  afterEach(async () => {
    await here.sessions.close();
    await there.sessions.close();
    await here.close();
    await there.close();
    await opened.remove();
  });

  /** A client whose session is in the memory of both instances, ready to answer. */
  async function known(): Promise<{ client: Client; away: Client }> {
    // A sign-in at the moment of a revocation is barred.
    clock.advance(1);
    const client = await signedIn(here, 'ada');
    const away = bearing(there, tokenOf(client));
    for (const [app, asker] of [
      [here, client],
      [there, away],
    ] as const) {
      await until(async () => {
        const { hits } = app.sessions.cacheStatistics();
        await asker.get('/me');
        return app.sessions.cacheStatistics().hits > hits;
      });
    }
    return { client, away };
  }

  it('a safe request is answered from memory, says so, and shows what the store has', async () => {
    const { client } = await known();
    const answer = (await client.get('/why')).json<{ because: string[]; session: string }>();
    expect(answer.session).toBe('signed-in');
    expect(answer.because).toEqual(['The cookie opened the session, from memory: the store was not asked.']);
    expect((await client.post('/me')).json<Me>().owner).toBe('ada');
    expect((await client.get('/me')).json<Me>().owner).toBe('ada');
  });

  it('a browser that is redirected to another instance sees what it has just changed, 50 times of 50', async () => {
    const { client } = await known();
    for (let round = 0; round < 50; round++) {
      const changed = await client.post('/put', { body: { round } });
      expect(changed.setCookies).toHaveLength(1);
      expect(changed.setCookies[0]).toMatch(
        new RegExp(`^${tagName(here)}=[A-Za-z0-9_-]{11}; Path=/; HttpOnly; SameSite=Lax; Max-Age=5$`),
      );
      const away = redirected(client, here, there);
      expect((await away.get('/me')).json<Me>().data).toEqual({ round });
      expect((await away.get('/me')).json<Me>().data).toEqual({ round });
      away.close();
    }
    expect(there.sessions.cacheStatistics().hits).toBeGreaterThanOrEqual(25);
  });

  it('a response that did not change the session carries no tag, whatever else it did', async () => {
    const { client } = await known();
    for (const path of ['/me', '/guarded', '/public', '/save', '/reload', '/signOut']) {
      const answer = await client.post(path);
      expect([path, answer.setCookies.filter((line) => line.startsWith(tagName(here)))]).toEqual([path, []]);
    }
    const other = await signedIn(here, 'ada');
    expect([...other.jar.keys()]).toEqual([here.cookieName]);
    expect((await other.post('/reauthenticate')).setCookies).toHaveLength(1);
    expect((await here.client().post('/put', { body: { a: 1 } })).setCookies).toHaveLength(1);
  });

  it('a tag that somebody made up, or several, have the store asked and open nothing', async () => {
    const { client, away } = await known();
    const { asked } = here.sessions.cacheStatistics();
    const tags = ['', 'x', 'AAAAAAAAAAA', '%00', 'A'.repeat(4_000)];
    for (const tag of tags) {
      const cookie = `${client.cookie}; ${tagName(here)}=${tag}`;
      expect((await client.get('/me', { cookie })).json<Me>().owner).toBe('ada');
    }
    const twice = `${client.cookie}; ${tagName(here)}=AAAAAAAAAAA; ${tagName(here)}=BBBBBBBBBBB`;
    expect((await client.get('/me', { cookie: twice })).json<Me>().owner).toBe('ada');
    expect(here.sessions.cacheStatistics().asked.tagged).toBe(asked.tagged + tags.length + 1);
    expect((await away.get('/me', { cookie: `${tagName(there)}=AAAAAAAAAAA` })).json<Me>().owner).toBeUndefined();
  });

  it('a session that was ended there is refused here: at once for unsafe methods, with its notice for safe ones', async () => {
    const ways: ((client: Client, id: string) => Promise<unknown>)[] = [
      (client) => client.post('/signOut'),
      (client) => client.post('/destroy'),
      (_, id) => here.sessions.revoke(id),
      () => here.sessions.revokeAll('ada'),
      (client) => client.post('/regenerate'),
    ];
    for (const end of ways) {
      const { client, away } = await known();
      const { id } = (await away.get('/me')).json<Me>();
      const copy = client.copy();
      await end(client, id);
      expect((await away.post('/guarded')).status).toBe(401);
      expect((await copy.get('/guarded')).status).toBe(401);
      await until(async () => (await away.get('/guarded')).status === 401);
    }
  });

  it('an open stream hears of an end elsewhere by its notice', async () => {
    const { away, client } = await known();
    const signal = await new Promise<AbortSignal>((resolve) => {
      there.app.get('/hold', (req) =>
        resolve((req as never as { session: { info: { signal: AbortSignal } } }).session.info.signal),
      );
      away.get('/hold').catch(() => undefined);
    });
    const heard = new Promise((resolve) => signal.addEventListener('abort', resolve));
    await client.post('/signOut');
    await heard;
    expect(signal.aborted).toBe(true);
    there.server.closeAllConnections();
  });
});

describe('the cache and the idle deadline', () => {
  it('a page that polls one instance is told of the use that another has seen', async () => {
    const clock = new FakeClock();
    const store = memoryStore();
    const routes: Parameters<typeof startApp>[0] = (app, sessions) => {
      app.get('/time', sessions.timeLeft());
      everyVerb(app, sessions);
    };
    const options = { store, clock, cache: true, idle: '10m', touchEvery: '60s' } as const;
    const here = await startApp(routes, options);
    const there = await startApp(routes, options);
    const client = await signedIn(here, 'ada');
    const away = bearing(there, tokenOf(client));
    const left = async () => (await away.get('/time')).json<{ expiresInMs: number }>().expiresInMs;
    for (let second = 0; second < 61; second++) {
      expect(await left()).toBe(600_000 - second * 1_000);
      clock.advance(1_000);
    }
    expect(there.sessions.cacheStatistics().hits).toBeGreaterThan(50);
    await client.get('/me');
    expect(await left()).toBe(600_000);
    clock.advance(1_000);
    expect(await left()).toBe(599_000);
    for (const app of [here, there]) await app.close();
  });

  it('a session that another instance keeps in use does not end early, and one that nobody uses ends on time', async () => {
    const clock = new FakeClock();
    const store = memoryStore();
    const options = { store, clock, cache: true, idle: '60s' } as const;
    const here = await startApp(everyVerb, options);
    const there = await startApp(everyVerb, options);
    const client = await signedIn(here, 'ada');
    const away = bearing(there, tokenOf(client));
    await away.get('/guarded');
    for (let step = 0; step < 10; step++) {
      clock.advance(50_000);
      expect((await client.get('/guarded')).status).toBe(200);
    }
    expect((await away.get('/guarded')).status).toBe(200);
    clock.advance(60_000);
    for (const asker of [client, away]) expect((await asker.get('/guarded')).status).toBe(401);
    for (const app of [here, there]) await app.close();
  });
});
